using System.CommandLine;
using Forebay.Commands.Connection;

namespace Forebay.Commands;

/// <summary>Puts a backup in place of the state in a data directory; no server may run on it.</summary>
/// <param name="backupFile">Full path of the backup.</param>
/// <param name="dataDirectory">Full path of the data directory.</param>
/// <param name="force">Whether state that is there may be moved aside.</param>
/// <param name="cancel">Gives up, with the state as it was.</param>
/// <exception cref="IOException">It cannot be done; the message says why and what to do.</exception>
public delegate Task RestoreState(string backupFile, string dataDirectory, bool force, CancellationToken cancel);

/// <summary><c>forebay restore</c>: put a backup in place, while no server runs.</summary>
public static class RestoreCommand
{
    public static Command Create(RestoreState restore)
    {
        Argument<string> file = new("FILE") { Description = "A backup that `forebay backup` wrote." };
        Option<string?> data = DataLocation.CreateOption();
        Option<bool> force = new("--force")
        {
            Description = "Move state that is already in the data directory aside.",
        };
        var command = new Command("restore", "Put a backup in place of the state in the data directory; stop the " +
            "server first.") { file, data, force };
        command.SetAction((parse, cancel) => AdminAction.GuardAsync(parse, async () =>
        {
            string backup = Path.GetFullPath(parse.GetRequiredValue(file));
            string directory = DataLocation.Resolve(parse.GetValue(data), Environment.GetEnvironmentVariable);
            if (!File.Exists(backup))
            {
                throw new CommandException($"{backup} is not there. Give a file that `forebay backup` wrote.");
            }

            await restore(backup, directory, parse.GetValue(force), cancel).ConfigureAwait(false);
            await parse.InvocationConfiguration.Output
                .WriteLineAsync($"Restored {directory} from {backup}. Start the server with `forebay up`. " +
                    "Keys and tokens revoked since the backup was made work again: revoke them anew.")
                .ConfigureAwait(false);
            return 0;
        }));
        return command;
    }
}
