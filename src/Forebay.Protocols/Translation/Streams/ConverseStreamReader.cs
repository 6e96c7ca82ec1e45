using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>Reads the events of a Converse stream, as <see cref="Bedrock.BedrockStream"/> names them.</summary>
internal sealed class ConverseStreamReader : StreamPartReader
{
    /// <summary>The tool call of the block that is open, or was last.</summary>
    private int _call = -1;

    public override void Read(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        if (name.SequenceEqual("contentBlockDelta"u8))
        {
            ReadWithin(data, "delta"u8, parts, ref to);
        }
        else if (name.SequenceEqual("contentBlockStart"u8))
        {
            ReadWithin(data, "start"u8, parts, ref to);
        }
        else if (name.SequenceEqual("contentBlockStop"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.BlockEnd }, ref to);
        }
        else if (name.SequenceEqual("messageStart"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.Start }, ref to);
        }
        else if (name.SequenceEqual("messageStop"u8))
        {
            ReadStop(data, parts, ref to);
        }
        else if (name.SequenceEqual("streamEnd"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.End }, ref to);
        }
    }

    private void ReadWithin(
        ReadOnlySpan<byte> data, ReadOnlySpan<byte> wanted, StreamPartWriter parts, ref WireOutput to)
    {
        // Some models begin without a messageStart.
        parts.Take(new StreamPart { Kind = StreamPartKind.Start }, ref to);
        var cursor = new JsonCursor(data);
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (cursor.Peek() == JsonKind.Object && name.Keyword(data, scratch).SequenceEqual(wanted))
            {
                ReadContent(ref cursor, parts, ref to);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private void ReadContent(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(data, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.String && member.SequenceEqual("text"u8) && cursor.ReadString(out JsonString text))
            {
                parts.Take(new StreamPart { Kind = StreamPartKind.Text, Text = text.Raw(data) }, ref to);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("toolUse"u8))
            {
                ReadToolUse(ref cursor, parts, ref to);
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("reasoningContent"u8))
            {
                ReadReasoning(ref cursor, parts, ref to);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private void ReadToolUse(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        ConverseToolUse call = ConverseToolUse.Read(ref cursor);
        _call += call.Name.IsEmpty ? 0 : 1;
        parts.Take(
            new StreamPart
            {
                Kind = StreamPartKind.ToolUse,
                Call = Math.Max(0, _call),
                Id = call.Id.Of(data),
                Name = call.Name.Of(data),
                Text = call.Input.Of(data),
                IsObject = call.IsObject,
            },
            ref to);
    }

    private static void ReadReasoning(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(data, scratch);
            bool isText = member.SequenceEqual("text"u8);
            if ((!isText && !member.SequenceEqual("signature"u8)) || cursor.Peek() != JsonKind.String)
            {
                _ = cursor.Skip();
                continue;
            }

            _ = cursor.ReadString(out JsonString said);
            StreamPartKind kind = isText ? StreamPartKind.Thinking : StreamPartKind.Signature;
            parts.Take(new StreamPart { Kind = kind, Text = said.Raw(data) }, ref to);
        }
    }

    private static void ReadStop(ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        var cursor = new JsonCursor(data);
        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (!name.Keyword(data, scratch).SequenceEqual("stopReason"u8) || cursor.Peek() != JsonKind.String)
            {
                _ = cursor.Skip();
                continue;
            }

            _ = cursor.ReadString(out JsonString word);
            if (AnswerWords.IsMalformed(word.Raw(data)))
            {
                parts.Break("the model's output was malformed");
                return;
            }

            StopReason stop = AnswerWords.FromConverse(word.Raw(data));
            parts.Take(new StreamPart { Kind = StreamPartKind.Stop, Stop = stop }, ref to);
        }
    }
}
