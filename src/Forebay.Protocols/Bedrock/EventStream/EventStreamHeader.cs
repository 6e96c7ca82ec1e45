using System.Buffers.Binary;

namespace Forebay.Protocols.Bedrock;

/// <summary>The type of a header's value, as it stands on the wire.</summary>
public enum EventStreamType : byte
{
    True = 0,
    False = 1,
    Byte = 2,
    Int16 = 3,
    Int32 = 4,
    Int64 = 5,
    Bytes = 6,
    String = 7,

    /// <summary>Milliseconds since 1970 as a 64-bit integer.</summary>
    Timestamp = 8,

    /// <summary>16 bytes.</summary>
    Uuid = 9,
}

/// <summary>One header of a message.</summary>
public readonly ref struct EventStreamHeader
{
    internal EventStreamHeader(ReadOnlySpan<byte> name, EventStreamType type, ReadOnlySpan<byte> value)
    {
        Name = name;
        Type = type;
        Value = value;
    }

    /// <summary>Its name in UTF-8.</summary>
    public ReadOnlySpan<byte> Name { get; }

    public EventStreamType Type { get; }

    /// <summary>The value's bytes without its length; numbers are big-endian.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>The value of an integer or timestamp.</summary>
    /// <exception cref="InvalidOperationException">It is none.</exception>
    public long AsInteger() => Type switch
    {
        EventStreamType.Byte => (sbyte)Value[0],
        EventStreamType.Int16 => BinaryPrimitives.ReadInt16BigEndian(Value),
        EventStreamType.Int32 => BinaryPrimitives.ReadInt32BigEndian(Value),
        EventStreamType.Int64 or EventStreamType.Timestamp => BinaryPrimitives.ReadInt64BigEndian(Value),
        _ => throw new InvalidOperationException($"A header of type {Type} holds no integer."),
    };
}

/// <summary>Goes over the headers of a message; works in <c>foreach</c>. Those of a message that was read are known to
/// be well-formed.</summary>
public ref struct EventStreamHeaders
{
    private ReadOnlySpan<byte> _rest;

    internal EventStreamHeaders(ReadOnlySpan<byte> headers) => _rest = headers;

    public EventStreamHeader Current { get; private set; }

    /// <summary>Whether what was gone over so far breaks off or holds an unknown type.</summary>
    internal bool IsBad { get; private set; }

    public readonly EventStreamHeaders GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_rest.IsEmpty || IsBad)
        {
            return false;
        }

        int nameLength = _rest[0];
        if (nameLength == 0 || _rest.Length < nameLength + 2)
        {
            IsBad = true;
            return false;
        }

        ReadOnlySpan<byte> name = _rest.Slice(1, nameLength);
        var type = (EventStreamType)_rest[nameLength + 1];
        ReadOnlySpan<byte> rest = _rest[(nameLength + 2)..];
        int length = LengthOf(type, ref rest);
        if (length < 0 || length > rest.Length)
        {
            IsBad = true;
            return false;
        }

        Current = new EventStreamHeader(name, type, rest[..length]);
        _rest = rest[length..];
        return true;
    }

    /// <summary>The value's length; takes a length that stands before it. Negative where there is none.</summary>
    private static int LengthOf(EventStreamType type, ref ReadOnlySpan<byte> rest)
    {
        switch (type)
        {
            case EventStreamType.True or EventStreamType.False:
                return 0;
            case EventStreamType.Byte:
                return 1;
            case EventStreamType.Int16:
                return 2;
            case EventStreamType.Int32:
                return 4;
            case EventStreamType.Int64 or EventStreamType.Timestamp:
                return 8;
            case EventStreamType.Uuid:
                return 16;
            case EventStreamType.Bytes or EventStreamType.String when rest.Length >= 2:
                int length = BinaryPrimitives.ReadUInt16BigEndian(rest);
                rest = rest[2..];
                return length;
            default:
                return -1;
        }
    }
}
