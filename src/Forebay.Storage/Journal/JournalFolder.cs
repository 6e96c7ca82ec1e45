using Microsoft.Win32.SafeHandles;

namespace Forebay.Storage.Journal;

/// <summary>The folder of segments.</summary>
internal sealed class JournalFolder(string path)
{
    public string Path => path;

    public string FileOf(long segment) => System.IO.Path.Combine(path, JournalFormat.FileName(segment));

    /// <summary>Numbers of the segments that are there, in order.</summary>
    public long[] Segments()
    {
        var found = new List<long>();
        foreach (string file in Directory.EnumerateFiles(path))
        {
            if (JournalFormat.TryParseFileName(System.IO.Path.GetFileName(file), out long segment))
            {
                found.Add(segment);
            }
        }

        found.Sort();
        return [.. found];
    }

    /// <summary>The header of a segment, or null when the segment is missing or its header is damaged.</summary>
    public SegmentHeader? HeaderOf(long segment)
    {
        if (!File.Exists(FileOf(segment)))
        {
            return null;
        }

        using SafeFileHandle file = OpenForReading(segment);
        Span<byte> bytes = stackalloc byte[JournalFormat.HeaderBytes];
        int read = RandomAccess.Read(file, bytes, 0);
        return JournalFormat.TryReadHeader(bytes[..read], out SegmentHeader header) && header.Segment == segment
            ? header
            : null;
    }

    public SafeFileHandle OpenForReading(long segment) =>
        File.OpenHandle(FileOf(segment), share: FileShare.ReadWrite | FileShare.Delete);

    /// <summary>Removes what an interrupted creation of a segment left.</summary>
    public void RemoveTemporaries()
    {
        foreach (string file in Directory.EnumerateFiles(path, "*.tmp"))
        {
            File.Delete(file);
        }
    }

    /// <summary>Returns when a segment's bytes are on disk: a killed process may have left them in the kernel only.
    /// </summary>
    public void Flush(long segment)
    {
        using SafeFileHandle file = File.OpenHandle(
            FileOf(segment), access: FileAccess.ReadWrite, share: FileShare.ReadWrite | FileShare.Delete);
        RandomAccess.FlushToDisk(file);
    }
}
