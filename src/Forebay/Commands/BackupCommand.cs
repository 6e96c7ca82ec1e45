using System.CommandLine;
using System.Security.Cryptography;
using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay backup</c>: copy the state of a running server.</summary>
public static class BackupCommand
{
    public static Command Create()
    {
        Argument<string> file = new("FILE")
        {
            Description = "File to write; must not exist. With --on-server a plain name in the server's backup folder.",
        };
        Option<bool> onServer = new("--on-server") { Description = "Keep the backup on the server." };
        var command = new Command("backup", "Copy the state of the running server into a file.") { file, onServer };
        return AdminAction.On(command, async (session, cancel) =>
        {
            string target = session.Parse.GetRequiredValue(file);
            BackupView backup = session.Parse.GetValue(onServer)
                ? await session.Client.BackupOnServerAsync(target, cancel).ConfigureAwait(false)
                : await DownloadAsync(session.Client, Path.GetFullPath(target), cancel).ConfigureAwait(false);
            if (session.IsJson)
            {
                session.Output.Json(backup, AdminJson.Default.BackupView);
            }
            else
            {
                session.Output.Line($"Wrote {backup.Path}, {backup.Bytes} bytes, sha256 {backup.Sha256}.");
            }

            return 0;
        });
    }

    private static async Task<BackupView> DownloadAsync(AdminClient client, string path, CancellationToken cancel)
    {
        if (Path.Exists(path))
        {
            throw new CommandException($"{path} is already there. Choose another name; backups are never overwritten.");
        }

        string part = path + ".part";
        try
        {
            BackupView backup = await ReceiveAsync(client, path, part, cancel).ConfigureAwait(false);
            File.Move(part, path);
            return backup;
        }
        finally
        {
            File.Delete(part);
        }
    }

    private static async Task<BackupView> ReceiveAsync(
        AdminClient client,
        string path,
        string part,
        CancellationToken cancel)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.ReadWrite };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var stream = new FileStream(part, options);
        await using (stream.ConfigureAwait(false))
        {
            string expected = await client.BackupToAsync(stream, cancel).ConfigureAwait(false);
            stream.Flush(flushToDisk: true);
            stream.Position = 0;
            string actual = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancel).ConfigureAwait(false));
            return actual == expected
                ? new BackupView(path, stream.Length, actual)
                : throw new CommandException(
                    $"The backup arrived damaged: sha256 {actual}, not {expected}. Try again.");
        }
    }
}
