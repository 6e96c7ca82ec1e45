using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>What the events of an Anthropic stream mean. The name decides; data is read for what it reports and
/// otherwise only checked to be JSON.</summary>
internal static class AnthropicEvents
{
    public static StreamEventKind Observe(
        ref StreamState state,
        ReadOnlySpan<byte> ev,
        in SseEvent fields,
        in StreamRewrite rewrite,
        ref SpliceList splices)
    {
        ReadOnlySpan<byte> name = fields.Name.Of(ev);
        if (name.SequenceEqual("ping"u8))
        {
            return StreamEventKind.Ping;
        }

        var cursor = new JsonCursor(ev[..fields.Data.End], fields.Data.Start);
        if (name.IsEmpty || cursor.Peek() != JsonKind.Object)
        {
            return StreamEventKind.Malformed;
        }

        // Collected apart and kept only if all of the data turns out well-formed.
        StreamState next = state;
        StreamEventKind kind = StreamEventKind.Other;
        if (name.SequenceEqual("content_block_delta"u8))
        {
            next.ContentEvents++;
            kind = next.Started && cursor.Skip() ? StreamEventKind.Content : StreamEventKind.Malformed;
        }
        else if (name.SequenceEqual("message_start"u8))
        {
            kind = ReadStart(ref next, ref cursor, rewrite, ref splices);
        }
        else if (name.SequenceEqual("message_delta"u8))
        {
            kind = ReadDelta(ref next, ref cursor);
        }
        else if (name.SequenceEqual("message_stop"u8))
        {
            next.Terminated = true;
            kind = next.Started && cursor.Skip() ? StreamEventKind.Terminal : StreamEventKind.Malformed;
        }
        else if (name.SequenceEqual("error"u8))
        {
            kind = ReadError(ref next, ref cursor);
        }
        else
        {
            _ = cursor.Skip();
        }

        if (kind == StreamEventKind.Malformed || !cursor.AtEnd())
        {
            splices = default;
            return StreamEventKind.Malformed;
        }

        state = next;
        return kind;
    }

    private static StreamEventKind ReadStart(
        ref StreamState state, ref JsonCursor cursor, in StreamRewrite rewrite, ref SpliceList splices)
    {
        bool hasMessage = false;
        ByteRange model = default;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (!name.Keyword(cursor.Json, scratch).SequenceEqual("message"u8) || cursor.Peek() != JsonKind.Object)
            {
                _ = cursor.Skip();
                continue;
            }

            hasMessage = true;
            ReadMessage(ref state, ref cursor, out model);
        }

        if (!hasMessage)
        {
            return StreamEventKind.Malformed;
        }

        if (!model.IsEmpty && !rewrite.ModelJson.IsEmpty)
        {
            splices.Add(new Splice(model.Start, model.Length, rewrite.ModelJson));
        }

        state.HasReset |= state.Started;
        state.Started = true;
        return StreamEventKind.Start;
    }

    private static void ReadMessage(ref StreamState state, ref JsonCursor cursor, out ByteRange model)
    {
        model = default;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                state.Usage.ReadAnthropic(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("model"u8))
            {
                _ = cursor.ReadString(out JsonString token);
                model = token.Token;
            }
            else if (kind == JsonKind.String && member.SequenceEqual("stop_reason"u8))
            {
                // Answers that came out of programmatic tool calls arrive whole in their message_start.
                ReadReason(ref state, ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private static StreamEventKind ReadDelta(ref StreamState state, ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            bool isObject = cursor.Peek() == JsonKind.Object;
            if (isObject && member.SequenceEqual("usage"u8))
            {
                state.Usage.ReadAnthropic(ref cursor);
            }
            else if (isObject && member.SequenceEqual("delta"u8))
            {
                ReadStopReason(ref state, ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        return state.Started ? StreamEventKind.Usage : StreamEventKind.Malformed;
    }

    private static void ReadStopReason(ref StreamState state, ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (name.Keyword(cursor.Json, scratch).SequenceEqual("stop_reason"u8) && cursor.Peek() == JsonKind.String)
            {
                ReadReason(ref state, ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private static void ReadReason(ref StreamState state, ref JsonCursor cursor)
    {
        if (cursor.ReadString(out JsonString token))
        {
            state.StopReason = KnownWords.StopReason(cursor.Json, token);
        }
    }

    private static StreamEventKind ReadError(ref StreamState state, ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (name.Keyword(cursor.Json, scratch).SequenceEqual("error"u8))
            {
                state.ReadError(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        return StreamEventKind.Error;
    }
}
