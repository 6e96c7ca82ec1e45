using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>
/// Reads the events of a Responses stream, as the vendor and engines send them: arguments, text or whole items that
/// come only with the event that ends them are taken from there. Items of a provider's own tools, which a translated
/// request cannot have asked for, are passed over.
/// </summary>
internal sealed class ResponsesStreamReader : StreamPartReader
{
    /// <summary>Most tool calls of one answer; each piece looks for its own among them.</summary>
    private const int MaxCalls = 128;

    /// <summary>Longest id or name of a tool.</summary>
    private const int MaxWordBytes = 4 * 1024;

    private readonly List<SeenCall> _calls = [];

    /// <summary>Place of the last item that told text in pieces.</summary>
    private int _textAt = -1;
    private bool _anyItem;
    private bool _hasRefusal;

    public override void Read(
        ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        var cursor = new JsonCursor(data);
        if (cursor.Peek() != JsonKind.Object)
        {
            return;
        }

        Event ev = Event.Read(ref cursor);
        name = name.IsEmpty ? ev.Type.Of(data) : name;
        if (!name.StartsWith("response."u8))
        {
            return;
        }

        name = name["response.".Length..];
        parts.Take(new StreamPart { Kind = StreamPartKind.Start }, ref to);
        if (name.EndsWith(".delta"u8))
        {
            ReadDelta(name, ev, data, parts, ref to);
        }
        else if (name.StartsWith("output_item."u8))
        {
            _anyItem = true;
            var item = new JsonCursor(data, ev.Item.Start);
            if (!ev.Item.IsEmpty)
            {
                ReadItem(ref item, ev.Index, isDone: name.EndsWith(".done"u8), parts, ref to);
            }
        }
        else if (name.SequenceEqual("function_call_arguments.done"u8))
        {
            Add(ev.Index, data, ev.Arguments, onlyIfNone: true, parts, ref to);
        }
        else if (name.SequenceEqual("reasoning_summary_part.added"u8) && ev.Index == _textAt)
        {
            parts.Take(new StreamPart { Kind = StreamPartKind.Thinking, Text = "\\n\\n"u8 }, ref to);
        }
        else if (name.SequenceEqual("completed"u8) || name.SequenceEqual("incomplete"u8))
        {
            End(ev, data, parts, ref to);
        }
        else if (name.SequenceEqual("failed"u8))
        {
            parts.Break("the upstream could not answer what was asked");
        }
    }

    private void ReadDelta(
        ReadOnlySpan<byte> name, in Event ev, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> text = ev.Delta.Of(data);
        if (name.StartsWith("function_call_arguments"u8))
        {
            Add(ev.Index, data, ev.Delta, onlyIfNone: false, parts, ref to);
            return;
        }

        bool isThinking = name.StartsWith("reasoning_summary_text"u8) || name.StartsWith("reasoning_text"u8);
        bool isRefusal = name.StartsWith("refusal"u8);
        if (text.IsEmpty || !(isThinking || isRefusal || name.StartsWith("output_text"u8)))
        {
            return;
        }

        _textAt = ev.Index;
        _hasRefusal |= isRefusal;
        parts.Take(
            new StreamPart { Kind = isThinking ? StreamPartKind.Thinking : StreamPartKind.Text, Text = text }, ref to);
    }

    private void ReadItem(ref JsonCursor cursor, int index, bool isDone, StreamPartWriter parts, ref WireOutput to)
    {
        ReadOnlySpan<byte> data = cursor.Json;
        ResponsesItem item = ResponsesItem.Read(ref cursor);
        if (item.Kind == ResponsesItemKind.Call)
        {
            Begin(index, item, data, parts, ref to);
            if (!item.Arguments.IsEmpty && isDone)
            {
                Add(index, data, item.Arguments, onlyIfNone: true, parts, ref to);
            }
        }

        if (!isDone || item.Kind == ResponsesItemKind.Other)
        {
            return;
        }

        if (item.Kind != ResponsesItemKind.Call && _textAt != index)
        {
            bool isThinking = item.Kind == ResponsesItemKind.Reasoning;
            StreamPartKind kind = isThinking ? StreamPartKind.Thinking : StreamPartKind.Text;
            TakeTexts(item.Content.IsEmpty ? item.Summary : item.Content, kind, data, parts, ref to);
        }

        if (!item.Seal.IsEmpty && item.Kind == ResponsesItemKind.Reasoning)
        {
            parts.Take(
                new StreamPart
                {
                    Kind = StreamPartKind.Signature, Text = item.Seal.Of(data), Seal = SealKind.Responses,
                },
                ref to);
        }

        parts.Take(new StreamPart { Kind = StreamPartKind.BlockEnd }, ref to);
    }

    private void TakeTexts(
        ByteRange texts, StreamPartKind kind, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        if (texts.IsEmpty)
        {
            return;
        }

        var cursor = new JsonCursor(data, texts.Start);
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            ReadOnlySpan<byte> text = ResponsesItem.ReadText(ref cursor, out bool isRefusal).Of(data);
            _hasRefusal |= isRefusal;
            if (!text.IsEmpty)
            {
                parts.Take(new StreamPart { Kind = kind, Text = text }, ref to);
            }
        }
    }

    private void Begin(
        int index, in ResponsesItem item, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        if (Find(index) >= 0)
        {
            return;
        }

        if (_calls.Count == MaxCalls || item.CallId.Length > MaxWordBytes || item.Name.Length > MaxWordBytes)
        {
            parts.Break("more tool calls, or longer names of them, than may be");
            return;
        }

        _calls.Add(new SeenCall(index, false));
        parts.Take(
            new StreamPart
            {
                Kind = StreamPartKind.ToolUse,
                Call = _calls.Count - 1,
                Id = item.CallId.Of(data),
                Name = item.Name.Of(data),
            },
            ref to);
    }

    private void Add(
        int index,
        ReadOnlySpan<byte> data,
        ByteRange arguments,
        bool onlyIfNone,
        StreamPartWriter parts,
        ref WireOutput to)
    {
        int call = Find(index);
        if (call < 0 || arguments.IsEmpty || (onlyIfNone && _calls[call].HasArguments))
        {
            return;
        }

        _calls[call] = _calls[call] with { HasArguments = true };
        parts.Take(
            new StreamPart { Kind = StreamPartKind.ToolUse, Call = call, Text = arguments.Of(data) }, ref to);
    }

    private int Find(int index)
    {
        for (int i = _calls.Count - 1; i >= 0; i--)
        {
            if (_calls[i].Index == index)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The response as a whole is here: why it ended and, where nothing of it came before, what it says.
    /// </summary>
    private void End(in Event ev, ReadOnlySpan<byte> data, StreamPartWriter parts, ref WireOutput to)
    {
        StopReason stop = StopReason.EndTurn;
        var cursor = new JsonCursor(data, ev.Response.Start);
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (bool entered = !ev.Response.IsEmpty && cursor.Enter();
            entered && cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(data, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("incomplete_details"u8))
            {
                stop = AnswerWords.FromResponses(ResponsesItem.ReadOne(ref cursor, "reason"u8).Of(data));
            }
            else if (kind == JsonKind.Array && !_anyItem && member.SequenceEqual("output"u8))
            {
                ReadOutput(ref cursor, parts, ref to);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        stop = stop == StopReason.EndTurn && _hasRefusal ? StopReason.Refusal : stop;
        parts.Take(new StreamPart { Kind = StreamPartKind.Stop, Stop = stop }, ref to);
        parts.Take(new StreamPart { Kind = StreamPartKind.End }, ref to);
    }

    private void ReadOutput(ref JsonCursor cursor, StreamPartWriter parts, ref WireOutput to)
    {
        int index = 0;
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first); index++)
        {
            if (cursor.Peek() == JsonKind.Object)
            {
                ReadItem(ref cursor, index, isDone: true, parts, ref to);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private readonly record struct SeenCall(int Index, bool HasArguments);

    /// <summary>The members of an event that mean something in some of them.</summary>
    private struct Event
    {
        public int Index;
        public ByteRange Type;
        public ByteRange Delta;
        public ByteRange Arguments;
        public ByteRange Item;
        public ByteRange Response;

        public static Event Read(ref JsonCursor cursor)
        {
            var ev = default(Event);
            ReadOnlySpan<byte> data = cursor.Json;
            Span<byte> scratch = stackalloc byte[16];
            bool first = true;
            for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
            {
                ReadOnlySpan<byte> member = name.Keyword(data, scratch);
                JsonKind kind = cursor.Peek();
                if (!cursor.ReadValue(out ByteRange value))
                {
                    break;
                }

                if (kind == JsonKind.String)
                {
                    var inner = new ByteRange(value.Start + 1, value.Length - 2);
                    ev.Type = member.SequenceEqual("type"u8) ? inner : ev.Type;
                    ev.Delta = member.SequenceEqual("delta"u8) ? inner : ev.Delta;
                    ev.Arguments = member.SequenceEqual("arguments"u8) ? inner : ev.Arguments;
                }
                else if (kind == JsonKind.Object)
                {
                    ev.Item = member.SequenceEqual("item"u8) ? value : ev.Item;
                    ev.Response = member.SequenceEqual("response"u8) ? value : ev.Response;
                }
                else if (kind == JsonKind.Number && member.SequenceEqual("output_index"u8))
                {
                    bool whole = JsonText.TryGetWhole(value.Of(data), out long index) && index is >= 0 and < 1_000_000;
                    ev.Index = whole ? (int)index : ev.Index;
                }
            }

            return ev;
        }
    }
}
