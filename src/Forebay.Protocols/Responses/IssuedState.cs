using System.Buffers;
using Forebay.Protocols.Continuation;
using Forebay.Protocols.Json;
using Forebay.Protocols.Translation;

namespace Forebay.Protocols;

/// <summary>
/// Finds in answers what only the account that gave it takes back. Anthropic: signatures of reasoning, sealed
/// reasoning, and the containers of code execution. Responses: encrypted reasoning, and the ids of responses and of
/// their items.
/// </summary>
public static class IssuedState
{
    /// <summary>Takes a value, escapes resolved.</summary>
    public delegate void Sink(ReadOnlySpan<byte> value);

    /// <summary>Reads whole events of a dialect.</summary>
    public static void ReadEvents(WireDialect dialect, ReadOnlySpan<byte> events, Sink sink)
    {
        if (dialect == WireDialect.Responses)
        {
            ReadResponseEvents(events, sink);
        }
        else
        {
            ReadEvents(events, sink);
        }
    }

    /// <summary>Reads a whole answer of a dialect.</summary>
    public static void ReadAnswer(WireDialect dialect, ReadOnlySpan<byte> body, Sink sink)
    {
        if (dialect == WireDialect.Responses)
        {
            ReadResponse(body, sink);
        }
        else
        {
            ReadAnswer(body, sink);
        }
    }

    /// <summary>Whether a value is what another vendor's upstream has signed or sealed.</summary>
    public static bool IsForeignSeal(ReadOnlySpan<byte> value) => Seals.IsMarked(value);

    /// <summary>Reads whole events. Costs a search of their bytes where there is nothing, which is nearly always.
    /// </summary>
    public static void ReadEvents(ReadOnlySpan<byte> events, Sink sink)
    {
        if (!MayHold(events))
        {
            return;
        }

        while (SseFraming.TryReadEvent(events, 0, atEnd: true, out int length))
        {
            SseEvent fields = SseEvent.Parse(events[..length]);
            if (fields.DataLines == 1)
            {
                ReadValue(fields.Data.Of(events), sink);
            }

            events = events[length..];
        }
    }

    /// <summary>Reads a whole answer.</summary>
    public static void ReadAnswer(ReadOnlySpan<byte> body, Sink sink)
    {
        if (MayHold(body))
        {
            ReadValue(body[RequestReader.ByteOrderMarkLength(body)..], sink);
        }
    }

    /// <summary>The value of a string token, escapes resolved: one client writes a plus sign where another escapes it.
    /// </summary>
    public static byte[] ValueOf(ReadOnlySpan<byte> body, ByteRange token)
    {
        var text = new ArrayBufferWriter<byte>(Math.Max(1, token.Length));
        return TextContent.TryDecode(token.Of(body)[1..^1], text, out _) ? text.WrittenSpan.ToArray() : [];
    }

    /// <summary>Reads whole events of a Responses stream: each item as it is done, the response as it is created.
    /// </summary>
    public static void ReadResponseEvents(ReadOnlySpan<byte> events, Sink sink)
    {
        while (SseFraming.TryReadEvent(events, 0, atEnd: true, out int length))
        {
            ReadOnlySpan<byte> ev = events[..length];
            SseEvent fields = SseEvent.Parse(ev);
            ReadOnlySpan<byte> name = fields.Name.Of(ev);
            if (fields.DataLines == 1
                && (name.SequenceEqual("response.created"u8) || name.SequenceEqual("response.output_item.done"u8)))
            {
                ReadWithin(fields.Data.Of(ev), name[^1] == 'd' ? "response"u8 : "item"u8, sink);
            }

            events = events[length..];
        }
    }

    /// <summary>Reads a whole response.</summary>
    public static void ReadResponse(ReadOnlySpan<byte> body, Sink sink)
    {
        var cursor = new JsonCursor(body, RequestReader.ByteOrderMarkLength(body));
        if (cursor.Peek() == JsonKind.Object)
        {
            ReadIssued(ref cursor, sink);
        }
    }

    private static void ReadWithin(ReadOnlySpan<byte> data, ReadOnlySpan<byte> wanted, Sink sink)
    {
        var cursor = new JsonCursor(data);
        Span<byte> scratch = stackalloc byte[16];
        bool first = true;
        for (bool entered = cursor.Peek() == JsonKind.Object && cursor.Enter();
            entered && cursor.NextMember(ref first, out JsonString name);)
        {
            if (cursor.Peek() == JsonKind.Object && name.Keyword(data, scratch).SequenceEqual(wanted))
            {
                ReadIssued(ref cursor, sink);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary>Reads the id and the sealed reasoning of a response or an item, and of the items within.</summary>
    private static void ReadIssued(ref JsonCursor cursor, Sink sink)
    {
        ReadOnlySpan<byte> json = cursor.Json;
        Span<byte> scratch = stackalloc byte[20];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(json, scratch);
            JsonKind kind = cursor.Peek();
            bool isIssued = member.SequenceEqual("id"u8) || member.SequenceEqual("encrypted_content"u8);
            if (isIssued && kind == JsonKind.String)
            {
                if (cursor.ReadString(out JsonString value) && value.Length > 0)
                {
                    sink(ValueOf(json, value.Token));
                }
            }
            else if (kind == JsonKind.Array && member.SequenceEqual("output"u8))
            {
                bool firstItem = true;
                for (_ = cursor.Enter(); cursor.NextElement(ref firstItem);)
                {
                    if (cursor.Peek() == JsonKind.Object)
                    {
                        ReadIssued(ref cursor, sink);
                    }
                    else
                    {
                        _ = cursor.Skip();
                    }
                }
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    private static bool MayHold(ReadOnlySpan<byte> bytes) => bytes.IndexOf("signature"u8) >= 0
        || bytes.IndexOf("redacted_thinking"u8) >= 0
        || bytes.IndexOf("\"container\":{"u8) >= 0;

    private static void ReadValue(ReadOnlySpan<byte> json, Sink sink)
    {
        var cursor = new JsonCursor(json);
        if (cursor.Peek() is JsonKind.Object or JsonKind.Array)
        {
            Walk(ref cursor, isContainer: false, sink);
        }
    }

    private static void Walk(ref JsonCursor cursor, bool isContainer, Sink sink)
    {
        bool first = true;
        switch (cursor.Peek())
        {
            case JsonKind.Array:
                for (_ = cursor.Enter(); cursor.NextElement(ref first);)
                {
                    Walk(ref cursor, isContainer, sink);
                }

                break;
            case JsonKind.Object:
                for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
                {
                    Member(ref cursor, name, isContainer, sink);
                }

                break;
            default:
                _ = cursor.Skip();
                break;
        }
    }

    private static void Member(ref JsonCursor cursor, in JsonString name, bool isContainer, Sink sink)
    {
        ReadOnlySpan<byte> member = name.Raw(cursor.Json);
        bool isIssued = member.SequenceEqual("signature"u8) || member.SequenceEqual("data"u8)
            || (isContainer && member.SequenceEqual("id"u8));
        if (isIssued && cursor.Peek() == JsonKind.String)
        {
            if (cursor.ReadString(out JsonString value) && value.Length > 0)
            {
                sink(ValueOf(cursor.Json, value.Token));
            }
        }
        else if (member.SequenceEqual("input"u8) || member.SequenceEqual("usage"u8))
        {
            // What a tool is called with is the model's to choose.
            _ = cursor.Skip();
        }
        else
        {
            Walk(ref cursor, member.SequenceEqual("container"u8), sink);
        }
    }
}
