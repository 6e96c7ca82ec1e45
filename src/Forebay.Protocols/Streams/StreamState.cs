using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>What a stream has told so far.</summary>
internal struct StreamState
{
    public UsageTally Usage;
    public bool Started;
    public bool Terminated;
    public bool HasReset;
    public int ContentEvents;
    public string? StopReason;
    public string? ErrorType;
    public string? ErrorMessage;

    /// <summary>The last <c>sequence_number</c>; only the Responses dialect counts its events.</summary>
    public long? Sequence;

    /// <summary>Reads the value of an <c>error</c> member: an object with type and message, or a bare string.</summary>
    /// <param name="cursor">Before it.</param>
    /// <param name="codeIsType">Whether a <c>code</c> says what kind of error it is.</param>
    public void ReadError(ref JsonCursor cursor, bool codeIsType = false)
    {
        if (cursor.Peek() == JsonKind.String && cursor.ReadString(out JsonString bare))
        {
            ErrorMessage = JsonText.TryGetString(cursor.Json, bare, out string text) ? text : null;
            return;
        }

        if (cursor.Peek() != JsonKind.Object)
        {
            _ = cursor.Skip();
            return;
        }

        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            bool isType = member.SequenceEqual(codeIsType ? "code"u8 : "type"u8);
            if ((!isType && !member.SequenceEqual("message"u8)) || cursor.Peek() != JsonKind.String)
            {
                _ = cursor.Skip();
            }
            else if (cursor.ReadString(out JsonString token)
                     && JsonText.TryGetString(cursor.Json, token, out string text))
            {
                ErrorType = isType ? text : ErrorType;
                ErrorMessage = isType ? ErrorMessage : text;
            }
        }
    }
}
