using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Forebay.Storage.Data;
using Forebay.Storage.Journal;

namespace Forebay.Storage.Backups;

/// <summary>What was backed up.</summary>
/// <param name="Path">The backup's file.</param>
/// <param name="Files">Files in it.</param>
/// <param name="Bytes">Their length together, before compression.</param>
public sealed record BackupResult(string Path, int Files, long Bytes);

/// <summary>
/// Takes a data directory's state into one file: a gzipped tar of a manifest with checksums, a copy of the database and
/// the journal up to one position. Secrets that exist only as files (the admin token) are left out.
/// </summary>
public static class Backup
{
    internal const int FormatVersion = 1;
    internal const string ManifestName = "manifest.json";
    internal const string DatabaseName = "forebay.db";
    internal const string JournalPrefix = "journal/";

    /// <summary>Backs up an open store; requests go on meanwhile. Those in flight are interrupted ones in the copy.
    /// </summary>
    /// <param name="store">The store.</param>
    /// <param name="target">File to write, mode 0600; must not exist.</param>
    /// <param name="time">Clock for the manifest.</param>
    /// <param name="cancel">Stops; nothing is left behind.</param>
    /// <exception cref="StorageException">The file exists, or a disk refused.</exception>
    public static async Task<BackupResult> CreateAsync(
        LocalStore store, string target, TimeProvider time, CancellationToken cancel)
    {
        string path = Path.GetFullPath(target);
        if (Path.Exists(path))
        {
            throw new StorageException($"{path} exists. Name another file, or remove it.");
        }

        string staging = path + ".partial";
        try
        {
            PrivateFile.CreateFolder(staging);
            try
            {
                return await CreateAsync(store, path, staging, time, cancel).ConfigureAwait(false);
            }
            finally
            {
                Directory.Delete(staging, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException($"Cannot write the backup {path}: {e.Message} Free space on its disk or name "
                + "another file.", e);
        }
    }

    /// <inheritdoc cref="BackupRestore.RestoreAsync"/>
    public static Task<BackupResult> RestoreAsync(
        string file, string dataDirectory, bool force, TimeProvider time, CancellationToken cancel) =>
        BackupRestore.RestoreAsync(file, dataDirectory, force, time, cancel);

    private static async Task<BackupResult> CreateAsync(
        LocalStore store, string path, string staging, TimeProvider time, CancellationToken cancel)
    {
        var sources = new List<(string Name, FileStream Contents)>();
        try
        {
            await SnapshotAsync(store, staging, sources, cancel).ConfigureAwait(false);
            var files = new List<BackupFile>();
            foreach ((string name, FileStream contents) in sources)
            {
                byte[] digest = await SHA256.HashDataAsync(contents, cancel).ConfigureAwait(false);
                files.Add(new BackupFile(name, contents.Length, Convert.ToHexStringLower(digest)));
                contents.Position = 0;
            }

            string archive = Path.Combine(staging, "archive");
            var manifest = new BackupManifest(FormatVersion, DataDirectory.LayoutVersion, time.GetUtcNow(), files);
            await WriteArchiveAsync(archive, manifest, sources, cancel).ConfigureAwait(false);
            File.Move(archive, path);
            Posix.FlushDirectory(Path.GetDirectoryName(path)!);
            return new BackupResult(path, files.Count, files.Sum(f => f.Bytes));
        }
        finally
        {
            sources.ForEach(s => s.Contents.Dispose());
        }
    }

    /// <summary>
    /// Copies what changes and opens what does not, so that it stays readable when it is removed. The fold stands still
    /// meanwhile: the database's position is then at or before the journal's end, and no segment goes.
    /// </summary>
    private static async Task SnapshotAsync(
        LocalStore store, string staging, List<(string Name, FileStream Contents)> sources, CancellationToken cancel)
    {
        using (await store.Folder.PauseAsync(cancel).ConfigureAwait(false))
        {
            JournalPosition end = store.UsageJournal.Sync();
            string database = Path.Combine(staging, DatabaseName);
            store.Database.CopyTo(database);
            sources.Add((DatabaseName, OpenShared(database)));
            foreach (long segment in store.Segments.Segments().Where(s => s <= end.Segment))
            {
                string file = store.Segments.FileOf(segment);
                string name = Path.GetFileName(file);
                if (segment == end.Segment)
                {
                    string copy = Path.Combine(staging, name);
                    await CopyStartAsync(file, copy, end.Offset, cancel).ConfigureAwait(false);
                    file = copy;
                }

                sources.Add((JournalPrefix + name, OpenShared(file)));
            }
        }
    }

    private static async Task WriteArchiveAsync(
        string archive,
        BackupManifest manifest,
        List<(string Name, FileStream Contents)> sources,
        CancellationToken cancel)
    {
        FileStream file = PrivateFile.Open(archive, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        await using (file.ConfigureAwait(false))
        {
            var gzip = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true);
            await using (gzip.ConfigureAwait(false))
            {
                var tar = new TarWriter(gzip, TarEntryFormat.Pax, leaveOpen: true);
                await using (tar.ConfigureAwait(false))
                {
                    byte[] json = JsonSerializer.SerializeToUtf8Bytes(manifest, StorageJson.Default.BackupManifest);
                    if (json.Length > BackupRestore.MaxManifestBytes)
                    {
                        throw new StorageException(
                            "There are too many journal segments for one backup. Lower the retention of requests.");
                    }

                    using var text = new MemoryStream(json);
                    await AddAsync(tar, ManifestName, text, manifest.CreatedAt, cancel).ConfigureAwait(false);
                    foreach ((string name, FileStream contents) in sources)
                    {
                        await AddAsync(tar, name, contents, manifest.CreatedAt, cancel).ConfigureAwait(false);
                    }
                }
            }

            file.Flush(flushToDisk: true);
        }
    }

    private static Task AddAsync(
        TarWriter tar, string name, Stream contents, DateTimeOffset at, CancellationToken cancel) =>
        tar.WriteEntryAsync(
            new PaxTarEntry(TarEntryType.RegularFile, name)
            {
                DataStream = contents,
                ModificationTime = at,
                Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            },
            cancel);

    private static async Task CopyStartAsync(string source, string target, long bytes, CancellationToken cancel)
    {
        using FileStream from = OpenShared(source);
        using FileStream to = PrivateFile.Open(target, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        byte[] buffer = new byte[1 << 20];
        for (long left = bytes; left > 0;)
        {
            int read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), cancel)
                .ConfigureAwait(false);
            if (read == 0)
            {
                throw new EndOfStreamException($"{source} is shorter than the journal says.");
            }

            await to.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
            left -= read;
        }
    }

    private static FileStream OpenShared(string path) =>
        PrivateFile.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
}
