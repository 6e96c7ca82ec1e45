using System.CommandLine;
using Forebay.Control.FleetFile;

namespace Forebay.Commands;

/// <summary><c>forebay schema</c>: the form of the fleet file, for editors and for the docs.</summary>
public static class SchemaCommand
{
    public static Command Create()
    {
        var markdown = new Option<bool>("--markdown") { Description = "Write the reference page instead." };
        var command = new Command("schema", "Write the fleet file's JSON Schema, for editors.") { markdown };
        command.SetAction(parsed =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            output.Write(parsed.GetValue(markdown) ? FleetReferencePage.Write() : FleetSchema.WriteJson());
            return 0;
        });
        return command;
    }
}
