using Forebay.Storage.Journal;

namespace Forebay.UnitTests.Storage;

/// <summary>The real disk, until told to fail as real ones do: half of a write arrives before it is full.</summary>
internal sealed class FaultyDisk : IJournalDisk
{
    private readonly JournalDisk _disk = new();
    private volatile bool _full;
    private volatile bool _failsSync;

    /// <summary>Writes fail half-way and nothing can be created.</summary>
    public bool Full
    {
        get => _full;
        set => _full = value;
    }

    /// <summary>Syncs fail, and with them the creation of segments.</summary>
    public bool FailsSync
    {
        get => _failsSync;
        set => _failsSync = value;
    }

    public IJournalFile Create(string path) => new FaultyFile(_disk.Create(path), this);

    public void Publish(string temporary, string final) => _disk.Publish(temporary, final);

    private sealed class FaultyFile(IJournalFile file, FaultyDisk disk) : IJournalFile
    {
        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            if (disk.Full)
            {
                file.Write(bytes[..(bytes.Length / 2)], offset);
                throw new IOException("No space left on device");
            }

            file.Write(bytes, offset);
        }

        public void Flush()
        {
            if (disk.FailsSync)
            {
                throw new IOException("Input/output error");
            }

            file.Flush();
        }

        public void Dispose() => file.Dispose();
    }
}
