using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>Reads a whole Anthropic message. Blocks of Anthropic's own tools, which a translated request cannot have
/// asked for, are passed over.</summary>
internal static class AnthropicAnswerReader
{
    public static CanonicalAnswer Read(ReadOnlySpan<byte> body)
    {
        var answer = new CanonicalAnswer();
        var tally = default(UsageTally);
        var cursor = new JsonCursor(body, RequestReader.ByteOrderMarkLength(body));
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(body, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Array && member.SequenceEqual("content"u8))
            {
                ReadContent(ref cursor, answer);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                tally.ReadAnthropic(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("stop_reason"u8))
            {
                _ = cursor.ReadString(out JsonString word);
                answer.Stop = AnswerWords.FromAnthropic(word.Raw(body));
            }
            else if (kind == JsonKind.String && member.SequenceEqual("stop_sequence"u8))
            {
                _ = cursor.ReadString(out JsonString sequence);
                answer.StopSequence = new ByteRange(sequence.Start, sequence.Length);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        answer.Stop = AnswerWords.Agreeing(answer.Stop, answer.HasToolUse);
        answer.Usage = tally.ToUsage();
        answer.ReasoningTokens = tally.Reasoning;
        return answer;
    }

    private static void ReadContent(ref JsonCursor cursor, CanonicalAnswer answer)
    {
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            if (cursor.Peek() != JsonKind.Object)
            {
                _ = cursor.Skip();
                continue;
            }

            AnthropicBlock block = AnthropicBlock.Read(ref cursor);
            switch (block.Kind)
            {
                case AnthropicBlockKind.Text:
                    answer.AddText(BlockKind.Text, block.Text);
                    break;
                case AnthropicBlockKind.Thinking when !block.Text.IsEmpty || !block.Signature.IsEmpty:
                    answer.Blocks.Add(new CanonicalBlock
                    {
                        Kind = BlockKind.Thinking, Text = block.Text, Signature = block.Signature,
                    });
                    break;
                case AnthropicBlockKind.Sealed:
                    answer.Blocks.Add(new CanonicalBlock
                    {
                        Kind = BlockKind.Thinking, Signature = block.Signature, Seal = SealKind.AnthropicSealed,
                    });
                    break;
                case AnthropicBlockKind.ToolUse:
                    answer.Blocks.Add(new CanonicalBlock
                    {
                        Kind = BlockKind.ToolUse, Id = block.Id, Name = block.Name, Input = block.Input,
                    });
                    break;
            }
        }
    }
}

internal enum AnthropicBlockKind : byte
{
    Other,
    Text,
    Thinking,
    Sealed,
    ToolUse,
}

/// <summary>A content block of an answer, or the start of one in a stream.</summary>
internal ref struct AnthropicBlock
{
    public AnthropicBlockKind Kind;

    /// <summary>Text or thinking, between the quotes.</summary>
    public ByteRange Text;
    /// <summary>Signature of thinking, or the sealed thinking itself.</summary>
    public ByteRange Signature;
    public ByteRange Id;
    public ByteRange Name;

    /// <summary>The object that a tool is called with.</summary>
    public ByteRange Input;

    public static AnthropicBlock Read(ref JsonCursor cursor)
    {
        var block = default(AnthropicBlock);
        ReadOnlySpan<byte> json = cursor.Json;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(json, scratch);
            JsonKind kind = cursor.Peek();
            if (!cursor.ReadValue(out ByteRange value))
            {
                break;
            }

            if (kind == JsonKind.Object && member.SequenceEqual("input"u8))
            {
                block.Input = value;
            }
            else if (kind == JsonKind.String)
            {
                block.Set(member, new ByteRange(value.Start + 1, value.Length - 2), json);
            }
        }

        return block;
    }

    private void Set(scoped ReadOnlySpan<byte> member, ByteRange content, ReadOnlySpan<byte> json)
    {
        if (member.SequenceEqual("type"u8))
        {
            ReadOnlySpan<byte> word = content.Of(json);
            Kind = word.SequenceEqual("text"u8) ? AnthropicBlockKind.Text
                : word.SequenceEqual("thinking"u8) ? AnthropicBlockKind.Thinking
                : word.SequenceEqual("tool_use"u8) ? AnthropicBlockKind.ToolUse
                : word.SequenceEqual("redacted_thinking"u8) ? AnthropicBlockKind.Sealed
                : AnthropicBlockKind.Other;
        }
        else if (member.SequenceEqual("text"u8) || member.SequenceEqual("thinking"u8))
        {
            Text = content;
        }
        else if (member.SequenceEqual("signature"u8) || member.SequenceEqual("data"u8))
        {
            Signature = content;
        }
        else if (member.SequenceEqual("id"u8))
        {
            Id = content;
        }
        else if (member.SequenceEqual("name"u8))
        {
            Name = content;
        }
    }
}
