using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>
/// Reads the chunks of an OpenAI stream, as vendors and engines send them: a whole tool call in one delta, ids missing
/// or said again, several calls under one index, no finish reason, usage wherever it comes.
/// </summary>
internal sealed class OpenAiStreamReader : StreamPartReader
{
    /// <summary>Most tool calls of one answer; each piece looks for its own among them.</summary>
    private const int MaxCalls = 128;

    /// <summary>Longest id or name of a tool; both are kept until the call is complete.</summary>
    private const int MaxWordBytes = 4 * 1024;

    private readonly List<SeenCall> _calls = [];
    private bool _hasRefusal;

    public override void Read(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        if (data.TrimEnd((byte)' ').SequenceEqual("[DONE]"u8))
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.End }, ref to);
            return;
        }

        parts.Take(new StreamPart { Kind = StreamPartKind.Start }, ref to);
        var cursor = new JsonCursor(data);
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString member);)
        {
            if (cursor.Peek() == JsonKind.Array && member.Keyword(data, scratch).SequenceEqual("choices"u8))
            {
                ReadChoices(ref cursor, parts, ref to);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private void ReadChoices(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            if (cursor.Peek() == JsonKind.Object)
            {
                ReadChoice(ref cursor, parts, ref to);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private void ReadChoice(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        ReadOnlySpan<byte> reason = default;
        ReadOnlySpan<byte> matched = default;
        ByteRange delta = default;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(data, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("delta"u8) && cursor.ReadValue(out ByteRange value))
            {
                delta = value;
            }
            else if (kind == JsonKind.String && cursor.ReadString(out JsonString text))
            {
                reason = member.SequenceEqual("finish_reason"u8) ? text.Raw(data) : reason;
                matched = OpenAiWords.IsMatchedStop(member) ? text.Raw(data) : matched;
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        if (!delta.IsEmpty)
        {
            var inner = new JsonCursor(data, delta.Start);
            ReadDelta(ref inner, parts, ref to);
        }

        if (AnswerWords.IsBrokenOff(reason))
        {
            parts.Break("the engine broke the answer off");
        }
        else if (!reason.IsEmpty)
        {
            StopReason stop = AnswerWords.FromOpenAi(reason);
            bool isMatched = stop == StopReason.EndTurn && !matched.IsEmpty;
            stop = isMatched ? StopReason.StopSequence
                : stop == StopReason.EndTurn && _hasRefusal ? StopReason.Refusal
                : stop;
            parts.Take(
                new StreamPart { Kind = StreamPartKind.Stop, Stop = stop, Text = isMatched ? matched : [] }, ref to);
        }
    }

    private void ReadDelta(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        bool hasReasoning = false;
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(data, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Array && member.SequenceEqual("tool_calls"u8))
            {
                ReadCalls(ref cursor, parts, ref to);
            }
            else if (kind == JsonKind.Array && member.SequenceEqual("content"u8))
            {
                bool firstPart = true;
                for (_ = cursor.Enter(); cursor.NextElement(ref firstPart);)
                {
                    ReadOnlySpan<byte> words = OpenAiWords.TextOf(ref cursor).Of(data);
                    if (!words.IsEmpty)
                    {
                        parts.Take(new StreamPart { Kind = StreamPartKind.Text, Text = words }, ref to);
                    }
                }
            }
            else if (kind != JsonKind.String || !cursor.ReadString(out JsonString text))
            {
                _ = cursor.Skip();
            }
            else if (text.Length > 0 && OpenAiWords.IsReasoning(member))
            {
                // Some engines say the same under both names.
                if (!hasReasoning)
                {
                    parts.Take(
                        new StreamPart { Kind = StreamPartKind.Thinking, Text = text.Raw(data) }, ref to);
                }

                hasReasoning = true;
            }
            else if (text.Length > 0 && (member.SequenceEqual("content"u8) || member.SequenceEqual("refusal"u8)))
            {
                _hasRefusal |= member.SequenceEqual("refusal"u8);
                parts.Take(new StreamPart { Kind = StreamPartKind.Text, Text = text.Raw(data) }, ref to);
            }
        }
    }

    private void ReadCalls(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        bool first = true;
        int place = 0;
        for (_ = cursor.Enter(); cursor.NextElement(ref first); place++)
        {
            if (cursor.Peek() != JsonKind.Object)
            {
                _ = cursor.Skip();
                continue;
            }

            OpenAiCall call = OpenAiCall.Read(ref cursor);
            ReadOnlySpan<byte> id = call.Id.Of(data);
            int number = CallOf(call.Index ?? place, id, isNamed: !call.Name.IsEmpty);
            if (number >= MaxCalls || id.Length > MaxWordBytes || call.Name.Length > MaxWordBytes)
            {
                parts.Break("more tool calls, or longer names of them, than may be");
                return;
            }

            parts.Take(
                new StreamPart
                {
                    Kind = StreamPartKind.ToolUse,
                    Call = number,
                    Id = id,
                    Name = call.Name.Of(data),
                    Text = call.Arguments.Of(data),
                    IsObject = !call.IsText,
                },
                ref to);
        }
    }

    /// <summary>The call that a piece belongs to: the last one under its index, unless an id and a name say that it is
    /// another. Some engines make up an id for each piece.</summary>
    private int CallOf(int index, ReadOnlySpan<byte> id, bool isNamed)
    {
        for (int i = _calls.Count - 1; i >= 0; i--)
        {
            SeenCall seen = _calls[i];
            if (seen.Index != index)
            {
                continue;
            }

            if (!isNamed || id.IsEmpty || seen.Id.Length == 0 || id.SequenceEqual(seen.Id))
            {
                _calls[i] = id.IsEmpty || seen.Id.Length > 0 ? seen : seen with { Id = id.ToArray() };
                return i;
            }

            break;
        }

        if (_calls.Count == MaxCalls)
        {
            return MaxCalls;
        }

        _calls.Add(new SeenCall(index, id.Length > MaxWordBytes ? [] : id.ToArray()));
        return _calls.Count - 1;
    }

    private readonly record struct SeenCall(int Index, byte[] Id);
}
