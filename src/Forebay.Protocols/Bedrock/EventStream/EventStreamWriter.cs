using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Forebay.Protocols.Bedrock;

/// <summary>Writes messages of an event stream, for what answers in the place of AWS. One message at a time: its
/// headers, then <see cref="Write"/>.</summary>
public sealed class EventStreamWriter
{
    private readonly ArrayBufferWriter<byte> _headers = new();

    /// <summary>Adds a header.</summary>
    /// <exception cref="ArgumentException">The name is empty or longer than 255 bytes.</exception>
    public EventStreamWriter Add(string name, string value) =>
        AddLong(name, EventStreamType.String, Encoding.UTF8.GetBytes(value));

    /// <inheritdoc cref="Add(string, string)"/>
    public EventStreamWriter Add(string name, byte[] value) => AddLong(name, EventStreamType.Bytes, value);

    /// <inheritdoc cref="Add(string, string)"/>
    public EventStreamWriter Add(string name, bool value) =>
        AddFixed(name, value ? EventStreamType.True : EventStreamType.False, []);

    /// <inheritdoc cref="Add(string, string)"/>
    public EventStreamWriter AddUuid(string name, ReadOnlySpan<byte> sixteenBytes) =>
        AddFixed(name, EventStreamType.Uuid, sixteenBytes[..16]);

    /// <summary>Adds a whole number under the type given: byte, int16, int32, int64 or timestamp.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is none of these.</exception>
    public EventStreamWriter AddInteger(string name, EventStreamType type, long value)
    {
        Span<byte> big = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(big, value);
        int length = type switch
        {
            EventStreamType.Byte => 1,
            EventStreamType.Int16 => 2,
            EventStreamType.Int32 => 4,
            EventStreamType.Int64 or EventStreamType.Timestamp => 8,
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not the type of an integer."),
        };
        return AddFixed(name, type, big[^length..]);
    }

    /// <summary>Writes the message of the headers added since the last one.</summary>
    public void Write(ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        int length = EventStreamReader.Overhead + _headers.WrittenCount + payload.Length;
        Span<byte> message = output.GetSpan(length)[..length];
        BinaryPrimitives.WriteUInt32BigEndian(message, (uint)length);
        BinaryPrimitives.WriteUInt32BigEndian(message[4..], (uint)_headers.WrittenCount);
        BinaryPrimitives.WriteUInt32BigEndian(message[8..], Crc32.Of(message[..8]));
        _headers.WrittenSpan.CopyTo(message[EventStreamReader.PreludeBytes..]);
        payload.CopyTo(message[(EventStreamReader.PreludeBytes + _headers.WrittenCount)..]);
        BinaryPrimitives.WriteUInt32BigEndian(message[^sizeof(uint)..], Crc32.Of(message[..^sizeof(uint)]));
        output.Advance(length);
        _headers.ResetWrittenCount();
    }

    private EventStreamWriter AddLong(string name, EventStreamType type, byte[] value)
    {
        byte[] framed = new byte[2 + value.Length];
        BinaryPrimitives.WriteUInt16BigEndian(framed, checked((ushort)value.Length));
        value.CopyTo(framed, 2);
        return AddFixed(name, type, framed);
    }

    private EventStreamWriter AddFixed(string name, EventStreamType type, ReadOnlySpan<byte> value)
    {
        byte[] named = Encoding.UTF8.GetBytes(name);
        if (named.Length is 0 or > byte.MaxValue)
        {
            throw new ArgumentException("A header's name has 1 to 255 bytes.", nameof(name));
        }

        _headers.Write([(byte)named.Length]);
        _headers.Write(named);
        _headers.Write([(byte)type]);
        _headers.Write(value);
        return this;
    }
}
