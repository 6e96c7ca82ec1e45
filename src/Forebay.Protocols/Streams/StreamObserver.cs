using System.Buffers;
using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>
/// Follows one response stream event by event: what each event is, what to send in its place, and what the stream
/// reported in all. Nothing is allocated for an event that passes. For one thread at a time; reused through
/// <see cref="Reset"/>.
/// </summary>
/// <remarks>
/// An upstream that begins its message again (a second <c>message_start</c>) is passed on: clients cope, and dropping
/// either part would lose what the other said. <see cref="HasReset"/> tells; the counts it reports replace the first
/// ones.
/// </remarks>
public sealed class StreamObserver(WireDialect dialect, StreamRewrite rewrite)
{
    private readonly ArrayBufferWriter<byte> _joined = new();
    private WireDialect _dialect = dialect;
    private StreamRewrite _rewrite = rewrite;
    private StreamState _state;

    /// <summary>Token counts reported so far; final once <see cref="Terminated"/>.</summary>
    public WireUsage Usage => _state.Usage.ToUsage();

    /// <summary>Output tokens spent on reasoning, as far as reported; they are within the output.</summary>
    public long? ReasoningTokens => _state.Usage.Reasoning;

    /// <summary>Whether a reported count was impossible and had to be clamped or left out.</summary>
    public bool IsUsageSuspect => _state.Usage.IsSuspect;

    /// <summary>Whether the answer has begun.</summary>
    public bool Started => _state.Started;

    /// <summary>Whether the stream is complete. A stream that ends before was cut off.</summary>
    public bool Terminated => _state.Terminated;

    /// <summary>The last stop or finish reason given.</summary>
    public string? StopReason => _state.StopReason;

    /// <summary>Whether the upstream began its message again after having begun it.</summary>
    public bool HasReset => _state.HasReset;

    /// <summary>How many events carried output: a lower bound of the tokens received where usage never
    /// came.</summary>
    public int ContentEvents => _state.ContentEvents;

    /// <summary>The type in the upstream's in-stream error, in its own words.</summary>
    public string? ErrorType => _state.ErrorType;

    public string? ErrorMessage => _state.ErrorMessage;

    /// <summary>The number that the next event would have, in a dialect that counts its events.</summary>
    public long NextSequence => (_state.Sequence ?? -1) + 1;

    /// <summary>Makes the observer new for another stream.</summary>
    public void Reset(WireDialect dialect, StreamRewrite rewrite)
    {
        _dialect = dialect;
        _rewrite = rewrite;
        _state = default;
    }

    /// <summary>Takes the next event.</summary>
    /// <param name="ev">One event as <see cref="SseFraming"/> cut it out.</param>
    /// <param name="rewritten">Where the event's replacement is written, if it needs one.</param>
    /// <param name="action">What to send to the client.</param>
    public StreamEventKind Observe(ReadOnlySpan<byte> ev, IBufferWriter<byte> rewritten, out StreamAction action)
    {
        action = StreamAction.Pass;
        SseEvent fields = SseEvent.Parse(ev);
        if (fields.IsComment)
        {
            return fields.HasUnknownField ? StreamEventKind.Malformed : StreamEventKind.Comment;
        }

        if (_state.Terminated)
        {
            // Clients act on what follows the end; a relayed delta would become part of the next answer.
            action = StreamAction.Drop;
            return StreamEventKind.Malformed;
        }

        if (fields.DataLines > 1 && !TryJoin(ref ev, ref fields))
        {
            return StreamEventKind.Malformed;
        }

        var splices = default(SpliceList);
        bool drop = false;
        StreamEventKind kind = _dialect switch
        {
            WireDialect.Anthropic => AnthropicEvents.Observe(ref _state, ev, fields, _rewrite, ref splices),
            WireDialect.Responses => ResponsesEvents.Observe(ref _state, ev, fields, _rewrite, ref splices),
            WireDialect.Converse => ConverseEvents.Observe(ref _state, ev, fields),
            _ => OpenAiEvents.Observe(ref _state, ev, fields, _rewrite, ref splices, out drop),
        };
        if (drop)
        {
            action = StreamAction.Drop;
        }
        else if (!splices.IsEmpty)
        {
            splices.WriteTo(ev, rewritten);
            action = StreamAction.Rewritten;
        }

        return kind;
    }

    /// <summary>Puts JSON that was sent over several data lines on one. Within JSON a line end can only be white
    /// space, so a space does as well.</summary>
    private bool TryJoin(ref ReadOnlySpan<byte> ev, ref SseEvent fields)
    {
        _joined.ResetWrittenCount();
        fields.CopyData(ev, _joined);
        var check = new JsonCursor(_joined.WrittenSpan);
        if (!check.Skip() || !check.AtEnd())
        {
            return false;
        }

        byte[] data = _joined.WrittenSpan.ToArray();
        data.AsSpan().Replace((byte)'\n', (byte)' ');
        _joined.ResetWrittenCount();
        if (!fields.Name.IsEmpty)
        {
            _joined.Write("event: "u8);
            _joined.Write(fields.Name.Of(ev));
            _joined.Write("\n"u8);
        }

        _joined.Write("data: "u8);
        _joined.Write(data);
        _joined.Write("\n\n"u8);
        ev = _joined.WrittenSpan;
        fields = SseEvent.Parse(ev);
        return true;
    }
}
