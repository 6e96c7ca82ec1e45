using System.Buffers;
using Forebay.Core.Errors;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;

namespace Forebay.Gateway.Relay;

/// <summary>The whole events of one read, as they go to the client, and what they mean. Reused from read to read.
/// </summary>
/// <param name="memory">Where memory is taken from.</param>
/// <param name="budgetLimitBytes">How much may be taken in all.</param>
/// <param name="translator">Says events in the client's dialect, where the upstream's is another.</param>
/// <param name="seam">Makes them a part of the answer that the client has some of already.</param>
internal sealed class EventBatch(
    MemoryBudget memory,
    long budgetLimitBytes,
    StreamTranslator? translator = null,
    StreamSeam? seam = null) : IDisposable
{
    /// <summary>Kept from read to read: an event or two of text.</summary>
    private const int KeepBytes = 1024;

    private const int MostRewrittenBytes = 4 * 1024;

    private const int LargeEventBytes = 64 * 1024;

    /// <summary>How much longer an event can be in another dialect, where each of its parts becomes events of its
    /// own.</summary>
    private const int TranslatedTimes = 14;

    /// <summary>How often an answer that is held is said again at its end.</summary>
    private const int RepeatedTimes = 5;

    private readonly PooledBuffer _events = new(memory, budgetLimitBytes);
    private ArrayBufferWriter<byte> _rewritten = new();
    private int _searched;

    /// <summary>The number of the client's next event, in a dialect that counts its events.</summary>
    public long NextSequence(StreamObserver observer) => translator?.NextSequence ?? observer.NextSequence;

    /// <summary>Events to send.</summary>
    public ReadOnlySpan<byte> Events => _events.Written;

    /// <inheritdoc cref="Events"/>
    public ReadOnlyMemory<byte> EventsMemory => _events.WrittenMemory;

    public bool HasEvents => _events.Length > 0;

    /// <summary>Something besides comments and pings is among them.</summary>
    public bool HasUpstreamEvents { get; private set; }

    /// <summary>A token is among them.</summary>
    public bool HasContent { get; private set; }

    /// <summary>The last event of the stream is among them; what follows it is dropped.</summary>
    public bool Terminal { get; private set; }

    /// <summary>The upstream reported an error or sent something that is no event of the dialect; the events before it
    /// still go out.</summary>
    public Failure? Failure { get; private set; }

    public void Clear()
    {
        _events.Trim(KeepBytes);
        if (_rewritten.Capacity > MostRewrittenBytes)
        {
            _rewritten = new ArrayBufferWriter<byte>();
        }

        HasUpstreamEvents = HasContent = Terminal = false;
        Failure = null;
    }

    /// <summary>Takes the whole events out of the buffer; half an event stays, and what was searched of it is not
    /// searched again.</summary>
    /// <param name="buffer">What was read and not taken yet.</param>
    /// <param name="observer">Reads events in passing.</param>
    /// <param name="atEnd">Whether nothing follows: some upstreams leave the last event's blank line out.</param>
    public void Read(PooledBuffer buffer, StreamObserver observer, bool atEnd)
    {
        int consumed = 0;
        while (!Terminal && Failure is null
            && SseFraming.TryReadEvent(buffer.Written[consumed..], _searched, atEnd, out int eventLength))
        {
            Take(buffer.Written.Slice(consumed, eventLength), observer);
            consumed += eventLength;
            _searched = 0;
        }

        buffer.Consume(consumed);
        _searched = buffer.Length;
        if (atEnd && HasEvents && !Events.EndsWith("\n\n"u8))
        {
            Append("\n\n"u8);
        }
    }

    public void Dispose() => _events.Dispose();

    /// <summary>A large event that is joined or rewritten stands in memory three times: while it is in hand, its copies
    /// are charged as well.</summary>
    private void Take(ReadOnlySpan<byte> wholeEvent, StreamObserver observer)
    {
        int times = translator is null ? 2 : TranslatedTimes;
        long copies = wholeEvent.Length > LargeEventBytes ? (long)times * wholeEvent.Length : 0;
        copies += translator is { HeldBytes: > LargeEventBytes } ? (long)RepeatedTimes * translator.HeldBytes : 0;
        if (copies > 0 && !memory.TryTake(copies, budgetLimitBytes))
        {
            Failure = BodyRelay.OverBudget;
            return;
        }

        try
        {
            TakeCharged(wholeEvent, observer);
        }
        finally
        {
            memory.Return(copies);
        }
    }

    private void TakeCharged(ReadOnlySpan<byte> wholeEvent, StreamObserver observer)
    {
        StreamEventKind kind = observer.Observe(wholeEvent, _rewritten, out StreamAction action);
        switch (kind)
        {
            case StreamEventKind.Error:
                Failure = new Failure(
                    IsOverload(observer.ErrorType) ? Reason.UpstreamOverloaded : Reason.UpstreamUnavailable,
                    "The provider reported an error in the middle of the answer; try again.",
                    Detail: "in-stream error " + WordOf(observer.ErrorType));
                return;
            case StreamEventKind.Malformed:
                Failure = new Failure(
                    Reason.UpstreamProtocol, "The provider sent something that is not a valid event; try again.",
                    Detail: "malformed event");
                return;
            case StreamEventKind.Terminal:
                Terminal = true;
                break;
            case StreamEventKind.Content:
                HasContent = true;
                break;
        }

        HasUpstreamEvents |= kind is not (StreamEventKind.Comment or StreamEventKind.Ping);
        if (translator is not null)
        {
            Translate(wholeEvent, translator);
        }
        else if (action == StreamAction.Pass)
        {
            Add(wholeEvent);
        }
        else if (action == StreamAction.Rewritten)
        {
            Add(_rewritten.WrittenSpan);
        }

        _rewritten.ResetWrittenCount();
    }

    private void Translate(ReadOnlySpan<byte> wholeEvent, StreamTranslator to)
    {
        _rewritten.ResetWrittenCount();
        if (to.Translate(wholeEvent, _rewritten))
        {
            Add(_rewritten.WrittenSpan);
            return;
        }

        Terminal = false;
        Failure = new Failure(
            Reason.UpstreamProtocol, "The provider's answer could not be said in this dialect to its end; try again.",
            Detail: to.Problem);
    }

    /// <summary>The error's type for the log, if it is one word. Its message may quote the prompt and stays out.
    /// </summary>
    private static string WordOf(string? type) =>
        type is { Length: > 0 and <= 64 } && type.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')
            ? type
            : "of no known type";

    private static bool IsOverload(string? type) =>
        type is "overloaded_error" or "rate_limit_error" or "rate_limit_exceeded" or "server_is_overloaded";

    /// <summary>Adds events in the client's dialect.</summary>
    private void Add(ReadOnlySpan<byte> events)
    {
        if (seam is null)
        {
            Append(events);
            return;
        }

        var joined = new ArrayBufferWriter<byte>(events.Length + 256);
        if (seam.Take(events, joined))
        {
            Append(joined.WrittenSpan);
            return;
        }

        Terminal = false;
        Failure = new Failure(
            Reason.UpstreamProtocol, "The answer broke off and could not be gone on with exactly; try again.",
            Detail: "the text that came does not go on with the text so far");
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (!_events.TryReserve(bytes.Length))
        {
            // An end that does not go out is no end.
            Terminal = false;
            Failure = BodyRelay.OverBudget;
            return;
        }

        bytes.CopyTo(_events.Free.Span);
        _events.Advance(bytes.Length);
    }
}
