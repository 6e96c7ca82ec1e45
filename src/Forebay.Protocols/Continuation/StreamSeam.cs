using System.Buffers;
using Forebay.Protocols.Continuation;

namespace Forebay.Protocols;

/// <summary>
/// Makes the stream that goes on with an answer a part of the one that the client is reading, event by event, in the
/// client's dialect: its head is left out, its text goes into the block that is open, and it reports what both parts
/// used. For one stream and one thread.
/// </summary>
public abstract class StreamSeam
{
    private readonly ReadOnlyMemory<byte> _whiteSpace;
    private int _matched;

    private protected StreamSeam(
        AnswerSoFar soFar, StreamObserver last, ContinuedUsage usage, ReadOnlyMemory<byte> whiteSpace)
    {
        SoFar = soFar;
        Last = last;
        Usage = usage;
        _whiteSpace = whiteSpace;
    }

    /// <summary>The two parts do not fit: what follows would not be what the client's text goes on with.</summary>
    public bool IsTorn { get; private set; }

    private protected AnswerSoFar SoFar { get; }

    private protected StreamObserver Last { get; }

    private protected ContinuedUsage Usage { get; }

    private protected JsonEdits Edits { get; } = new();

    /// <param name="dialect">The client's dialect.</param>
    /// <param name="soFar">What the client has been sent.</param>
    /// <param name="last">Follows the stream that goes on, and has seen each event before this does.</param>
    /// <param name="usage">Adds up both parts.</param>
    /// <param name="whiteSpace">What the client has of the text and the request for more left out.</param>
    public static StreamSeam Of(
        WireDialect dialect,
        AnswerSoFar soFar,
        StreamObserver last,
        ContinuedUsage usage,
        ReadOnlyMemory<byte> whiteSpace) => dialect == WireDialect.Anthropic
        ? new AnthropicSeam(soFar, last, usage, whiteSpace)
        : new OpenAiSeam(soFar, last, usage, whiteSpace);

    /// <summary>Writes what whole events become.</summary>
    /// <returns>False where the parts do not fit.</returns>
    public bool Take(ReadOnlySpan<byte> events, IBufferWriter<byte> output)
    {
        while (!IsTorn && SseFraming.TryReadEvent(events, 0, atEnd: true, out int length))
        {
            ReadOnlySpan<byte> ev = events[..length];
            events = events[length..];
            SseEvent fields = SseEvent.Parse(ev);
            if (fields.IsComment)
            {
                output.Write(ev);
            }
            else
            {
                TakeOne(ev, fields, output);
            }
        }

        return !IsTorn;
    }

    private protected abstract void TakeOne(ReadOnlySpan<byte> ev, in SseEvent fields, IBufferWriter<byte> output);

    private protected void Tear() => IsTorn = true;

    /// <summary>Takes away from text what the client has of it already. Text that does not begin with that is not what
    /// it goes on with.</summary>
    /// <param name="raw">The text, as it stands between quotes.</param>
    private protected ReadOnlySpan<byte> Unseen(ReadOnlySpan<byte> raw)
    {
        Span<byte> scratch = stackalloc byte[4];
        int at = 0;
        while (_matched < _whiteSpace.Length && at < raw.Length)
        {
            int start = at;
            if (!TextContent.TryRead(raw, ref at, scratch, out ReadOnlySpan<byte> part))
            {
                Tear();
                return [];
            }

            ReadOnlySpan<byte> seen = _whiteSpace.Span[_matched..];
            int same = Math.Min(seen.Length, part.Length);
            if (!part[..same].SequenceEqual(seen[..same]))
            {
                Tear();
                return [];
            }

            _matched += same;
            if (same < part.Length)
            {
                // Longer than a character, so without escapes: as long as its text.
                at = start + same;
            }
        }

        return raw[at..];
    }
}
