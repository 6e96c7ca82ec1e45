using System.Buffers;
using System.Runtime.CompilerServices;
using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>
/// Follows the events that a client has been sent of one stream, in its dialect, so that the answer can be gone on with
/// if it breaks off: the text so far, and what forbids it. Nothing is allocated for an event that holds text. For one
/// thread at a time.
/// </summary>
/// <param name="dialect">The client's dialect.</param>
/// <param name="text">Where the text goes, as it stands between the quotes of JSON strings.</param>
public sealed class AnswerSoFar(WireDialect dialect, IBufferWriter<byte> text)
{
    /// <summary>How many of the last events are told apart; white space at an answer's end is seldom more.</summary>
    private const int LastEvents = 8;

    private Ends _ends;
    private int _textBytes;

    /// <summary>What forbids going on.</summary>
    public ContinuationBar Bar { get; private set; }

    /// <summary>The answer's head was sent: a <c>message_start</c>, or a first chunk.</summary>
    public bool Started { get; private set; }

    /// <summary>A text block was begun (Anthropic).</summary>
    public bool HasBlock { get; private set; }

    /// <summary>The text block was ended (Anthropic).</summary>
    public bool IsBlockEnded { get; private set; }

    /// <summary>The index of the text block (Anthropic).</summary>
    public long BlockIndex { get; private set; }

    /// <summary>Why the answer ended was sent: nothing is missing but the stream's own end, and usage.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>Token counts were sent after the answer's end.</summary>
    public bool HasFinalUsage { get; private set; }

    /// <summary>Events that held text: the tokens so far where a server sends one by one.</summary>
    public int TextEvents { get; private set; }

    /// <summary>The first chunk's id, time, model and fingerprint, which all others carry too (OpenAI).</summary>
    internal ChunkHead Head { get; private set; } = new();

    /// <summary>Ends the following for a reason found elsewhere; the first reason stays.</summary>
    public void Forbid(ContinuationBar bar) => Bar = Bar == ContinuationBar.None ? bar : Bar;

    /// <summary>How many of the events that held text lie within the text's first bytes.</summary>
    public int TextEventsWithin(int rawBytes)
    {
        int within = TextEvents;
        while (within > 0 && TextEvents - within < LastEvents && _ends[(within - 1) % LastEvents] > rawBytes)
        {
            within--;
        }

        return within;
    }

    /// <summary>Takes whole events that were sent.</summary>
    public void Follow(ReadOnlySpan<byte> events)
    {
        while (Bar == ContinuationBar.None && SseFraming.TryReadEvent(events, 0, atEnd: true, out int length))
        {
            FollowOne(events[..length]);
            events = events[length..];
        }
    }

    private void FollowOne(ReadOnlySpan<byte> ev)
    {
        SseEvent fields = SseEvent.Parse(ev);
        if (fields.IsComment)
        {
            return;
        }

        if (fields.DataLines > 1)
        {
            Forbid(ContinuationBar.Stream);
            return;
        }

        var cursor = new JsonCursor(ev[..fields.Data.End], fields.Data.Start);
        if (dialect == WireDialect.Anthropic)
        {
            FollowAnthropic(fields.Name.Of(ev), ref cursor);
        }
        else if (cursor.Peek() == JsonKind.Object)
        {
            FollowChunk(ref cursor);
        }

        if (cursor.Failed)
        {
            Forbid(ContinuationBar.Stream);
        }
    }

    private void FollowAnthropic(ReadOnlySpan<byte> name, ref JsonCursor cursor)
    {
        if (name.SequenceEqual("content_block_delta"u8))
        {
            BlockEvent delta = BlockEvent.Read(ref cursor, "delta"u8);
            if (delta.Kind == BlockEventKind.Text && HasBlock && !IsBlockEnded && delta.Index == BlockIndex)
            {
                Add(delta.Text.Raw(cursor.Json));
            }
            else
            {
                Forbid(BarOf(delta.Kind));
            }
        }
        else if (name.SequenceEqual("content_block_start"u8))
        {
            BlockEvent block = BlockEvent.Read(ref cursor, "content_block"u8);
            if (block.Kind != BlockEventKind.Text || block.HasCitations || HasBlock)
            {
                Forbid(block.HasCitations ? ContinuationBar.Citations : BarOf(block.Kind));
                return;
            }

            HasBlock = true;
            BlockIndex = block.Index;
            Add(block.Text.Raw(cursor.Json));
        }
        else if (name.SequenceEqual("content_block_stop"u8))
        {
            IsBlockEnded = HasBlock;
        }
        else if (name.SequenceEqual("message_delta"u8))
        {
            HasStopped = true;
            HasFinalUsage = true;
        }
        else if (name.SequenceEqual("message_start"u8))
        {
            if (Started)
            {
                Forbid(ContinuationBar.Stream);
            }

            Started = true;
        }
    }

    private void FollowChunk(ref JsonCursor cursor)
    {
        ChunkEvent chunk = ChunkEvent.Read(ref cursor);
        if (!Started)
        {
            Started = true;
            Head = ChunkHead.Of(cursor.Json, chunk);
        }

        HasFinalUsage |= chunk.HasUsage && HasStopped;
        HasStopped |= chunk.HasStopped;
        if (chunk.Bar != ContinuationBar.None)
        {
            Forbid(chunk.Bar);
            return;
        }

        Add(chunk.Text.Raw(cursor.Json));
    }

    private void Add(ReadOnlySpan<byte> raw)
    {
        if (raw.IsEmpty)
        {
            return;
        }

        raw.CopyTo(text.GetSpan(raw.Length));
        text.Advance(raw.Length);
        _textBytes += raw.Length;
        _ends[TextEvents++ % LastEvents] = _textBytes;
    }

    private static ContinuationBar BarOf(BlockEventKind kind) => kind switch
    {
        BlockEventKind.Thinking => ContinuationBar.Thinking,
        BlockEventKind.ToolCall => ContinuationBar.ToolCall,
        BlockEventKind.Citation => ContinuationBar.Citations,
        _ => ContinuationBar.Blocks,
    };

    [InlineArray(LastEvents)]
    private struct Ends
    {
        private int _first;
    }
}
