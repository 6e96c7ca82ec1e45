using Microsoft.Win32.SafeHandles;

namespace Forebay.Storage.Journal;

/// <summary>
/// Reads the frames of one segment between two offsets. Bytes that are no frame are skipped up to the next whole frame,
/// and counted; when none follows they are the torn end.
/// </summary>
internal sealed class SegmentReader : IDisposable
{
    private const int BufferBytes = 4 * JournalFormat.MaxFrameBytes;

    private readonly SafeFileHandle _file;
    private readonly string _name;
    private readonly long _end;
    private readonly TextPool _texts;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private readonly List<JournalDamage> _damage = [];
    private long _bufferAt;
    private int _buffered;

    public SegmentReader(JournalFolder folder, long segment, long from, long? to, TextPool texts)
    {
        _file = folder.OpenForReading(segment);
        _name = JournalFormat.FileName(segment);
        _end = to ?? RandomAccess.GetLength(_file);
        _texts = texts;
        Offset = Math.Max(from, JournalFormat.HeaderBytes);
    }

    /// <summary>Where the frame after the last one read starts.</summary>
    public long Offset { get; private set; }

    /// <summary>Bytes at the end that are no whole frame; known once everything is read.</summary>
    public long TornBytes { get; private set; }

    /// <summary>What lay between frames and was none.</summary>
    public IReadOnlyList<JournalDamage> Damage => _damage;

    public bool TryRead(out JournalRecord record)
    {
        record = default;
        if (Offset >= _end)
        {
            return false;
        }

        if (TryFrameAt(Offset, out int length, out record))
        {
            Offset += length;
            return true;
        }

        for (long at = Offset + 1; at < _end; at++)
        {
            if (TryFrameAt(at, out length, out record))
            {
                _damage.Add(new JournalDamage(_name, Offset, at - Offset, "the bytes do not match their checksum"));
                Offset = at + length;
                return true;
            }
        }

        TornBytes = _end - Offset;
        return false;
    }

    public void Dispose() => _file.Dispose();

    private bool TryFrameAt(long at, out int length, out JournalRecord record)
    {
        record = default;
        ReadOnlySpan<byte> bytes = Window(at, JournalFormat.FrameHeaderBytes);
        length = bytes.Length < JournalFormat.FrameHeaderBytes ? 0 : JournalFormat.ClaimedFrameBytes(bytes);
        if (length == 0)
        {
            return false;
        }

        bytes = Window(at, length);
        return bytes.Length == length && JournalCodec.TryRead(bytes, _texts, out record);
    }

    /// <summary>The bytes from an offset, fewer than asked where the segment ends.</summary>
    private ReadOnlySpan<byte> Window(long at, int count)
    {
        count = (int)Math.Min(count, _end - at);
        if (at < _bufferAt || at + count > _bufferAt + _buffered)
        {
            int most = (int)Math.Min(BufferBytes, _end - at);
            _bufferAt = at;
            _buffered = 0;
            while (_buffered < most)
            {
                int read = RandomAccess.Read(_file, _buffer.AsSpan(_buffered, most - _buffered), at + _buffered);
                if (read == 0)
                {
                    break;
                }

                _buffered += read;
            }
        }

        int start = (int)(at - _bufferAt);
        return _buffer.AsSpan(start, Math.Clamp(_buffered - start, 0, count));
    }
}
