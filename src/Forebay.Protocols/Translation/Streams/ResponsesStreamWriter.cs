using System.Buffers;

namespace Forebay.Protocols.Translation;

/// <summary>
/// Writes parts as the events of a Responses stream. There every item, and the answer as a whole, is said again when it
/// is done, so all of it is held until then.
/// </summary>
internal sealed class ResponsesStreamWriter(StreamObserver observer, AnswerFrame frame) : StreamPartWriter
{
    /// <summary>Most bytes of text held: several times the longest answer of today's models.</summary>
    private const int MaxAnswerBytes = 4 * 1024 * 1024;

    /// <summary>What an item takes beside its text.</summary>
    private const int ItemBytes = 512;

    private readonly ResponseFrame _response = new(frame);
    private readonly List<Item> _items = [];
    private Item? _last;
    private int _held;
    private int _opened;
    private long _sequence;
    private bool _started;
    private StopReason _stop;

    public override int HeldBytes => _held;

    public override long NextSequence => _sequence;

    private bool HasToolUse => _items.Exists(i => i is { Kind: StreamPartKind.ToolUse, IsOpen: true });

    public override void Take(in StreamPart part, ref WireOutput to)
    {
        switch (part.Kind)
        {
            case StreamPartKind.Start:
                Start(ref to);
                break;
            case StreamPartKind.Text or StreamPartKind.Thinking when !part.Text.IsEmpty:
                Append(TextItem(part.Kind, ref to), part.Text, ref to);
                break;
            case StreamPartKind.Signature when !part.Text.IsEmpty:
                Sign(part, ref to);
                break;
            case StreamPartKind.ToolUse:
                AddCall(part, ref to);
                break;
            case StreamPartKind.BlockEnd when _last is not null:
                Close(_last, "completed"u8, ref to);
                break;
            case StreamPartKind.Stop:
                _stop = part.Stop;
                break;
            case StreamPartKind.Ping:
                to.Raw(": ping\n\n"u8);
                break;
            case StreamPartKind.End:
                End(ref to);
                break;
        }
    }

    private void Start(ref WireOutput to)
    {
        if (_started)
        {
            return;
        }

        _started = true;
        WriteResponse("response.created"u8, "in_progress"u8, [], default, null, ref to);
        WriteResponse("response.in_progress"u8, "in_progress"u8, [], default, null, ref to);
    }

    private void WriteResponse(
        scoped ReadOnlySpan<byte> name,
        scoped ReadOnlySpan<byte> status,
        scoped ReadOnlySpan<byte> incomplete,
        WireUsage usage,
        long? reasoning,
        ref WireOutput to)
    {
        BeginEvent(name, ref to);
        to.Raw(",\"response\":"u8);
        _response.WriteStart(ref to, status, incomplete);
        bool any = false;
        foreach (Item item in _items)
        {
            if (item.IsClosed)
            {
                to.Raw(any ? ","u8 : []);
                any = true;
                WriteItem(item, item.Status, ref to);
            }
        }

        ResponseFrame.WriteEnd(ref to, usage, reasoning);
        to.Raw("}\n\n"u8);
    }

    /// <summary>The open item that text of a kind belongs to. Text of another kind ends the one before.</summary>
    private Item TextItem(StreamPartKind kind, ref WireOutput to)
    {
        if (_last is { IsClosed: false } last && last.Kind == kind && last.Signature.Length == 0)
        {
            return last;
        }

        CloseTexts(ref to);
        var item = new Item { Kind = kind };
        Add(item);
        Open(item, ref to);
        return item;
    }

    private void Add(Item item)
    {
        _items.Add(item);
        _last = item;
        Hold(ItemBytes);
    }

    private void Hold(int bytes)
    {
        _held += bytes;
        if (_held > MaxAnswerBytes)
        {
            Break("the answer is too large to be said again at its end");
        }
    }

    private void CloseTexts(ref WireOutput to)
    {
        foreach (Item item in _items)
        {
            if (item.Kind != StreamPartKind.ToolUse)
            {
                Close(item, "completed"u8, ref to);
            }
        }
    }

    private void Append(Item item, scoped ReadOnlySpan<byte> text, ref WireOutput to)
    {
        Hold(text.Length);
        if (Problem is not null)
        {
            return;
        }

        item.Text.Write(text);
        if (item.IsOpen)
        {
            WriteDelta(item, text, ref to);
        }
    }

    /// <summary>Signs the reasoning so far; what is sealed without a word of it is an item of its own.</summary>
    private void Sign(in StreamPart part, ref WireOutput to)
    {
        Item item = part.Seal == SealKind.AnthropicSealed
            || _last is not { Kind: StreamPartKind.Thinking, IsClosed: false }
            ? NewThinking(ref to)
            : _last;
        item.Seal = part.Seal;
        item.Signature = part.Text.ToArray();
        Hold(item.Signature.Length);
    }

    private Item NewThinking(ref WireOutput to)
    {
        CloseTexts(ref to);
        var item = new Item { Kind = StreamPartKind.Thinking };
        Add(item);
        Open(item, ref to);
        return item;
    }

    private void AddCall(in StreamPart part, ref WireOutput to)
    {
        Item? call = null;
        foreach (Item item in _items)
        {
            call = item.Kind == StreamPartKind.ToolUse && item.Call == part.Call ? item : call;
        }

        if (call is null)
        {
            CloseTexts(ref to);
            call = new Item { Kind = StreamPartKind.ToolUse, Call = part.Call };
            Add(call);
        }

        if (call.IsClosed)
        {
            return;
        }

        _last = call;
        call.Id = call.Id.Length == 0 && !part.Id.IsEmpty ? part.Id.ToArray() : call.Id;
        call.Name = call.Name.Length == 0 && !part.Name.IsEmpty ? part.Name.ToArray() : call.Name;
        Open(call, ref to);
        if (part.IsObject)
        {
            var escaped = new ArrayBufferWriter<byte>(part.Text.Length + 16);
            var text = new WireOutput(escaped);
            text.Escaped(part.Text);
            text.Flush();
            Append(call, escaped.WrittenSpan, ref to);
        }
        else if (!part.Text.IsEmpty)
        {
            Append(call, part.Text, ref to);
        }
    }

    /// <summary>Begins an item on the wire; a tool call only once its name is known.</summary>
    private void Open(Item item, ref WireOutput to)
    {
        if (item.IsOpen || (item.Kind == StreamPartKind.ToolUse && item.Name.Length == 0))
        {
            return;
        }

        item.IsOpen = true;
        item.Index = _opened++;
        BeginEvent("response.output_item.added"u8, ref to);
        WriteIndex(item, ref to);
        to.Raw(",\"item\":"u8);
        WriteItem(item, "in_progress"u8, ref to);
        to.Raw("}\n\n"u8);
        if (item.Kind == StreamPartKind.Text)
        {
            BeginPart("response.content_part.added"u8, item, ref to);
            to.Raw(",\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}}\n\n"u8);
        }

        if (item.Text.WrittenCount > 0)
        {
            WriteDelta(item, item.Text.WrittenSpan, ref to);
        }
    }

    private void WriteDelta(Item item, scoped ReadOnlySpan<byte> text, ref WireOutput to)
    {
        if (item is { Kind: StreamPartKind.Thinking, HasSummary: false })
        {
            item.HasSummary = true;
            BeginPart("response.reasoning_summary_part.added"u8, item, ref to);
            to.Raw(",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n"u8);
        }

        BeginPart(
            item.Kind switch
            {
                StreamPartKind.Text => "response.output_text.delta"u8,
                StreamPartKind.Thinking => "response.reasoning_summary_text.delta"u8,
                _ => "response.function_call_arguments.delta"u8,
            },
            item,
            ref to);
        to.Raw(",\"delta\":"u8);
        to.Quoted(text);
        to.Raw(item.Kind == StreamPartKind.Text ? ",\"logprobs\":[]}\n\n"u8 : "}\n\n"u8);
    }

    /// <summary>Ends an item. A call whose name never came is left out: nobody could act on it.</summary>
    private void Close(Item item, scoped ReadOnlySpan<byte> status, ref WireOutput to)
    {
        if (item.IsClosed || !item.IsOpen || Problem is not null)
        {
            return;
        }

        if (item.Kind == StreamPartKind.ToolUse && item.Text.WrittenCount == 0)
        {
            // A tool that takes nothing is called with an empty object; clients parse what they are given.
            Append(item, "{}"u8, ref to);
        }

        item.IsClosed = true;
        item.Status = status.ToArray();
        switch (item.Kind)
        {
            case StreamPartKind.Text:
                BeginPart("response.output_text.done"u8, item, ref to);
                to.Raw(",\"text\":"u8);
                to.Quoted(item.Text.WrittenSpan);
                to.Raw(",\"logprobs\":[]}\n\n"u8);
                BeginPart("response.content_part.done"u8, item, ref to);
                to.Raw(",\"part\":"u8);
                WriteTextPart(item, ref to);
                to.Raw("}\n\n"u8);
                break;
            case StreamPartKind.Thinking when item.HasSummary:
                BeginPart("response.reasoning_summary_text.done"u8, item, ref to);
                to.Raw(",\"text\":"u8);
                to.Quoted(item.Text.WrittenSpan);
                to.Raw("}\n\n"u8);
                BeginPart("response.reasoning_summary_part.done"u8, item, ref to);
                to.Raw(",\"part\":"u8);
                WriteSummaryPart(item, ref to);
                to.Raw("}\n\n"u8);
                break;
            case StreamPartKind.ToolUse:
                BeginPart("response.function_call_arguments.done"u8, item, ref to);
                to.Raw((byte)',');
                _response.WriteToolName(ref to, item.Name);
                to.Raw(",\"arguments\":"u8);
                to.Quoted(item.Text.WrittenSpan);
                to.Raw("}\n\n"u8);
                break;
        }

        BeginEvent("response.output_item.done"u8, ref to);
        WriteIndex(item, ref to);
        to.Raw(",\"item\":"u8);
        WriteItem(item, status, ref to);
        to.Raw("}\n\n"u8);
    }

    private void End(ref WireOutput to)
    {
        Start(ref to);
        ReadOnlySpan<byte> incomplete = AnswerWords.ToResponses(AnswerWords.Agreeing(_stop, HasToolUse));
        ReadOnlySpan<byte> status = incomplete.IsEmpty ? "completed"u8 : "incomplete"u8;
        foreach (Item item in _items)
        {
            Close(item, status, ref to);
        }

        WireUsage usage = observer.Usage.Known
            ? observer.Usage
            : new WireUsage(true, frame.EstimatedInputTokens, 0, 0, observer.ContentEvents);
        _items.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        WriteResponse(
            incomplete.IsEmpty ? "response.completed"u8 : "response.incomplete"u8,
            status,
            incomplete,
            usage,
            observer.ReasoningTokens,
            ref to);
    }

    private void BeginEvent(scoped ReadOnlySpan<byte> name, ref WireOutput to)
    {
        to.Raw("event: "u8);
        to.Raw(name);
        to.Raw("\ndata: {\"type\":"u8);
        to.Quoted(name);
        to.Raw(",\"sequence_number\":"u8);
        to.Number(_sequence++);
    }

    private static void WriteIndex(Item item, ref WireOutput to)
    {
        to.Raw(",\"output_index\":"u8);
        to.Number(item.Index);
    }

    /// <summary>Begins an event about what an item holds.</summary>
    private void BeginPart(scoped ReadOnlySpan<byte> name, Item item, ref WireOutput to)
    {
        BeginEvent(name, ref to);
        to.Raw(",\"item_id\":"u8);
        _response.WriteItemId(ref to, item.Prefix, item.Index);
        WriteIndex(item, ref to);
        to.Raw(item.Kind switch
        {
            StreamPartKind.Text => ",\"content_index\":0"u8,
            StreamPartKind.Thinking => ",\"summary_index\":0"u8,
            _ => [],
        });
    }

    private static void WriteTextPart(Item item, ref WireOutput to)
    {
        to.Raw("{\"type\":\"output_text\",\"text\":"u8);
        to.Quoted(item.Text.WrittenSpan);
        to.Raw(",\"annotations\":[],\"logprobs\":[]}"u8);
    }

    private static void WriteSummaryPart(Item item, ref WireOutput to)
    {
        to.Raw("{\"type\":\"summary_text\",\"text\":"u8);
        to.Quoted(item.Text.WrittenSpan);
        to.Raw((byte)'}');
    }

    /// <summary>Writes an item as far as it is known: when it begins it holds nothing yet.</summary>
    private void WriteItem(Item item, scoped ReadOnlySpan<byte> status, ref WireOutput to)
    {
        bool begins = !item.IsClosed;
        to.Raw("{\"id\":"u8);
        _response.WriteItemId(ref to, item.Prefix, item.Index);
        switch (item.Kind)
        {
            case StreamPartKind.Text:
                to.Raw(",\"type\":\"message\",\"role\":\"assistant\",\"status\":"u8);
                to.Quoted(status);
                to.Raw(",\"content\":["u8);
                if (!begins)
                {
                    WriteTextPart(item, ref to);
                }

                to.Raw("]}"u8);
                break;
            case StreamPartKind.Thinking:
                to.Raw(",\"type\":\"reasoning\",\"summary\":["u8);
                if (!begins && item.HasSummary)
                {
                    WriteSummaryPart(item, ref to);
                }

                to.Raw(item.Signature.Length > 0 ? "],\"encrypted_content\":\""u8 : "]"u8);
                if (item.Signature.Length > 0)
                {
                    to.Raw(Seals.MarkOf(item.Seal));
                    to.Raw(item.Signature);
                    to.Raw((byte)'"');
                }

                to.Raw((byte)'}');
                break;
            default:
                WriteCall(item, begins, status, ref to);
                break;
        }
    }

    private void WriteCall(Item item, bool begins, scoped ReadOnlySpan<byte> status, ref WireOutput to)
    {
        to.Raw(",\"type\":\"function_call\",\"status\":"u8);
        to.Quoted(status);
        to.Raw(",\"call_id\":"u8);
        if (item.Id.Length == 0)
        {
            _response.WriteItemId(ref to, "call_"u8, item.Index);
        }
        else
        {
            to.Quoted(item.Id);
        }

        to.Raw((byte)',');
        _response.WriteToolName(ref to, item.Name);
        to.Raw(",\"arguments\":"u8);
        to.Quoted(begins ? [] : item.Text.WrittenSpan);
        to.Raw((byte)'}');
    }

    private sealed class Item
    {
        public StreamPartKind Kind { get; init; }

        public int Call { get; init; }

        public int Index { get; set; } = int.MaxValue;

        public byte[] Id { get; set; } = [];

        public byte[] Name { get; set; } = [];

        public byte[] Signature { get; set; } = [];

        public SealKind Seal { get; set; }

        public byte[] Status { get; set; } = [];

        public ArrayBufferWriter<byte> Text { get; } = new();

        public bool HasSummary { get; set; }

        public bool IsOpen { get; set; }

        public bool IsClosed { get; set; }

        public ReadOnlySpan<byte> Prefix => Kind switch
        {
            StreamPartKind.Text => "msg_"u8,
            StreamPartKind.Thinking => "rs_"u8,
            _ => "fc_"u8,
        };
    }
}
