using System.Buffers;
using System.Collections.Frozen;
using System.CommandLine;
using System.Text;
using System.Text.Json;
using Forebay.Control.FleetFile;
using Forebay.Core.Capacity;

namespace Forebay.Commands;

/// <summary><c>forebay validate</c>: every problem of a fleet file at once. Exits with 0 if there is none, else with 1.
/// </summary>
public static class ValidateCommand
{
    private const string DefaultFile = "forebay.yaml";

    public static Command Create()
    {
        var file = new Argument<string>("file")
        {
            Description = "The fleet file.",
            DefaultValueFactory = _ => DefaultFile,
        };
        var json = new Option<bool>("--json") { Description = "Write one JSON object to standard output instead." };
        var command = new Command("validate", "Check a fleet file and report every problem in it.") { file, json };
        command.SetAction(parsed =>
        {
            var reader = new FleetFileReader(AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet());
            string path = parsed.GetValue(file)!;
            FleetFileResult result = reader.ReadFile(path);
            InvocationConfiguration console = parsed.InvocationConfiguration;
            if (parsed.GetValue(json))
            {
                console.Output.WriteLine(ToJson(path, result));
            }
            else if (result.Config is { } config)
            {
                console.Output.WriteLine(
                    $"{path} is valid: {config.Providers.Length} providers, {config.Sites.Length} sites, "
                    + $"{config.Pools.Length} pools, {config.Models.Length} models, {config.Deployments.Length} "
                    + $"deployments, {config.Tenants.Length} tenants.");
            }
            else
            {
                console.Error.WriteLine(ProblemText.Format(result.Problems));
            }

            return result.Config is null ? 1 : 0;
        });
        return command;
    }

    private static string ToJson(string path, FleetFileResult result)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("file", path);
            json.WriteBoolean("valid", result.Config is not null);
            json.WriteStartArray("problems");
            foreach (FleetFileProblem problem in result.Problems)
            {
                json.WriteStartObject();
                json.WriteNumber("line", problem.Line);
                json.WriteNumber("column", problem.Column);
                json.WriteString("path", problem.Path);
                json.WriteString("message", problem.Message);
                json.WriteString("fix", problem.Fix);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
