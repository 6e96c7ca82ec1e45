using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>What an Anthropic block holds, or a delta adds.</summary>
internal enum BlockEventKind : byte
{
    Other,
    Text,
    Thinking,
    ToolCall,
    Citation,
}

/// <summary>A <c>content_block_start</c> or <c>content_block_delta</c>, as far as going on with an answer needs it.
/// </summary>
internal ref struct BlockEvent
{
    public BlockEventKind Kind;
    public long Index;

    /// <summary>The number's place in the event.</summary>
    public ByteRange IndexValue;

    public JsonString Text;
    public bool HasCitations;

    /// <param name="cursor">Before the event's data.</param>
    /// <param name="inner">The member that says what is new.</param>
    public static BlockEvent Read(ref JsonCursor cursor, ReadOnlySpan<byte> inner)
    {
        var block = default(BlockEvent);
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Number && member.SequenceEqual("index"u8))
            {
                _ = cursor.ReadValue(out block.IndexValue);
                _ = JsonText.TryGetWhole(block.IndexValue.Of(cursor.Json), out block.Index);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual(inner))
            {
                block.ReadInner(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        return block;
    }

    private void ReadInner(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        Span<byte> typeScratch = stackalloc byte[24];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.String && member.SequenceEqual("type"u8))
            {
                _ = cursor.ReadString(out JsonString type);
                Kind = KindOf(type.Keyword(cursor.Json, typeScratch));
            }
            else if (kind == JsonKind.String && member.SequenceEqual("text"u8))
            {
                _ = cursor.ReadString(out Text);
            }
            else
            {
                bool citations = kind == JsonKind.Array && member.SequenceEqual("citations"u8);
                _ = cursor.ReadValue(out ByteRange value);
                HasCitations |= citations && value.Of(cursor.Json).Contains((byte)'{');
            }
        }
    }

    private static BlockEventKind KindOf(ReadOnlySpan<byte> type) => type switch
    {
        _ when type.SequenceEqual("text_delta"u8) || type.SequenceEqual("text"u8) => BlockEventKind.Text,
        _ when type.EndsWith("thinking"u8) || type.SequenceEqual("thinking_delta"u8)
            || type.SequenceEqual("signature_delta"u8) => BlockEventKind.Thinking,
        _ when type.EndsWith("tool_use"u8) || type.SequenceEqual("input_json_delta"u8) => BlockEventKind.ToolCall,
        _ when type.SequenceEqual("citations_delta"u8) => BlockEventKind.Citation,
        _ => BlockEventKind.Other,
    };
}
