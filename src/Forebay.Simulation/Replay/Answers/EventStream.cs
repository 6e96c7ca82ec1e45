using System.Buffers;

namespace Forebay.Simulation.Replay.Answers;

/// <summary>
/// Reads server-sent events off a response as a client does. Comments and unknown fields are skipped; lines may end in
/// LF or CRLF. The event last read is valid until the next read.
/// </summary>
/// <remarks>WHATWG HTML, section 9.2.6. A lone CR as line end is left out: no server of either dialect sends it.
/// </remarks>
internal sealed class EventStream(Stream stream) : IDisposable
{
    private const int FirstBufferBytes = 4096;

    /// <summary>The longest line or event; a server that sends more is not understood.</summary>
    private const int MaxEventBytes = 1 << 20;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _start;
    private int _end;
    private byte[] _data = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _dataLength;
    private bool _hasData;
    private byte[] _name = new byte[32];
    private int _nameLength;
    private bool _dispatched;

    /// <summary>The event's name; empty when it has none.</summary>
    public ReadOnlySpan<byte> Name => _name.AsSpan(0, _nameLength);

    /// <summary>The event's data, lines joined by LF.</summary>
    public ReadOnlySpan<byte> Data => _data.AsSpan(0, _dataLength);

    /// <summary>Reads up to the next event; false at the end. An event without its closing blank line is dropped.
    /// </summary>
    /// <exception cref="InvalidDataException">An event is longer than a megabyte.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask<bool> ReadAsync(CancellationToken cancel)
    {
        while (true)
        {
            if (TryReadBuffered())
            {
                return true;
            }

            MakeRoom();
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancel).ConfigureAwait(false);
            if (read == 0)
            {
                return false;
            }

            _end += read;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        ArrayPool<byte>.Shared.Return(_data);
        _buffer = _data = _name = [];
    }

    private bool TryReadBuffered()
    {
        while (true)
        {
            ReadOnlySpan<byte> unread = _buffer.AsSpan(_start, _end - _start);
            int lineEnd = unread.IndexOf((byte)'\n');
            if (lineEnd < 0)
            {
                return false;
            }

            _start += lineEnd + 1;
            ReadOnlySpan<byte> line = unread[..lineEnd];
            if (!line.IsEmpty && line[^1] == (byte)'\r')
            {
                line = line[..^1];
            }

            if (line.IsEmpty)
            {
                if (_hasData)
                {
                    _hasData = false;
                    _dispatched = true;
                    return true;
                }

                _nameLength = 0;
                continue;
            }

            TakeField(line);
        }
    }

    private void TakeField(ReadOnlySpan<byte> line)
    {
        if (_dispatched)
        {
            _dispatched = false;
            _dataLength = _nameLength = 0;
        }

        int colon = line.IndexOf((byte)':');
        ReadOnlySpan<byte> field = colon < 0 ? line : line[..colon];
        ReadOnlySpan<byte> value = colon < 0 ? default : line[(colon + 1)..];
        if (!value.IsEmpty && value[0] == (byte)' ')
        {
            value = value[1..];
        }

        if (field.SequenceEqual("data"u8))
        {
            AppendData(value);
        }
        else if (field.SequenceEqual("event"u8))
        {
            // A name longer than any in use is cut: it matches nothing either way.
            _nameLength = Math.Min(value.Length, _name.Length);
            value[.._nameLength].CopyTo(_name);
        }
    }

    private void AppendData(ReadOnlySpan<byte> value)
    {
        int needed = _dataLength + value.Length + 1;
        if (needed > _data.Length)
        {
            _data = Grow(_data, 0, _dataLength, needed);
        }

        if (_hasData)
        {
            _data[_dataLength++] = (byte)'\n';
        }

        value.CopyTo(_data.AsSpan(_dataLength));
        _dataLength += value.Length;
        _hasData = true;
    }

    private void MakeRoom()
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _buffer.Length)
        {
            int unread = _end - _start;
            if (_start > 0)
            {
                _buffer.AsSpan(_start, unread).CopyTo(_buffer);
            }
            else
            {
                _buffer = Grow(_buffer, 0, unread, _buffer.Length + 1);
            }

            _start = 0;
            _end = unread;
        }
    }

    private static byte[] Grow(byte[] old, int start, int length, int needed)
    {
        if (needed > MaxEventBytes)
        {
            throw new InvalidDataException($"An event is longer than {MaxEventBytes} bytes.");
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, 2 * old.Length));
        old.AsSpan(start, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(old);
        return larger;
    }
}
