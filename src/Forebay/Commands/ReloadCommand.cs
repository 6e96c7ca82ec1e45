using System.CommandLine;
using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay reload</c>: have the fleet file read again.</summary>
public static class ReloadCommand
{
    public static Command Create() => AdminAction.On(
        new Command("reload", "Have the running server read its fleet file again; a bad file changes nothing."),
        async (session, cancel) =>
        {
            ReloadView reload = await session.Client.ReloadAsync(cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(reload, AdminJson.Default.ReloadView);
            }
            else if (reload.Applied)
            {
                session.Output.Line(reload.FleetFile is { } file
                    ? $"{file.Path} is in force (load {file.Loads}, sha256 {file.Sha256})."
                    : "The fleet was read again.");
            }
            else
            {
                session.Output.Line($"The file has {reload.Problems.Count} problem(s); the fleet in force stays:");
                foreach (FileProblemView problem in reload.Problems)
                {
                    session.Output.Line(LineOf(problem));
                }
            }

            return reload.Applied ? 0 : AdminAction.Failed;
        });

    internal static string LineOf(FileProblemView problem) =>
        $"  {(problem.Line is { } line ? $"line {line}, " : "")}{problem.Path}: {problem.Message} {problem.Fix}";
}
