using Microsoft.Win32.SafeHandles;
using Forebay.Storage.Data;

namespace Forebay.Storage.Journal;

/// <summary>The file that the journal appends to. Every call throws <see cref="IOException"/> when the disk refuses.
/// </summary>
internal interface IJournalFile : IDisposable
{
    /// <summary>Writes all bytes at an offset; on failure some of them may be there.</summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Returns when everything written is on disk.</summary>
    void Flush();
}

/// <summary>What the journal asks of the disk, so that tests can make a real one fail.</summary>
internal interface IJournalDisk
{
    /// <summary>Creates an empty file in place of any that is there.</summary>
    IJournalFile Create(string path);

    /// <summary>Gives a file its final name, durably.</summary>
    void Publish(string temporary, string final);
}

/// <summary>The machine's file system.</summary>
internal sealed class JournalDisk : IJournalDisk
{
    public IJournalFile Create(string path) => new DiskFile(path);

    public void Publish(string temporary, string final)
    {
        File.Move(temporary, final, overwrite: true);
        Posix.FlushDirectory(Path.GetDirectoryName(final)!);
    }

    private sealed class DiskFile : IJournalFile
    {
        private readonly FileStream _file;

        /// <summary>Asked for once: the stream seeks in the file each time it hands its handle out.</summary>
        private readonly SafeFileHandle _handle;

        public DiskFile(string path)
        {
            _file = PrivateFile.Open(
                path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            _handle = _file.SafeFileHandle;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(_handle, bytes, offset);

        public void Flush() => RandomAccess.FlushToDisk(_handle);

        public void Dispose() => _file.Dispose();
    }
}
