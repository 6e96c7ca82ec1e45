using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>Reads what the gateway must know of a whole response body in one forward pass: messages, chat completions,
/// responses, counted tokens and error envelopes of either dialect, for self-hosted servers mix them.</summary>
public static class ResponseReader
{
    /// <summary>Reads a body; cost is linear in its length, and nothing is allocated but the strings of the
    /// facts.</summary>
    /// <returns>False when the body is not JSON, not an object, or not one that the dialect answers with.</returns>
    public static bool TryRead(WireDialect dialect, ReadOnlySpan<byte> body, out ResponseFacts facts)
    {
        facts = default;
        var cursor = new JsonCursor(body, RequestReader.ByteOrderMarkLength(body));
        if (cursor.Peek() != JsonKind.Object)
        {
            return false;
        }

        if (dialect == WireDialect.Responses)
        {
            return TryReadResponse(ref cursor, ref facts);
        }

        var pass = new Pass(dialect);
        pass.Read(ref cursor);
        if (!cursor.AtEnd())
        {
            return false;
        }

        facts = pass.Facts;
        facts.Usage = pass.State.Usage.ToUsage();
        facts.IsUsageSuspect = pass.State.Usage.IsSuspect;
        facts.StopReason = pass.State.StopReason;
        facts.ErrorType = pass.State.ErrorType;
        facts.ErrorMessage = pass.State.ErrorMessage;
        return facts.IsError || pass.HasAnswer || facts.CountedInputTokens is not null;
    }

    /// <summary>Reads the answer to an embeddings request.</summary>
    /// <returns>False when the body is not JSON, not an object, or holds no embeddings and no error.</returns>
    public static bool TryReadEmbeddings(ReadOnlySpan<byte> body, out ResponseFacts facts)
    {
        facts = default;
        var cursor = new JsonCursor(body, RequestReader.ByteOrderMarkLength(body));
        if (cursor.Peek() != JsonKind.Object)
        {
            return false;
        }

        var state = default(StreamState);
        bool hasData = false;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(body, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.String && member.SequenceEqual("model"u8))
            {
                _ = cursor.ReadString(out JsonString token);
                facts.ModelValue = token.Token;
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                state.Usage.ReadOpenAi(ref cursor);
            }
            else if (kind is JsonKind.Object or JsonKind.String && member.SequenceEqual("error"u8))
            {
                facts.IsError = true;
                state.ReadError(ref cursor);
            }
            else
            {
                hasData |= kind == JsonKind.Array && member.SequenceEqual("data"u8);
                _ = cursor.Skip();
            }
        }

        facts.Usage = state.Usage.ToUsage();
        facts.IsUsageSuspect = state.Usage.IsSuspect;
        facts.ErrorType = state.ErrorType;
        facts.ErrorMessage = state.ErrorMessage;
        return cursor.AtEnd() && (hasData || facts.IsError);
    }

    /// <summary>A response that failed for what was asked is an answer, as the vendor's clients expect it.</summary>
    private static bool TryReadResponse(ref JsonCursor cursor, ref ResponseFacts facts)
    {
        var state = default(StreamState);
        var response = default(ResponseObject);
        response.Read(ref state, ref cursor);
        if (!cursor.AtEnd())
        {
            return false;
        }

        facts.ModelValue = response.Model;
        facts.Usage = state.Usage.ToUsage();
        facts.IsUsageSuspect = state.Usage.IsSuspect;
        facts.StopReason = response.Stop;
        facts.ErrorType = state.ErrorType;
        facts.ErrorMessage = state.ErrorMessage;
        facts.IsError = response.IsFailed
            ? ResponseObject.IsServers(state.ErrorType)
            : state.ErrorMessage is not null || state.ErrorType is not null;
        return facts.IsError || response.HasOutput;
    }

    private struct Pass(WireDialect dialect)
    {
        public ResponseFacts Facts;
        public StreamState State;
        public bool HasAnswer;

        public void Read(ref JsonCursor cursor)
        {
            Span<byte> scratch = stackalloc byte[16];
            bool first = true;
            for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
            {
                ReadMember(ref cursor, name.Keyword(cursor.Json, scratch), cursor.Peek());
            }
        }

        private void ReadMember(ref JsonCursor cursor, scoped ReadOnlySpan<byte> member, JsonKind kind)
        {
            if (dialect == WireDialect.Converse)
            {
                ReadConverseMember(ref cursor, member, kind);
                return;
            }

            bool anthropic = dialect == WireDialect.Anthropic;
            if (kind == JsonKind.String && member.SequenceEqual("model"u8))
            {
                _ = cursor.ReadString(out JsonString token);
                Facts.ModelValue = token.Token;
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                ReadUsage(ref cursor, anthropic);
            }
            else if (kind is JsonKind.Object or JsonKind.String && member.SequenceEqual("error"u8))
            {
                Facts.IsError = true;
                State.ReadError(ref cursor);
            }
            else if (anthropic && kind == JsonKind.String && member.SequenceEqual("stop_reason"u8))
            {
                ReadStopReason(ref cursor);
            }
            else if (anthropic && kind == JsonKind.Number && member.SequenceEqual("input_tokens"u8))
            {
                long? count = null;
                State.Usage.ReadCount(ref cursor, ref count);
                Facts.CountedInputTokens = count;
            }
            else if (kind == JsonKind.Array && member.SequenceEqual(anthropic ? "content"u8 : "choices"u8))
            {
                HasAnswer = true;
                ReadAnswer(ref cursor, anthropic);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        private void ReadConverseMember(ref JsonCursor cursor, scoped ReadOnlySpan<byte> member, JsonKind kind)
        {
            if (kind == JsonKind.Object && member.SequenceEqual("output"u8))
            {
                HasAnswer = true;
                _ = cursor.Skip();
            }
            else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
            {
                State.Usage.ReadConverse(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("stopReason"u8))
            {
                ReadStopReason(ref cursor);
            }
            else if (kind == JsonKind.Number && member.SequenceEqual("inputTokens"u8))
            {
                long? count = null;
                State.Usage.ReadCount(ref cursor, ref count);
                Facts.CountedInputTokens = count;
            }
            else if (kind == JsonKind.String
                && (member.SequenceEqual("message"u8) || member.SequenceEqual("Message"u8)))
            {
                Facts.IsError = true;
                State.ErrorMessage = cursor.ReadString(out JsonString token)
                    && JsonText.TryGetString(cursor.Json, token, out string text) ? text : null;
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        private void ReadUsage(ref JsonCursor cursor, bool anthropic)
        {
            if (anthropic)
            {
                State.Usage.ReadAnthropic(ref cursor);
            }
            else
            {
                State.Usage.ReadOpenAi(ref cursor);
            }
        }

        private void ReadAnswer(ref JsonCursor cursor, bool anthropic)
        {
            if (anthropic)
            {
                _ = cursor.Skip();
                return;
            }

            bool first = true;
            for (_ = cursor.Enter(); cursor.NextElement(ref first);)
            {
                if (cursor.Peek() == JsonKind.Object)
                {
                    ReadChoice(ref cursor);
                }
                else
                {
                    _ = cursor.Skip();
                }
            }
        }

        private void ReadChoice(ref JsonCursor cursor)
        {
            Span<byte> scratch = stackalloc byte[16];
            bool first = true;
            for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
            {
                bool isReason = name.Keyword(cursor.Json, scratch).SequenceEqual("finish_reason"u8);
                if (isReason && cursor.Peek() == JsonKind.String)
                {
                    ReadStopReason(ref cursor);
                }
                else
                {
                    _ = cursor.Skip();
                }
            }
        }

        private void ReadStopReason(ref JsonCursor cursor)
        {
            if (cursor.ReadString(out JsonString token))
            {
                State.StopReason = KnownWords.StopReason(cursor.Json, token);
            }
        }
    }
}
