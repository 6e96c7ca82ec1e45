using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>
/// What the events of a Converse stream mean, as <see cref="Bedrock.BedrockStream"/> names them. Usage comes after the
/// message's end, so the stream is complete with <c>streamEnd</c>, which is said once the upstream's ended in order.
/// </summary>
internal static class ConverseEvents
{
    public static StreamEventKind Observe(ref StreamState state, ReadOnlySpan<byte> ev, in SseEvent fields)
    {
        ReadOnlySpan<byte> name = fields.Name.Of(ev);
        var cursor = new JsonCursor(ev[..fields.Data.End], fields.Data.Start);
        if (name.IsEmpty || cursor.Peek() != JsonKind.Object)
        {
            return StreamEventKind.Malformed;
        }

        StreamState next = state;
        StreamEventKind kind = StreamEventKind.Other;
        if (name.SequenceEqual("contentBlockDelta"u8))
        {
            next.ContentEvents++;
            next.Started = true;
            kind = StreamEventKind.Content;
            _ = cursor.Skip();
        }
        else if (name.SequenceEqual("messageStart"u8))
        {
            next.HasReset |= next.Started;
            next.Started = true;
            kind = StreamEventKind.Start;
            _ = cursor.Skip();
        }
        else if (name.SequenceEqual("metadata"u8))
        {
            kind = StreamEventKind.Usage;
            ReadMembers(ref next, ref cursor);
        }
        else if (name.SequenceEqual("streamEnd"u8))
        {
            next.Terminated = true;
            kind = StreamEventKind.Terminal;
            _ = cursor.Skip();
        }
        else
        {
            kind = name.SequenceEqual("error"u8) ? StreamEventKind.Error : kind;
            ReadMembers(ref next, ref cursor);
        }

        if (!cursor.AtEnd())
        {
            return StreamEventKind.Malformed;
        }

        state = next;
        return kind;
    }

    /// <summary>Reads what one event or another tells: usage, why the answer ended, what failed.</summary>
    private static void ReadMembers(ref StreamState state, ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                state.Usage.ReadConverse(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("stopReason"u8))
            {
                _ = cursor.ReadString(out JsonString token);
                state.StopReason = KnownWords.StopReason(cursor.Json, token);
            }
            else if (member.SequenceEqual("error"u8))
            {
                state.ReadError(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }
}
