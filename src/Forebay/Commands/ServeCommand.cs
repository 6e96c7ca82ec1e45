using System.CommandLine;
using Forebay.Serve;

namespace Forebay.Commands;

/// <summary><c>forebay serve</c>: the pool of a fleet file, without emulators.</summary>
public static class ServeCommand
{
    public static Command Create()
    {
        var options = new ServeOptions(fileRequired: true, quiet: false);
        Command command = new ServingCommand(
            "serve", "Serve the fleet of a file: only deployments with an endpoint are served.");
        options.AddTo(command);
        command.SetAction((parsed, _) => options.RunAsync(parsed, settings => settings));
        return command;
    }
}
