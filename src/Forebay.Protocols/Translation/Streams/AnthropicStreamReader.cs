using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>Reads the events of an Anthropic stream. Blocks of Anthropic's own tools, which a translated request cannot
/// have asked for, are passed over.</summary>
internal sealed class AnthropicStreamReader : StreamPartReader
{
    private int _call = -1;
    private bool _isToolUse;

    public override void Read(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        if (name.SequenceEqual("content_block_delta"u8))
        {
            ReadInner(data, "delta"u8, parts, ref to);
        }
        else if (name.SequenceEqual("content_block_start"u8))
        {
            ReadInner(data, "content_block"u8, parts, ref to);
        }
        else if (name.SequenceEqual("content_block_stop"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.BlockEnd }, ref to);
        }
        else if (name.SequenceEqual("message_start"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.Start }, ref to);
        }
        else if (name.SequenceEqual("message_delta"u8))
        {
            ReadInner(data, default, parts, ref to);
        }
        else if (name.SequenceEqual("message_stop"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.End }, ref to);
        }
        else if (name.SequenceEqual("ping"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.Ping }, ref to);
        }
    }

    /// <summary>Reads the member of an event that says what is new; that of a message is its delta.</summary>
    private void ReadInner(
        ReadOnlySpan<byte> data, ReadOnlySpan<byte> wanted, StreamPartWriter parts, ref WireOutput to)
    {
        bool isMessage = wanted.IsEmpty;
        wanted = isMessage ? "delta"u8 : wanted;
        var cursor = new JsonCursor(data);
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (!name.Keyword(data, scratch).SequenceEqual(wanted) || cursor.Peek() != JsonKind.Object)
            {
                _ = cursor.Skip();
            }
            else if (isMessage)
            {
                ReadStop(ref cursor, parts, ref to);
            }
            else if (wanted.Length == "delta"u8.Length)
            {
                ReadDelta(ref cursor, parts, ref to);
            }
            else
            {
                ReadBlock(ref cursor, parts, ref to);
            }
        }
    }

    /// <summary>A block begins. Some servers send it whole in this event.</summary>
    private void ReadBlock(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        AnthropicBlock block = AnthropicBlock.Read(ref cursor);
        _isToolUse = block.Kind == AnthropicBlockKind.ToolUse;
        if (_isToolUse)
        {
            ReadOnlySpan<byte> input = block.Input.Of(data);
            bool isWhole = input.IndexOf((byte)':') >= 0;
            parts.Take(
                new StreamPart
                {
                    Kind = StreamPartKind.ToolUse,
                    Call = ++_call,
                    Id = block.Id.Of(data),
                    Name = block.Name.Of(data),
                    Text = isWhole ? input : [],
                    IsObject = isWhole,
                },
                ref to);
        }
        else if (block.Kind == AnthropicBlockKind.Sealed)
        {
            parts.Take(
                new StreamPart
                {
                    Kind = StreamPartKind.Signature,
                    Text = block.Signature.Of(data),
                    Seal = SealKind.AnthropicSealed,
                },
                ref to);
        }
        else if (!block.Text.IsEmpty && block.Kind != AnthropicBlockKind.Other)
        {
            StreamPartKind kind = block.Kind == AnthropicBlockKind.Text ? StreamPartKind.Text : StreamPartKind.Thinking;
            parts.Take(new StreamPart { Kind = kind, Text = block.Text.Of(data) }, ref to);
        }
    }

    private void ReadDelta(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            StreamPartKind kind = KindOf(name.Keyword(data, scratch));
            if (kind == default || cursor.Peek() != JsonKind.String)
            {
                _ = cursor.Skip();
                continue;
            }

            _ = cursor.ReadString(out JsonString text);
            if (kind != StreamPartKind.ToolUse || _isToolUse)
            {
                parts.Take(new StreamPart { Kind = kind, Call = _call, Text = text.Raw(data) }, ref to);
            }
        }
    }

    /// <summary>What a delta adds, told by the member that holds it.</summary>
    private static StreamPartKind KindOf(ReadOnlySpan<byte> member) => member switch
    {
        _ when member.SequenceEqual("text"u8) => StreamPartKind.Text,
        _ when member.SequenceEqual("partial_json"u8) => StreamPartKind.ToolUse,
        _ when member.SequenceEqual("thinking"u8) => StreamPartKind.Thinking,
        _ when member.SequenceEqual("signature"u8) => StreamPartKind.Signature,
        _ => default,
    };

    private static void ReadStop(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        ReadOnlySpan<byte> reason = default;
        ReadOnlySpan<byte> sequence = default;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(data, scratch);
            bool isReason = member.SequenceEqual("stop_reason"u8);
            if ((!isReason && !member.SequenceEqual("stop_sequence"u8)) || cursor.Peek() != JsonKind.String)
            {
                _ = cursor.Skip();
                continue;
            }

            _ = cursor.ReadString(out JsonString text);
            reason = isReason ? text.Raw(data) : reason;
            sequence = isReason ? sequence : text.Raw(data);
        }

        if (!reason.IsEmpty)
        {
            parts.Take(
                new StreamPart
                {
                    Kind = StreamPartKind.Stop, Stop = AnswerWords.FromAnthropic(reason), Text = sequence,
                },
                ref to);
        }
    }
}
