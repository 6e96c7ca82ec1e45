using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>What a <c>response</c> object of the Responses dialect tells, whole or within an event.</summary>
internal struct ResponseObject
{
    private const string Failed = "failed";

    /// <summary>The model's token, quotes included; empty where absent.</summary>
    public ByteRange Model;

    public bool HasOutput;

    /// <summary>The word of its <c>status</c>; null where absent.</summary>
    public string? Status;

    private string? _incomplete;

    /// <summary>The status, or why the answer is incomplete.</summary>
    public readonly string? Stop => _incomplete ?? Status;

    /// <summary>Whether it says that the server failed.</summary>
    public readonly bool IsFailed => Status == Failed;

    /// <summary>Whether an error's code is about the server rather than about what was asked.</summary>
    public static bool IsServers(string? code) =>
        code is null or "server_error" or "rate_limit_exceeded" or "vector_store_timeout";

    /// <summary>Reads the object that stands next.</summary>
    public void Read(ref StreamState state, ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadMember(ref state, ref cursor, name.Keyword(cursor.Json, scratch), cursor.Peek());
        }
    }

    private void ReadMember(
        ref StreamState state, ref JsonCursor cursor, scoped ReadOnlySpan<byte> member, JsonKind kind)
    {
        if (kind == JsonKind.String && member.SequenceEqual("model"u8))
        {
            _ = cursor.ReadString(out JsonString token);
            Model = token.Token;
        }
        else if (kind == JsonKind.String && member.SequenceEqual("status"u8))
        {
            Status = cursor.ReadString(out JsonString word) ? KnownWords.StopReason(cursor.Json, word) : null;
        }
        else if (kind == JsonKind.Object && member.SequenceEqual("usage"u8))
        {
            state.Usage.ReadResponses(ref cursor);
        }
        else if (kind is JsonKind.Object or JsonKind.String && member.SequenceEqual("error"u8))
        {
            state.ReadError(ref cursor, codeIsType: true);
        }
        else if (kind == JsonKind.Object && member.SequenceEqual("incomplete_details"u8))
        {
            ReadDetails(ref cursor);
        }
        else
        {
            HasOutput |= kind == JsonKind.Array && member.SequenceEqual("output"u8);
            _ = cursor.Skip();
        }
    }

    private void ReadDetails(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[12];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            bool isReason = name.Keyword(cursor.Json, scratch).SequenceEqual("reason"u8);
            if (isReason && cursor.Peek() == JsonKind.String && cursor.ReadString(out JsonString word))
            {
                _incomplete = KnownWords.StopReason(cursor.Json, word);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }
}
