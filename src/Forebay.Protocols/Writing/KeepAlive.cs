namespace Forebay.Protocols;

/// <summary>Bytes that keep a waiting client and the boxes in between from giving up on a silent stream.</summary>
public static class KeepAlive
{
    /// <summary>A comment: clients of both dialects ignore it anywhere in a stream.</summary>
    public static ReadOnlyMemory<byte> Comment { get; } = ": keep-alive\n\n"u8.ToArray();

    /// <summary>Anthropic's ping event. OpenAI clients fail on it.</summary>
    public static ReadOnlyMemory<byte> Ping { get; } = "event: ping\ndata: {\"type\": \"ping\"}\n\n"u8.ToArray();

    /// <summary>What to send in a silence.</summary>
    /// <param name="dialect">The client's dialect.</param>
    /// <param name="started">Whether the answer has begun. Before <c>message_start</c> a comment disturbs
    /// nobody.</param>
    public static ReadOnlyMemory<byte> For(WireDialect dialect, bool started) =>
        dialect == WireDialect.Anthropic && started ? Ping : Comment;
}
