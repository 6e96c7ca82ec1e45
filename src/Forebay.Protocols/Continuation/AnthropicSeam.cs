using System.Buffers;
using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Continuation;

/// <summary>The seam of an Anthropic stream: one <c>message_start</c>, one text block that goes on under its index, and
/// whatever blocks follow it after that.</summary>
internal sealed class AnthropicSeam(
    AnswerSoFar soFar, StreamObserver last, ContinuedUsage usage, ReadOnlyMemory<byte> whiteSpace)
    : StreamSeam(soFar, last, usage, whiteSpace)
{
    /// <summary>The start of a text block, kept back until it is known to hold something.</summary>
    private readonly ArrayBufferWriter<byte> _heldStart = new();
    private bool _hasStart;
    private bool _hasBlock;
    private long _firstIndex;
    private long _shift;

    /// <summary>The last part's first block is text and goes on in the block that the client has open.</summary>
    private bool _joins;

    /// <summary>The client had been sent these when the seam began.</summary>
    private readonly bool _hadStart = soFar.Started;
    private readonly bool _hadBlock = soFar.HasBlock;

    /// <summary>The client's block is open.</summary>
    private bool _isOpen = soFar is { HasBlock: true, IsBlockEnded: false };

    private protected override void TakeOne(ReadOnlySpan<byte> ev, in SseEvent fields, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> name = fields.Name.Of(ev);
        var cursor = new JsonCursor(ev[..fields.Data.End], fields.Data.Start);
        if (name.SequenceEqual("content_block_delta"u8))
        {
            TakeDelta(ev, ref cursor, output);
        }
        else if (name.SequenceEqual("content_block_start"u8))
        {
            TakeStart(ev, ref cursor, output);
        }
        else if (name.SequenceEqual("content_block_stop"u8))
        {
            TakeStop(ev, ref cursor, output);
        }
        else if (name.SequenceEqual("message_delta"u8))
        {
            TakeEnd(ev, ref cursor, output);
        }
        else if (name.SequenceEqual("message_start"u8))
        {
            TakeMessageStart(ev, output);
        }
        else
        {
            output.Write(ev);
        }
    }

    private void TakeMessageStart(ReadOnlySpan<byte> ev, IBufferWriter<byte> output)
    {
        if (_hasStart)
        {
            Tear();
            return;
        }

        _hasStart = true;
        if (!_hadStart)
        {
            output.Write(ev);
        }
    }

    private void TakeStart(ReadOnlySpan<byte> ev, ref JsonCursor cursor, IBufferWriter<byte> output)
    {
        BlockEvent block = BlockEvent.Read(ref cursor, "content_block"u8);
        bool isText = block.Kind == BlockEventKind.Text;
        bool isFirst = !_hasBlock;
        if (isFirst)
        {
            _hasBlock = true;
            _firstIndex = block.Index;
            _joins = isText && _isOpen;
            long next = !_hadBlock ? 0 : SoFar.BlockIndex + (_joins ? 0 : 1);
            _shift = next - block.Index;
        }

        if (_joins && isFirst)
        {
            WriteDelta(Unseen(block.Text.Raw(ev)), output);
            return;
        }

        Flush(output);
        Close(output);
        Edits.Replace(block.IndexValue, block.Index + _shift);
        if (isText && isFirst && _hadBlock)
        {
            // The client's block has ended, and with it perhaps the text: an empty one more says nothing.
            _heldStart.ResetWrittenCount();
            Edits.Write(ev, _heldStart);
            return;
        }

        Edits.Write(ev, output);
    }

    private void TakeDelta(ReadOnlySpan<byte> ev, ref JsonCursor cursor, IBufferWriter<byte> output)
    {
        BlockEvent delta = BlockEvent.Read(ref cursor, "delta"u8);
        if (delta.Kind == BlockEventKind.Text && delta.Index == _firstIndex)
        {
            ReadOnlySpan<byte> raw = delta.Text.Raw(ev);
            ReadOnlySpan<byte> unseen = Unseen(raw);
            if (IsTorn || (unseen.IsEmpty && (!raw.IsEmpty || _heldStart.WrittenCount > 0)))
            {
                return;
            }

            Edits.Replace(new ByteRange(delta.Text.Start, delta.Text.Length), unseen);
        }

        Flush(output);
        Edits.Replace(delta.IndexValue, delta.Index + _shift);
        Edits.Write(ev, output);
    }

    private void TakeStop(ReadOnlySpan<byte> ev, ref JsonCursor cursor, IBufferWriter<byte> output)
    {
        BlockEvent stop = BlockEvent.Read(ref cursor, "none"u8);
        if (_heldStart.WrittenCount > 0)
        {
            // Nothing came in it; what follows takes its place.
            _heldStart.ResetWrittenCount();
            _shift--;
            return;
        }

        _isOpen &= !_joins || stop.Index != _firstIndex;
        Edits.Replace(stop.IndexValue, stop.Index + _shift);
        Edits.Write(ev, output);
    }

    private void TakeEnd(ReadOnlySpan<byte> ev, ref JsonCursor cursor, IBufferWriter<byte> output)
    {
        Close(output);
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            bool isUsage = name.Keyword(ev, scratch).SequenceEqual("usage"u8) && cursor.Peek() == JsonKind.Object;
            _ = cursor.ReadValue(out ByteRange value);
            if (isUsage)
            {
                UsageEdits.Anthropic(ev, value, Usage.Of(Last.Usage), Edits);
            }
        }

        Edits.Write(ev, output);
    }

    /// <summary>Ends the client's block where it is open and something else comes.</summary>
    private void Close(IBufferWriter<byte> output)
    {
        if (_isOpen)
        {
            _isOpen = false;
            AnswerEnding.WriteBlockStop(output, SoFar.BlockIndex);
        }
    }

    private void Flush(IBufferWriter<byte> output)
    {
        output.Write(_heldStart.WrittenSpan);
        _heldStart.ResetWrittenCount();
    }

    private void WriteDelta(ReadOnlySpan<byte> raw, IBufferWriter<byte> output)
    {
        if (raw.IsEmpty)
        {
            return;
        }

        output.Write(Encoding.ASCII.GetBytes(
            $"event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{SoFar.BlockIndex},"
            + "\"delta\":{\"type\":\"text_delta\",\"text\":\""));
        output.Write(raw);
        output.Write("\"}}\n\n"u8);
    }
}
