namespace Forebay.Protocols.Bedrock;

/// <summary>One message of an event stream, in the buffer it was read from.</summary>
public readonly ref struct EventStreamMessage
{
    private readonly ReadOnlySpan<byte> _headers;

    internal EventStreamMessage(int length, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> payload)
    {
        Length = length;
        _headers = headers;
        Payload = payload;
    }

    /// <summary>Bytes of the whole message; the next one begins after them.</summary>
    public int Length { get; }

    public ReadOnlySpan<byte> Payload { get; }

    public EventStreamHeaders Headers => new(_headers);

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
