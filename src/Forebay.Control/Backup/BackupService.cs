using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Forebay.Control.Audit;
using Forebay.Control.Errors;

namespace Forebay.Control.Backup;

/// <summary>A backup that was written.</summary>
/// <param name="Path">Absolute path on the server.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">64 hex digits over the whole file.</param>
public sealed record BackupFile(string Path, long Bytes, string Sha256);

/// <summary>
/// Writes backups, only into one folder of the data directory: whoever holds an admin token can take a copy of the
/// state, but cannot make the server write elsewhere.
/// </summary>
public sealed partial class BackupService(
    IBackupPort port,
    AuditedChange change,
    TimeProvider time,
    string directory)
{
    /// <summary>Writes a backup.</summary>
    /// <param name="name">A plain file name; one made from the time when null.</param>
    /// <param name="actor">Who asks, for the audit log.</param>
    /// <param name="cancel">Stops before the writing begins; a backup begun is finished.</param>
    public async Task<BackupFile> WriteAsync(string? name, string actor, CancellationToken cancel)
    {
        name ??= $"forebay-{time.GetUtcNow():yyyyMMdd-HHmmss-fff}.backup";
        if (!PlainName().IsMatch(name))
        {
            throw new RefusedException([new FieldProblem(
                "name",
                "is not a plain file name.",
                "Send 1 to 128 letters, digits, dots, underscores or hyphens, the first one a letter or digit; " +
                $"the file is written into {directory}.")]);
        }

        string path = Path.Combine(directory, name);
        if (Path.Exists(path))
        {
            throw new RefusedException(
                RefusalKind.Conflict,
                $"A backup called {name} is already there. Choose another name; backups are never overwritten.");
        }

        cancel.ThrowIfCancellationRequested();
        try
        {
            CreateDirectory();
            await change
                .RunAsync(
                    new AuditNote(actor, "backup.create", name),
                    () => port.WriteAsync(path, CancellationToken.None))
                .ConfigureAwait(false);
            return await DescribeAsync(path, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RefusedException(RefusalKind.Unavailable, $"The backup could not be written: {e.Message}", e);
        }
    }

    private void CreateDirectory()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
            return;
        }

        Directory.CreateDirectory(
            directory,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static async Task<BackupFile> DescribeAsync(string path, CancellationToken cancel)
    {
        FileStream file = File.OpenRead(path);
        await using (file.ConfigureAwait(false))
        {
            byte[] digest = await SHA256.HashDataAsync(file, cancel).ConfigureAwait(false);
            return new BackupFile(path, file.Length, Convert.ToHexStringLower(digest));
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}\z")]
    private static partial Regex PlainName();
}
