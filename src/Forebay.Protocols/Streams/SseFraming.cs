namespace Forebay.Protocols;

/// <summary>
/// Cuts a byte stream into server-sent events (WHATWG HTML, 9.2.6) however it was cut on the wire. An event runs up to
/// and including the blank line that ends it; a blank line with nothing before it is an event by itself, so that bytes
/// sent to keep a connection alive are passed on at once.
/// </summary>
public static class SseFraming
{
    private const byte LineFeed = (byte)'\n';
    private const byte CarriageReturn = (byte)'\r';

    /// <summary>The longest end of a buffer that may turn out to belong to an event's end: CR LF CR.</summary>
    private const int Undecided = 3;

    /// <summary>Finds the first complete event at the start of a buffer.</summary>
    /// <param name="buffer">Bytes received and not yet consumed, from the start of an event.</param>
    /// <param name="eventLength">The event's length, its blank line included.</param>
    public static bool TryReadEvent(ReadOnlySpan<byte> buffer, out int eventLength) =>
        TryReadEvent(buffer, 0, atEnd: false, out eventLength);

    /// <summary>Finds the first complete event at the start of a buffer that may have been searched before.</summary>
    /// <param name="buffer">Bytes received and not yet consumed, from the start of an event.</param>
    /// <param name="searched">Length of the buffer when this event was last looked for in vain: makes a long event
    /// that arrives in many reads cost its length rather than the square of it. 0 when the buffer is new.</param>
    /// <param name="atEnd">Whether no more bytes follow. Then a carriage return at the buffer's end is a whole line
    /// end, and what is left without a blank line is taken for an event: servers leave out the last one. Where it is
    /// half an event, observing it will tell.</param>
    /// <param name="eventLength">The event's length, its blank line included.</param>
    public static bool TryReadEvent(ReadOnlySpan<byte> buffer, int searched, bool atEnd, out int eventLength)
    {
        eventLength = 0;
        int mark = RequestReader.ByteOrderMarkLength(buffer);
        int at = Math.Max(mark, searched - Undecided);
        if (at == mark && at < buffer.Length && IsLineEnd(buffer[at]))
        {
            return EndOfLine(buffer, at, atEnd, out eventLength);
        }

        while (true)
        {
            int next = buffer[at..].IndexOfAny(LineFeed, CarriageReturn);
            if (next < 0 || !EndOfLine(buffer, at + next, atEnd: false, out at) || at == buffer.Length)
            {
                eventLength = atEnd ? buffer.Length : 0;
                return eventLength > 0;
            }

            if (IsLineEnd(buffer[at]))
            {
                return EndOfLine(buffer, at, atEnd, out eventLength);
            }
        }
    }

    private static bool IsLineEnd(byte next) => next is LineFeed or CarriageReturn;

    /// <summary>The offset after the line end at a place; false while that is not known.</summary>
    private static bool EndOfLine(ReadOnlySpan<byte> buffer, int at, bool atEnd, out int end)
    {
        end = at + 1;
        if (buffer[at] == LineFeed)
        {
            return true;
        }

        if (end == buffer.Length)
        {
            return atEnd;
        }

        end += buffer[end] == LineFeed ? 1 : 0;
        return true;
    }
}
