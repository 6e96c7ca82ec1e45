namespace Forebay.Protocols.Translation;

/// <summary>What a part of a streamed answer is.</summary>
internal enum StreamPartKind : byte
{
    /// <summary>The answer has begun; may be said again.</summary>
    Start,

    /// <summary>More text.</summary>
    Text,

    /// <summary>More reasoning.</summary>
    Thinking,

    /// <summary>The signature of the reasoning so far, or reasoning that is sealed as a whole.</summary>
    Signature,

    /// <summary>More of a tool call: its id and name once, its arguments piece by piece.</summary>
    ToolUse,

    /// <summary>The last block that was added to is complete.</summary>
    BlockEnd,

    /// <summary>Why the answer ended.</summary>
    Stop,

    /// <summary>The upstream is alive.</summary>
    Ping,

    /// <summary>The stream is complete.</summary>
    End,
}

/// <summary>One part of a streamed answer in no dialect. Its text lies in the event it came in, between the quotes of a
/// JSON string unless said otherwise.</summary>
internal readonly ref struct StreamPart
{
    public StreamPartKind Kind { get; init; }

    /// <summary>Text, reasoning, signature, a piece of arguments, or the stop sequence that was met.</summary>
    public ReadOnlySpan<byte> Text { get; init; }

    /// <summary>Which of the tool calls, counted from 0.</summary>
    public int Call { get; init; }

    public ReadOnlySpan<byte> Id { get; init; }

    public ReadOnlySpan<byte> Name { get; init; }

    /// <summary><see cref="Text"/> is a whole JSON object rather than a piece of the string that holds one.</summary>
    public bool IsObject { get; init; }

    public StopReason Stop { get; init; }

    /// <summary>Whose signature <see cref="Text"/> is.</summary>
    public SealKind Seal { get; init; }
}

/// <summary>Turns the events of one dialect into parts.</summary>
internal abstract class StreamPartReader
{
    /// <summary>Reads one event that was found well-formed.</summary>
    /// <param name="name">The event's name; empty where it has none.</param>
    /// <param name="data">Its data.</param>
    /// <param name="parts">Takes the parts.</param>
    /// <param name="to">Handed on to it.</param>
    public abstract void Read(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to);
}

/// <summary>Turns parts into the events of one dialect. Only whole events are written.</summary>
internal abstract class StreamPartWriter
{
    /// <summary>Most bytes held back while blocks that came at once are put one after the other.</summary>
    protected const int MaxHeldBytes = 8 * 1024 * 1024;

    /// <summary>Why the stream cannot go on; null while it can.</summary>
    public string? Problem { get; private set; }

    /// <summary>Bytes of the answer that are held to be said again at its end.</summary>
    public virtual int HeldBytes => 0;

    /// <summary>The number of the next event, where events are counted.</summary>
    public virtual long NextSequence => 0;

    /// <summary>Ends the stream: what comes next is not said any more. The first reason stays.</summary>
    public void Break(string problem) => Problem ??= problem;

    public abstract void Take(in StreamPart part, ref WireOutput to);
}
