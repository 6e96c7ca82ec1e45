using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>What the events of an OpenAI chat stream mean. Chunks have no names and every one carries the model, so
/// each is read, once, at its top level.</summary>
internal static class OpenAiEvents
{
    public static StreamEventKind Observe(
        ref StreamState state,
        ReadOnlySpan<byte> ev,
        in SseEvent fields,
        in StreamRewrite rewrite,
        ref SpliceList splices,
        out bool drop)
    {
        drop = false;
        ReadOnlySpan<byte> data = fields.Data.Of(ev);
        if (data.TrimEnd((byte)' ').SequenceEqual("[DONE]"u8))
        {
            state.Terminated = true;
            return StreamEventKind.Terminal;
        }

        var cursor = new JsonCursor(ev[..fields.Data.End], fields.Data.Start);
        if (cursor.Peek() != JsonKind.Object)
        {
            return StreamEventKind.Malformed;
        }

        // Collected apart and kept only if all of the chunk turns out well-formed.
        StreamState next = state;
        var chunk = default(Chunk);
        Read(ref next, ref cursor, ref chunk);
        if (!cursor.AtEnd())
        {
            return StreamEventKind.Malformed;
        }

        state = next;
        if (chunk.HasError)
        {
            return StreamEventKind.Error;
        }

        if (!state.Started && chunk.IsTyped && !chunk.IsChunk)
        {
            // Another dialect's events, which tell their type, are well-formed too: nothing of them may reach a client
            // of this one.
            return StreamEventKind.Malformed;
        }

        StreamEventKind kind = chunk.HasOutput ? StreamEventKind.Content
            : chunk.HasUsage ? StreamEventKind.Usage
            : state.Started ? StreamEventKind.Other
            : StreamEventKind.Start;
        state.Started = true;
        state.ContentEvents += chunk.HasOutput ? 1 : 0;
        drop = rewrite.RemoveUsage && chunk.HasUsage && !chunk.HasChoices;
        if (!drop)
        {
            Rewrite(chunk, rewrite, ref splices);
        }

        return kind;
    }

    private static void Rewrite(in Chunk chunk, in StreamRewrite rewrite, ref SpliceList splices)
    {
        if (!rewrite.ModelJson.IsEmpty && !chunk.Model.IsEmpty)
        {
            splices.Add(new Splice(chunk.Model.Start, chunk.Model.Length, rewrite.ModelJson));
        }

        if (rewrite.RemoveUsage && !chunk.NullUsage.IsEmpty)
        {
            splices.Add(new Splice(chunk.NullUsage.Start, chunk.NullUsage.Length, default));
        }
    }

    private static void Read(ref StreamState state, ref JsonCursor cursor, ref Chunk chunk)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        bool firstWasNullUsage = false;
        int previousEnd = -1;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            if (firstWasNullUsage)
            {
                // The member taken out stood first: its comma follows it.
                chunk.NullUsage = ByteRange.Between(chunk.NullUsage.Start, name.Token.Start);
                firstWasNullUsage = false;
            }

            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Array && member.SequenceEqual("choices"u8))
            {
                chunk.IsChunk = true;
                ReadChoices(ref state, ref cursor, ref chunk);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("type"u8))
            {
                chunk.IsTyped = true;
                _ = cursor.Skip();
            }
            else if (kind == JsonKind.String && member.SequenceEqual("model"u8))
            {
                _ = cursor.ReadString(out JsonString token);
                chunk.Model = token.Token;
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                state.Usage.ReadOpenAi(ref cursor);
                chunk.HasUsage = true;
            }
            else if (kind == JsonKind.Null && member.SequenceEqual("usage"u8))
            {
                _ = cursor.Skip();
                firstWasNullUsage = previousEnd < 0;
                int start = firstWasNullUsage ? name.Token.Start : previousEnd;
                chunk.NullUsage = ByteRange.Between(start, cursor.Position);
            }
            else if (kind != JsonKind.Null && member.SequenceEqual("error"u8))
            {
                chunk.HasError = true;
                state.ReadError(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }

            previousEnd = cursor.Position;
        }
    }

    private static void ReadChoices(ref StreamState state, ref JsonCursor cursor, ref Chunk chunk)
    {
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            chunk.HasChoices = true;
            if (cursor.Peek() == JsonKind.Object)
            {
                ReadChoice(ref state, ref cursor, ref chunk);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private static void ReadChoice(ref StreamState state, ref JsonCursor cursor, ref Chunk chunk)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("delta"u8))
            {
                ReadDelta(ref cursor, ref chunk);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("finish_reason"u8))
            {
                _ = cursor.ReadString(out JsonString token);
                state.StopReason = cursor.Failed ? null : KnownWords.StopReason(cursor.Json, token);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary>Whatever a delta holds beside its role is output, known to us or not, unless it is empty.</summary>
    private static void ReadDelta(ref JsonCursor cursor, ref Chunk chunk)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            bool isRole = name.Keyword(cursor.Json, scratch).SequenceEqual("role"u8);
            JsonKind kind = cursor.Peek();
            if (!cursor.ReadValue(out ByteRange value))
            {
                return;
            }

            bool isEmpty = kind == JsonKind.Null || value.Length <= 2;
            chunk.HasOutput |= !isRole && !isEmpty;
        }
    }

    private struct Chunk
    {
        public bool IsChunk;
        public bool IsTyped;
        public bool HasChoices;
        public bool HasOutput;
        public bool HasUsage;
        public bool HasError;
        public ByteRange Model;

        /// <summary>A top-level <c>"usage":null</c> with the comma that goes with it.</summary>
        public ByteRange NullUsage;
    }
}
