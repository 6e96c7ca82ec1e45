namespace Forebay.Protocols;

/// <summary>What an event of a stream means to whoever relays it.</summary>
public enum StreamEventKind : byte
{
    /// <summary>Part of the protocol that carries no output: block starts and ends, events not known here.</summary>
    Other,

    /// <summary>The answer begins: Anthropic's <c>message_start</c>, OpenAI's first chunk where it has no output
    /// yet.</summary>
    Start,

    /// <summary>Carries output: text, reasoning, part of a tool call.</summary>
    Content,

    /// <summary>Carries token counts and no output. In OpenAI's dialect usage may also come with output; then the
    /// event is <see cref="Content"/>, and counted all the same.</summary>
    Usage,

    Ping,

    /// <summary>Comments, blank lines and fields that no client acts on.</summary>
    Comment,

    /// <summary>The stream is complete: <c>message_stop</c> or <c>[DONE]</c>.</summary>
    Terminal,

    /// <summary>The upstream reports that it failed.</summary>
    Error,

    /// <summary>Not what the dialect allows: data that is not JSON, an Anthropic event without a name or before
    /// <c>message_start</c>, anything after the end.</summary>
    Malformed,
}

/// <summary>What to send to the client in place of an event.</summary>
public enum StreamAction : byte
{
    /// <summary>The event's own bytes.</summary>
    Pass,

    /// <summary>Nothing.</summary>
    Drop,

    /// <summary>What was written to the observer's output.</summary>
    Rewritten,
}
