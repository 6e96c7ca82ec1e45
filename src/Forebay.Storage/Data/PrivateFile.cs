namespace Forebay.Storage.Data;

/// <summary>Files and folders that only their owner may read.</summary>
internal static class PrivateFile
{
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;
    private const UnixFileMode Others = ~(OwnerFolder | UnixFileMode.SetUser | UnixFileMode.SetGroup
        | UnixFileMode.StickyBit);

    /// <summary>Opens a file; when that creates it, its mode is 0600.</summary>
    public static FileStream Open(string path, FileMode mode, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = share, BufferSize = 0 };
        if (!OperatingSystem.IsWindows() && mode != FileMode.Open)
        {
            options.UnixCreateMode = OwnerFile;
        }

        return new FileStream(path, options);
    }

    /// <summary>Replaces a file's contents in one step: readers see the old or the new, also after a power cut.
    /// </summary>
    public static void Replace(string path, ReadOnlySpan<byte> contents)
    {
        string temporary = path + ".tmp";
        File.Delete(temporary);
        using (FileStream file = Open(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            file.Write(contents);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        Posix.FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Creates a folder with mode 0700; its parent must exist.</summary>
    public static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        Directory.CreateDirectory(path, OwnerFolder);
    }

    /// <summary>Whether anyone but the owner has any right to a folder.</summary>
    public static bool IsOpenToOthers(string path) =>
        !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0;

    /// <summary>Takes every right to a folder from everyone but its owner.</summary>
    public static void CloseToOthers(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, OwnerFolder);
        }
    }
}
