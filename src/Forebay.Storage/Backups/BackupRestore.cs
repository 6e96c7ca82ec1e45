using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Forebay.Storage.Data;
using Forebay.Storage.Journal;

namespace Forebay.Storage.Backups;

/// <summary>Puts a backup into a data directory. Everything is unpacked and checked before anything is replaced.
/// </summary>
internal static class BackupRestore
{
    /// <summary>Largest manifest: hundreds of thousands of segments.</summary>
    internal const int MaxManifestBytes = 64 << 20;

    /// <summary>Restores a backup.</summary>
    /// <param name="file">The backup.</param>
    /// <param name="dataDirectory">Where to; missing or empty unless forced. No server may run on it.</param>
    /// <param name="force">Move what is there into a folder <c>before-restore-…</c> inside.</param>
    /// <param name="time">Clock for that folder's name.</param>
    /// <param name="cancel">Stops; the directory is as before.</param>
    /// <exception cref="StorageException">The backup is damaged or newer than this program, the directory is in use
    /// or holds something, or a disk refused.</exception>
    public static async Task<BackupResult> RestoreAsync(
        string file, string dataDirectory, bool force, TimeProvider time, CancellationToken cancel)
    {
        var paths = DataPaths.At(dataDirectory);
        try
        {
            PrivateFile.CreateFolder(paths.Root);
            PrivateFile.CloseToOthers(paths.Root);
            using DirectoryLock held = DirectoryLock.Take(paths);
            string[] present = Present(paths);
            if (present.Length > 0 && !force)
            {
                throw new StorageException($"{paths.Root} is not empty. Restore into another directory, or use --force "
                    + "to move what is there aside.");
            }

            string staging = paths.RestoreStaging;
            if (Directory.Exists(staging))
            {
                Directory.Delete(staging, recursive: true);
            }

            PrivateFile.CreateFolder(staging);
            BackupManifest manifest;
            try
            {
                manifest = await UnpackAsync(file, staging, cancel).ConfigureAwait(false);
            }
            catch
            {
                Directory.Delete(staging, recursive: true);
                throw;
            }

            MoveAside(paths, present, time);
            MoveIn(paths, staging, manifest);
            return new BackupResult(Path.GetFullPath(file), manifest.Files.Count, manifest.Files.Sum(f => f.Bytes));
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or JsonException or FormatException)
        {
            throw new StorageException($"{file} is not a whole backup: {e.Message} Use another one.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"Cannot restore {file} into {paths.Root}: {e.Message}", e);
        }
    }

    private static string[] Present(DataPaths paths) =>
    [
        .. Directory.EnumerateFileSystemEntries(paths.Root)
            .Where(e => e != paths.LockFile && e != paths.RestoreStaging
                && !Path.GetFileName(e).StartsWith(DataPaths.BeforeRestorePrefix, StringComparison.Ordinal)),
    ];

    private static async Task<BackupManifest> UnpackAsync(string file, string staging, CancellationToken cancel)
    {
        using FileStream archive = PrivateFile.Open(file, FileMode.Open, FileAccess.Read, FileShare.Read);
        using var gzip = new GZipStream(archive, CompressionMode.Decompress);
        using var tar = new TarReader(gzip);
        BackupManifest manifest = await ReadManifestAsync(tar, cancel).ConfigureAwait(false);
        Dictionary<string, BackupFile> missing = manifest.Files.ToDictionary(f => f.Name, StringComparer.Ordinal);
        PrivateFile.CreateFolder(Path.Combine(staging, "journal"));
        while (await tar.GetNextEntryAsync(copyData: false, cancel).ConfigureAwait(false) is { } entry)
        {
            if (!missing.Remove(entry.Name, out BackupFile? expected) || !IsKnown(entry.Name)
                || entry.DataStream is null)
            {
                throw new InvalidDataException($"It holds '{entry.Name}', which does not belong there.");
            }

            await UnpackAsync(entry.DataStream, Path.Combine(staging, entry.Name), expected, cancel)
                .ConfigureAwait(false);
        }

        return missing.Count == 0
            ? manifest
            : throw new InvalidDataException($"{string.Join(", ", missing.Keys)} missing from it.");
    }

    private static async Task<BackupManifest> ReadManifestAsync(TarReader tar, CancellationToken cancel)
    {
        TarEntry? first = await tar.GetNextEntryAsync(copyData: false, cancel).ConfigureAwait(false);
        if (first is not { Name: Backup.ManifestName, DataStream: { } text } || first.Length > MaxManifestBytes)
        {
            throw new InvalidDataException("Its manifest is missing.");
        }

        BackupManifest manifest = await JsonSerializer
            .DeserializeAsync(text, StorageJson.Default.BackupManifest, cancel).ConfigureAwait(false)
            ?? throw new InvalidDataException("Its manifest is empty.");
        if (manifest.FormatVersion > Backup.FormatVersion || manifest.LayoutVersion > DataDirectory.LayoutVersion)
        {
            throw new StorageException($"The backup was made by a newer program (format {manifest.FormatVersion}, "
                + $"layout {manifest.LayoutVersion}). Restore it with that one.");
        }

        return manifest;
    }

    private static bool IsKnown(string name) => name == Backup.DatabaseName
        || (name.StartsWith(Backup.JournalPrefix, StringComparison.Ordinal)
            && JournalFormat.TryParseFileName(name[Backup.JournalPrefix.Length..], out _));

    private static async Task UnpackAsync(
        Stream contents, string target, BackupFile expected, CancellationToken cancel)
    {
        using FileStream file = PrivateFile.Open(target, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        long bytes = 0;
        int read;
        while ((read = await contents.ReadAsync(buffer, cancel).ConfigureAwait(false)) > 0)
        {
            bytes += read;
            if (bytes > expected.Bytes)
            {
                break;
            }

            hash.AppendData(buffer, 0, read);
            await file.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
        }

        if (bytes != expected.Bytes || Convert.ToHexStringLower(hash.GetHashAndReset()) != expected.Sha256)
        {
            throw new InvalidDataException($"{expected.Name} does not match its checksum.");
        }

        file.Flush(flushToDisk: true);
    }

    private static void MoveAside(DataPaths paths, string[] present, TimeProvider time)
    {
        if (present.Length == 0)
        {
            return;
        }

        string stamp = time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string aside = Path.Combine(paths.Root, DataPaths.BeforeRestorePrefix + stamp);
        PrivateFile.CreateFolder(aside);
        foreach (string entry in present)
        {
            Directory.Move(entry, Path.Combine(aside, Path.GetFileName(entry)));
        }
    }

    private static void MoveIn(DataPaths paths, string staging, BackupManifest manifest)
    {
        Directory.Move(Path.Combine(staging, "journal"), paths.Journal);
        File.Move(Path.Combine(staging, Backup.DatabaseName), paths.Database);
        PrivateFile.Replace(paths.VersionFile, Encoding.ASCII.GetBytes(
            $"{manifest.LayoutVersion.ToString(CultureInfo.InvariantCulture)}\n"));

        // The next start writes into the restored audit log that, and from when, it was restored.
        PrivateFile.Replace(
            paths.RestoredFile,
            JsonSerializer.SerializeToUtf8Bytes(new RestoreNote(manifest.CreatedAt), StorageJson.Default.RestoreNote));

        // Last, since a directory that has it is taken for half restored.
        Directory.Delete(staging, recursive: true);
        Posix.FlushDirectory(paths.Root);
    }
}
