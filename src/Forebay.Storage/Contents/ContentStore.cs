using System.Security.Cryptography;
using Forebay.Core.Batches;
using Forebay.Storage.Data;

namespace Forebay.Storage.Contents;

/// <summary>Contents as files of the data directory: one folder per kind, mode 0700, files 0600. A file that is being
/// written has another name until it is whole and on the disk.</summary>
public sealed class ContentStore : IContentStore, IDisposable
{
    private const string Extension = ".fbc";
    private const string PartialExtension = ".partial";

    private readonly ContentKey _key;
    private readonly string _root;

    private ContentStore(string root, ContentKey key)
    {
        _root = root;
        _key = key;
    }

    /// <summary>Opens the contents of a data directory, with folders for them where there are none.</summary>
    /// <exception cref="StorageException">The directory cannot be used.</exception>
    public static ContentStore Open(string root, ContentKey key)
    {
        try
        {
            PrivateFile.CreateFolder(root);
            foreach (ContentKind kind in Enum.GetValues<ContentKind>())
            {
                PrivateFile.CreateFolder(FolderOf(root, kind));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(
                $"Cannot use {root}: {e.Message} Free space on its disk, or make it writable for this user.", e);
        }

        return new ContentStore(root, key);
    }

    public IContentWriter Create(ContentName name)
    {
        string path = PathOf(name);
        FileStream file = Try(() => PrivateFile.Open(
            path + PartialExtension, FileMode.Create, FileAccess.ReadWrite, FileShare.None));
        try
        {
            byte[] header = SealedFormat.NewHeader(_key);
            RandomAccess.Write(file.SafeFileHandle, header, 0);
            return new ContentWriter(file, SealedFormat.Open(header, _key, name), path, path + PartialExtension);
        }
        catch
        {
            file.Dispose();
            File.Delete(path + PartialExtension);
            throw;
        }
    }

    public IContentLog OpenLog(ContentName name, Action<FrameHead> found)
    {
        string path = PathOf(name);
        if (!File.Exists(path))
        {
            using IContentWriter fresh = Create(name);
            fresh.Commit();
        }

        FileStream file = Try(() => PrivateFile.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read));
        AesGcm? cipher = null;
        try
        {
            cipher = CipherOf(file, name);
            return ContentLog.Open(file, cipher, found);
        }
        catch
        {
            cipher?.Dispose();
            file.Dispose();
            throw;
        }
    }

    public IContentReader? Open(ContentName name)
    {
        FileStream file;
        try
        {
            file = Try(() => PrivateFile.Open(
                PathOf(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        try
        {
            return new ContentReader(file, CipherOf(file, name), name.Id);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Delete(ContentName name)
    {
        string path = PathOf(name);
        if (File.Exists(path))
        {
            Try(() =>
            {
                File.Delete(path);
                Posix.FlushDirectory(Path.GetDirectoryName(path)!);
                return true;
            });
        }
    }

    public int Sweep(Func<ContentKind, string, bool> isKnown)
    {
        int removed = 0;
        foreach (ContentKind kind in Enum.GetValues<ContentKind>())
        {
            foreach (string path in Directory.GetFiles(FolderOf(_root, kind)))
            {
                bool partial = path.EndsWith(PartialExtension, StringComparison.Ordinal);
                if (partial || !isKnown(kind, Path.GetFileNameWithoutExtension(path)))
                {
                    File.Delete(path);
                    removed += partial ? 0 : 1;
                }
            }
        }

        return removed;
    }

    public void Dispose() => _key.Dispose();

    /// <summary>Calls that are refused by the rights of a file are failures of the disk to whoever asks.</summary>
    private static T Try<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static string FolderOf(string root, ContentKind kind) =>
        Path.Combine(root, kind.ToString().ToLowerInvariant());

    private string PathOf(ContentName name)
    {
        // Ids are made by the server; one that came from anywhere else must not lead out of the folder.
        if (name.Id.Length is 0 or > 100 || !name.Id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
        {
            throw new ArgumentException($"'{name.Id}' is not the id of a content.", nameof(name));
        }

        return Path.Combine(FolderOf(_root, name.Kind), name.Id + Extension);
    }

    private AesGcm CipherOf(FileStream file, ContentName name)
    {
        Span<byte> header = stackalloc byte[SealedFormat.HeaderBytes];
        int read = RandomAccess.Read(file.SafeFileHandle, header, 0);
        return SealedFormat.Open(header[..read], _key, name);
    }
}
