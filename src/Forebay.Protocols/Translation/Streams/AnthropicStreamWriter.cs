using System.Buffers;
using System.Text;

namespace Forebay.Protocols.Translation;

/// <summary>
/// Writes parts as the events of an Anthropic stream. There one block is open at a time, and a closed one never opens
/// again; what comes for a later block while an earlier tool call may still go on is held back until that is complete.
/// </summary>
internal sealed class AnthropicStreamWriter(StreamObserver observer, AnswerFrame frame) : StreamPartWriter
{
    /// <summary>What a block that is held back takes beside its text.</summary>
    private const int BlockBytes = 512;

    /// <summary>Blocks not closed yet, in order; the first is the one on the wire.</summary>
    private readonly List<Block> _blocks = [];
    private int _closed;
    private int _heldBytes;
    private int _nextCall;
    private bool _started;
    private bool _hasToolUse;
    private StopReason _stop;
    private byte[] _stopSequence = [];

    public override void Take(in StreamPart part, ref WireOutput to)
    {
        switch (part.Kind)
        {
            case StreamPartKind.Start:
                Start(ref to);
                break;
            case StreamPartKind.Text or StreamPartKind.Thinking:
                Add(part, ref to);
                break;
            case StreamPartKind.Signature:
                Sign(part, ref to);
                break;
            case StreamPartKind.ToolUse:
                AddCall(part, ref to);
                break;
            case StreamPartKind.BlockEnd when _blocks.Count > 0:
                _blocks[^1].Ended = true;
                break;
            case StreamPartKind.Stop:
                _stop = part.Stop;
                _stopSequence = part.Text.ToArray();
                break;
            case StreamPartKind.Ping:
                to.Raw("event: ping\ndata: {\"type\":\"ping\"}\n\n"u8);
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
        to.Raw("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_"u8);
        to.Raw(Encoding.ASCII.GetBytes(frame.Id));
        to.Raw("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"u8);
        to.Raw(frame.ModelJson.Span);
        to.Raw(",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"stop_details\":null,"u8);
        to.Raw("\"container\":null,\"diagnostics\":null,\"usage\":"u8);
        var usage = new WireUsage(true, frame.EstimatedInputTokens, 0, 0, 0);
        AnswerWords.WriteAnthropicUsage(ref to, usage, null, isWhole: true);
        to.Raw("}}\n\n"u8);
    }

    /// <summary>Signs the thinking so far. What is sealed without a word of it is thinking with a signature alone.
    /// </summary>
    private void Sign(in StreamPart part, ref WireOutput to)
    {
        bool hasOwn = _blocks.Count > 0 && _blocks[^1].Kind == StreamPartKind.Thinking;
        bool isForeign = part.Seal == SealKind.Responses;
        if (!hasOwn && !isForeign)
        {
            return;
        }

        if (!hasOwn || _blocks[^1].Ended)
        {
            _blocks.Add(new Block { Kind = StreamPartKind.Thinking });
            Advance(ref to);
        }

        _blocks[^1].Signature = isForeign ? [.. Seals.MarkOf(part.Seal), .. part.Text] : part.Text.ToArray();
    }

    private void Add(in StreamPart part, ref WireOutput to)
    {
        if (part.Text.IsEmpty)
        {
            return;
        }

        if (_blocks.Count == 0 || _blocks[^1].Kind != part.Kind || _blocks[^1].Ended)
        {
            _blocks.Add(new Block { Kind = part.Kind });
            Advance(ref to);
        }

        Append(_blocks[^1], part.Text, ref to);
    }

    private void AddCall(in StreamPart part, ref WireOutput to)
    {
        Block? call = null;
        foreach (Block block in _blocks)
        {
            call = block.Kind == StreamPartKind.ToolUse && block.Call == part.Call ? block : call;
        }

        if (call is null)
        {
            if (part.Call < _nextCall)
            {
                // Its block is closed: its arguments were complete, and nothing but white space can follow.
                return;
            }

            _nextCall = part.Call + 1;
            call = new Block { Kind = StreamPartKind.ToolUse, Call = part.Call };
            _blocks.Add(call);
        }

        if (call.Id.Length == 0 && !part.Id.IsEmpty)
        {
            call.Id = part.Id.ToArray();
        }

        if (call.Name.Length == 0 && !part.Name.IsEmpty)
        {
            call.Name = part.Name.ToArray();
        }

        Advance(ref to);
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

        Advance(ref to);
    }

    /// <summary>Closes what is complete and opens what comes next, as far as that goes.</summary>
    private void Advance(ref WireOutput to)
    {
        Open(_blocks[0], ref to);
        while (_blocks.Count > 1 && _blocks[0].CanClose)
        {
            Close(ref to);
            Open(_blocks[0], ref to);
        }
    }

    private void Append(Block block, scoped ReadOnlySpan<byte> text, ref WireOutput to)
    {
        if (block.Kind == StreamPartKind.ToolUse)
        {
            block.Arguments.Add(text);
        }

        if (block.IsOpen)
        {
            WriteDelta(block, text, ref to);
            return;
        }

        _heldBytes += text.Length;
        if (_heldBytes + (long)_blocks.Count * BlockBytes > MaxHeldBytes)
        {
            Break("interleaved tool calls too large");
            return;
        }

        block.Held ??= new ArrayBufferWriter<byte>();
        block.Held.Write(text);
    }

    /// <summary>Begins a block on the wire; one of a tool call only once its name is known.</summary>
    private void Open(Block block, ref WireOutput to)
    {
        if (block.IsOpen || (block.Kind == StreamPartKind.ToolUse && block.Name.Length == 0))
        {
            return;
        }

        block.IsOpen = true;
        to.Raw("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"u8);
        to.Number(_closed);
        if (block.Kind == StreamPartKind.ToolUse)
        {
            _hasToolUse = true;
            to.Raw(",\"content_block\":{\"type\":\"tool_use\",\"id\":"u8);
            if (block.Id.Length == 0)
            {
                AnswerWords.WriteMadeId(ref to, "toolu_"u8, frame.Id, block.Call);
            }
            else
            {
                AnswerWords.WriteAnthropicId(ref to, block.Id);
            }

            to.Raw(",\"name\":"u8);
            to.Quoted(block.Name);
            to.Raw(",\"input\":{},\"caller\":{\"type\":\"direct\"}}}\n\n"u8);
        }
        else
        {
            to.Raw(block.Kind == StreamPartKind.Text
                ? ",\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}}\n\n"u8
                : ",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"u8);
        }

        if (block.Held is { } held)
        {
            _heldBytes -= held.WrittenCount;
            WriteDelta(block, held.WrittenSpan, ref to);
            block.Held = null;
        }
    }

    private void WriteDelta(Block block, scoped ReadOnlySpan<byte> text, ref WireOutput to)
    {
        to.Raw("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"u8);
        to.Number(_closed);
        to.Raw(block.Kind switch
        {
            StreamPartKind.Text => ",\"delta\":{\"type\":\"text_delta\",\"text\":\""u8,
            StreamPartKind.Thinking => ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\""u8,
            _ => ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\""u8,
        });
        to.Raw(text);
        to.Raw("\"}}\n\n"u8);
    }

    /// <summary>Ends the first block. A call whose name never came is left out: nobody could act on it.</summary>
    private void Close(ref WireOutput to)
    {
        Block block = _blocks[0];
        Open(block, ref to);
        _blocks.RemoveAt(0);
        if (!block.IsOpen)
        {
            return;
        }

        if (block.Signature.Length > 0)
        {
            to.Raw("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"u8);
            to.Number(_closed);
            to.Raw(",\"delta\":{\"type\":\"signature_delta\",\"signature\":"u8);
            to.Quoted(block.Signature);
            to.Raw("}}\n\n"u8);
        }

        to.Raw("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"u8);
        to.Number(_closed++);
        to.Raw("}\n\n"u8);
    }

    private void End(ref WireOutput to)
    {
        Start(ref to);
        while (_blocks.Count > 0)
        {
            Close(ref to);
        }

        to.Raw("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\""u8);
        StopReason stop = AnswerWords.Agreeing(_stop, _hasToolUse);
        to.Raw(AnswerWords.ToAnthropic(stop));
        to.Raw("\",\"stop_sequence\":"u8);
        if (stop != StopReason.StopSequence || _stopSequence.Length == 0)
        {
            to.Raw("null"u8);
        }
        else
        {
            to.Quoted(_stopSequence);
        }

        to.Raw(",\"stop_details\":null,\"container\":null},\"usage\":"u8);
        WireUsage usage = observer.Usage.Known
            ? observer.Usage
            : new WireUsage(true, frame.EstimatedInputTokens, 0, 0, observer.ContentEvents);
        AnswerWords.WriteAnthropicUsage(ref to, usage, observer.ReasoningTokens, isWhole: false);
        to.Raw("}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);
    }

    private sealed class Block
    {
        public ArgumentsScan Arguments;

        public StreamPartKind Kind { get; init; }

        public int Call { get; init; }

        public byte[] Id { get; set; } = [];

        public byte[] Name { get; set; } = [];

        public byte[] Signature { get; set; } = [];

        /// <summary>What came before the block was opened.</summary>
        public ArrayBufferWriter<byte>? Held { get; set; }

        public bool IsOpen { get; set; }

        public bool Ended { get; set; }

        public bool CanClose => Ended || Kind != StreamPartKind.ToolUse || (IsOpen && Arguments.IsComplete);
    }
}
