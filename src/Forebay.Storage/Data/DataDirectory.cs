using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Forebay.Storage.Data;

/// <summary>
/// The one directory that holds all state, open for this process alone. Everything in it is readable by its owner only.
/// </summary>
public sealed class DataDirectory : IDisposable
{
    /// <summary>Version of the layout that this program writes.</summary>
    public const int LayoutVersion = 1;

    private readonly DirectoryLock _lock;

    private DataDirectory(DataPaths paths, DirectoryLock held, IReadOnlyList<string> notices)
    {
        Paths = paths;
        _lock = held;
        Notices = notices;
    }

    public DataPaths Paths { get; }

    /// <summary>What was put right on opening and its owner should know.</summary>
    public IReadOnlyList<string> Notices { get; }

    /// <summary>Opens a data directory, creating it if only it is missing and not its parent.</summary>
    /// <exception cref="StorageException">It is in use, unusable, or written by a newer program.</exception>
    public static DataDirectory Open(string path)
    {
        var paths = DataPaths.At(path);
        var notices = new List<string>();
        try
        {
            Prepare(paths, notices);
            DirectoryLock held = DirectoryLock.Take(paths);
            try
            {
                CheckVersion(paths);
                PrivateFile.CreateFolder(paths.Journal);
                File.Delete(paths.ServerFile);
                return new DataDirectory(paths, held, notices);
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(
                $"Cannot use {paths.Root} as data directory: {e.Message} Free space on its disk, make it writable "
                + "for this user, or name another with --data.", e);
        }
    }

    /// <summary>Tells commands where this server listens.</summary>
    /// <exception cref="StorageException">The file cannot be written.</exception>
    public void WriteServerInfo(ServerInfo info) =>
        Write(Paths.ServerFile, JsonSerializer.SerializeToUtf8Bytes(info, StorageJson.Default.ServerInfo));

    /// <summary>Keeps the certificate that the admin port presents, so that local commands trust exactly that one.
    /// </summary>
    /// <param name="pem">The certificate alone, as PEM.</param>
    /// <exception cref="StorageException">The file cannot be written.</exception>
    public void WriteAdminCertificate(string pem) => Write(Paths.AdminCertificate, Encoding.ASCII.GetBytes(pem + '\n'));

    /// <summary>Removes what only a running server has, and lets the directory go.</summary>
    public void Dispose()
    {
        try
        {
            File.Delete(Paths.ServerFile);
            File.Delete(Paths.AdminCertificate);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is stale from now on, and readers tell that by the lock.
        }

        _lock.Dispose();
    }

    private static void Prepare(DataPaths paths, List<string> notices)
    {
        if (File.Exists(paths.Root))
        {
            throw new StorageException($"{paths.Root} is a file. Name a directory with --data.");
        }

        if (!Directory.Exists(paths.Root))
        {
            string? parent = Path.GetDirectoryName(paths.Root);
            if (parent is not null && !Directory.Exists(parent))
            {
                throw new StorageException($"{parent} does not exist. Create it (mkdir -p {parent}) or name another "
                    + "directory with --data.");
            }

            PrivateFile.CreateFolder(paths.Root);
        }

        if (!PrivateFile.IsOpenToOthers(paths.Root))
        {
            return;
        }

        try
        {
            PrivateFile.CloseToOthers(paths.Root);
            notices.Add($"{paths.Root} was open to other users; it is now open to its owner only (mode 0700).");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"{paths.Root} is open to other users and its mode cannot be changed "
                + $"({e.Message}). Run chmod 700 {paths.Root} as its owner, or name another directory with --data.", e);
        }
    }

    private static void CheckVersion(DataPaths paths)
    {
        if (Directory.Exists(paths.RestoreStaging))
        {
            throw new StorageException($"A restore into {paths.Root} was interrupted. Run forebay restore with --force "
                + "again.");
        }

        if (!File.Exists(paths.VersionFile))
        {
            if (File.Exists(paths.Database))
            {
                throw new StorageException($"{paths.VersionFile} is missing beside a database. Restore the directory "
                    + "from a backup, or put the version file back.");
            }

            string version = LayoutVersion.ToString(CultureInfo.InvariantCulture);
            PrivateFile.Replace(paths.VersionFile, Encoding.ASCII.GetBytes(version + '\n'));
            return;
        }

        string text = File.ReadAllText(paths.VersionFile).Trim();
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int found) || found < 1)
        {
            throw new StorageException($"{paths.VersionFile} holds '{text}', not a version. Restore the directory from "
                + "a backup.");
        }

        if (found > LayoutVersion)
        {
            throw new StorageException($"{paths.Root} has layout version {found}; this program knows up to "
                + $"{LayoutVersion}. Run the newer program, or restore a backup made by this one.");
        }
    }

    private static void Write(string path, ReadOnlySpan<byte> contents)
    {
        try
        {
            PrivateFile.Replace(path, contents);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"Cannot write {path}: {e.Message} Free space on its disk or make the "
                + "directory writable for this user.", e);
        }
    }
}
