namespace Forebay.Protocols.Bedrock;

/// <summary>One message of an event stream, in the buffer it was read from.</summary>
public readonly ref struct EventStreamMessage
{
    internal EventStreamMessage(int length, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> payload)
    {
        Length = length;
        HeaderBytes = headers;
        Payload = payload;
    }

    /// <summary>Bytes of the whole message; the next one begins after them.</summary>
    public int Length { get; }

    public ReadOnlySpan<byte> Payload { get; }

    public EventStreamHeaders Headers => new(HeaderBytes);

    /// <summary>The headers as they stand on the wire.</summary>
    internal ReadOnlySpan<byte> HeaderBytes { get; }

    /// <summary>Whether the headers are what their lengths and types say.</summary>
    internal bool HasGoodHeaders
    {
        get
        {
            EventStreamHeaders check = Headers;
            while (check.MoveNext())
            {
            }

            return !check.IsBad;
        }
    }

    /// <summary>The text of a string header; empty where it is absent or of another type.</summary>
    public ReadOnlySpan<byte> Text(scoped ReadOnlySpan<byte> name)
    {
        foreach (EventStreamHeader header in Headers)
        {
            if (header.Type == EventStreamType.String && header.Name.SequenceEqual(name))
            {
                return header.Value;
            }
        }

        return default;
    }
}
