using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>What the events of a Responses stream mean. The name decides, or the <c>type</c> in the data where a server
/// leaves names out; data is read for what it reports and otherwise only checked to be JSON.</summary>
internal static class ResponsesEvents
{
    private static ReadOnlySpan<byte> Prefix => "response."u8;

    public static StreamEventKind Observe(
        ref StreamState state,
        ReadOnlySpan<byte> ev,
        in SseEvent fields,
        in StreamRewrite rewrite,
        ref SpliceList splices)
    {
        var cursor = new JsonCursor(ev[..fields.Data.End], fields.Data.Start);
        if (cursor.Peek() != JsonKind.Object)
        {
            return IsDone(fields.Data.Of(ev)) ? StreamEventKind.Other : StreamEventKind.Malformed;
        }

        // Collected apart and kept only if all of the data turns out well-formed.
        StreamState next = state;
        var found = default(Found);
        Read(ref next, ref cursor, ref found);
        if (!cursor.AtEnd())
        {
            return StreamEventKind.Malformed;
        }

        ReadOnlySpan<byte> name = fields.Name.IsEmpty ? found.Type.Of(ev) : fields.Name.Of(ev);
        StreamEventKind kind = KindOf(ref next, name, found);
        if (kind == StreamEventKind.Malformed)
        {
            return kind;
        }

        if (!found.Response.Model.IsEmpty && !rewrite.ModelJson.IsEmpty)
        {
            splices.Add(new Splice(found.Response.Model.Start, found.Response.Model.Length, rewrite.ModelJson));
        }

        state = next;
        return kind;
    }

    /// <summary>Some servers end every stream the way chat completions end.</summary>
    private static bool IsDone(ReadOnlySpan<byte> data) => data.TrimEnd((byte)' ').SequenceEqual("[DONE]"u8);

    private static StreamEventKind KindOf(ref StreamState state, ReadOnlySpan<byte> name, in Found found)
    {
        if (name.SequenceEqual("error"u8) || (name.IsEmpty && found.HasError))
        {
            return StreamEventKind.Error;
        }

        if (!name.StartsWith(Prefix))
        {
            // Events that are not known here pass, once the answer has begun.
            return state.Started ? StreamEventKind.Other : StreamEventKind.Malformed;
        }

        name = name[Prefix.Length..];
        if (name.SequenceEqual("created"u8))
        {
            state.HasReset |= state.Started;
            state.Started = true;
            return StreamEventKind.Start;
        }

        if (name.SequenceEqual("completed"u8) || name.SequenceEqual("incomplete"u8))
        {
            state.Started = true;
            state.Terminated = true;
            state.StopReason = found.Response.Stop;
            return found.HasResponse ? StreamEventKind.Terminal : StreamEventKind.Malformed;
        }

        if (name.SequenceEqual("failed"u8))
        {
            return Fail(ref state, found);
        }

        if (!state.Started)
        {
            bool begins = name.SequenceEqual("in_progress"u8) || name.SequenceEqual("queued"u8);
            state.Started = begins;
            return begins ? StreamEventKind.Start : StreamEventKind.Malformed;
        }

        if (name.EndsWith(".delta"u8))
        {
            state.ContentEvents++;
            return StreamEventKind.Content;
        }

        return StreamEventKind.Other;
    }

    /// <summary>A failure of the server's is an error, which another may do better; one for what was asked is the
    /// answer.</summary>
    private static StreamEventKind Fail(ref StreamState state, in Found found)
    {
        state.StopReason = "failed";
        if (ResponseObject.IsServers(state.ErrorType))
        {
            return StreamEventKind.Error;
        }

        state.Started = true;
        state.Terminated = true;
        return found.HasResponse ? StreamEventKind.Terminal : StreamEventKind.Malformed;
    }

    private static void Read(ref StreamState state, ref JsonCursor cursor, ref Found found)
    {
        string? message = null;
        string? code = null;
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.Object && member.SequenceEqual("response"u8))
            {
                found.HasResponse = true;
                found.Response.Read(ref state, ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("type"u8))
            {
                _ = cursor.ReadString(out JsonString type);
                found.Type = new ByteRange(type.Start, type.Length);
            }
            else if (kind == JsonKind.Number
                && member.SequenceEqual("sequence_number"u8)
                && cursor.ReadValue(out ByteRange number))
            {
                state.Sequence = JsonText.TryGetWhole(number.Of(cursor.Json), out long read) ? read : state.Sequence;
            }
            else if (kind is JsonKind.Object or JsonKind.String && member.SequenceEqual("error"u8))
            {
                found.HasError = true;
                state.ReadError(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("message"u8))
            {
                message = TextOf(ref cursor);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("code"u8))
            {
                code = TextOf(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }

        state.ErrorMessage ??= message;
        state.ErrorType ??= code;
    }

    private static string? TextOf(ref JsonCursor cursor) =>
        cursor.ReadString(out JsonString token) && JsonText.TryGetString(cursor.Json, token, out string text)
            ? text
            : null;

    private struct Found
    {
        public bool HasResponse;
        public bool HasError;
        public ByteRange Type;
        public ResponseObject Response;
    }
}
