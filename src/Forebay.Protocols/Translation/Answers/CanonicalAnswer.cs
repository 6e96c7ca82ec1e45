namespace Forebay.Protocols.Translation;

/// <summary>Why an answer ended.</summary>
internal enum StopReason : byte
{
    EndTurn,
    MaxTokens,
    ContextWindow,
    StopSequence,
    ToolUse,
    Refusal,
    Pause,
}

/// <summary>A whole answer in no dialect; its text and JSON are ranges of the body it was read from.</summary>
internal sealed class CanonicalAnswer
{
    public List<CanonicalBlock> Blocks { get; } = [];

    public StopReason Stop { get; set; }

    /// <summary>The stop sequence that was met, between the quotes; empty where none is told.</summary>
    public ByteRange StopSequence { get; set; }

    public WireUsage Usage { get; set; }

    public long? ReasoningTokens { get; set; }

    public bool HasToolUse => Blocks.Exists(b => b.Kind == BlockKind.ToolUse);

    public void AddText(BlockKind kind, ByteRange text)
    {
        if (!text.IsEmpty)
        {
            Blocks.Add(new CanonicalBlock { Kind = kind, Text = text });
        }
    }
}
