namespace Forebay.Protocols.Bedrock;

/// <summary>What is wrong with the bytes of an event stream. Nothing after a fault can be trusted: where the next
/// message begins is known from this one alone.</summary>
public enum EventStreamFault : byte
{
    None,

    /// <summary>The lengths do not match their checksum.</summary>
    BadPreludeCrc,

    /// <summary>Headers and payload do not match their checksum.</summary>
    BadMessageCrc,

    /// <summary>The stream ended within a message.</summary>
    Truncated,

    /// <summary>A message, or its headers, is longer than may be.</summary>
    Oversized,

    /// <summary>The lengths contradict each other.</summary>
    BadLength,

    /// <summary>The headers are not what their lengths and types say.</summary>
    BadHeaders,

    /// <summary>The message is whole, but its payload is not what its type says.</summary>
    BadPayload,
}

/// <summary>What the start of a buffer holds.</summary>
public enum EventStreamStatus : byte
{
    /// <summary>Not a whole message yet.</summary>
    Incomplete,

    /// <summary>A whole message whose checksums match.</summary>
    Message,

    /// <summary>No message, and none to come.</summary>
    Faulty,
}
