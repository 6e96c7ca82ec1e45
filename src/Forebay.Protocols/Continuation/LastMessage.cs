using Forebay.Protocols.Json;

namespace Forebay.Protocols.Continuation;

/// <summary>The last message of a request, and where text can be added to it.</summary>
internal struct LastMessage
{
    public bool IsAssistant;

    /// <summary>Before the closing quote of its text, or of its last block's; negative where it does not end with
    /// text.</summary>
    public int TextEnd;

    /// <summary>Before the bracket that closes the list of messages.</summary>
    public int ArrayEnd;

    /// <summary>Finds it in a list that was found well-formed before.</summary>
    public static LastMessage Find(ReadOnlySpan<byte> body, ByteRange messages)
    {
        var cursor = new JsonCursor(body[..messages.End], messages.Start);
        var last = new LastMessage { ArrayEnd = messages.End - 1 };
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            last.IsAssistant = false;
            last.TextEnd = -1;
            last.Read(ref cursor);
        }

        return last;
    }

    private void Read(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        Span<byte> roleScratch = stackalloc byte[16];
        bool calls = false;
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            JsonKind kind = cursor.Peek();
            if (kind == JsonKind.String && member.SequenceEqual("role"u8))
            {
                _ = cursor.ReadString(out JsonString role);
                IsAssistant = role.Keyword(cursor.Json, roleScratch).SequenceEqual("assistant"u8);
            }
            else if (kind == JsonKind.String && member.SequenceEqual("content"u8))
            {
                _ = cursor.ReadString(out JsonString content);
                TextEnd = content.Token.End - 1;
            }
            else if (kind == JsonKind.Array && member.SequenceEqual("content"u8))
            {
                ReadBlocks(ref cursor);
            }
            else
            {
                calls |= kind == JsonKind.Array && member.SequenceEqual("tool_calls"u8);
                _ = cursor.Skip();
            }
        }

        TextEnd = calls ? -1 : TextEnd;
    }

    private void ReadBlocks(ref JsonCursor cursor)
    {
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextElement(ref first);)
        {
            TextEnd = -1;
            if (cursor.Peek() == JsonKind.Object)
            {
                ReadBlock(ref cursor);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private void ReadBlock(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[16];
        bool isText = false;
        int end = -1;
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            bool isType = member.SequenceEqual("type"u8);
            if ((!isType && !member.SequenceEqual("text"u8)) || cursor.Peek() != JsonKind.String)
            {
                _ = cursor.Skip();
                continue;
            }

            _ = cursor.ReadString(out JsonString value);
            isText |= isType && value.Raw(cursor.Json).SequenceEqual("text"u8);
            end = isType ? end : value.Token.End - 1;
        }

        TextEnd = isText ? end : -1;
    }
}

/// <summary>Whether a request's documents ask for citations.</summary>
internal static class Citing
{
    public static bool IsAskedFor(ReadOnlySpan<byte> body, ByteRange messages)
    {
        ReadOnlySpan<byte> rest = messages.Of(body);
        // Almost never there: the search costs less than a walk, and only names stand between quotes unescaped.
        while (rest.IndexOf("\"citations\""u8) is var at and >= 0)
        {
            rest = rest[(at + "\"citations\""u8.Length)..];
            var cursor = new JsonCursor(rest[(rest.IndexOf((byte)':') + 1)..]);
            if (cursor.Peek() == JsonKind.Object && cursor.ReadValue(out ByteRange value)
                && value.Of(cursor.Json).IndexOf("true"u8) >= 0)
            {
                return true;
            }
        }

        return false;
    }
}
