using System.Buffers;
using Forebay.Protocols.Continuation;
using Forebay.Protocols.Json;

namespace Forebay.Protocols;

/// <summary>
/// Finds in Anthropic answers what only the account that gave it takes back: signatures of reasoning, sealed reasoning,
/// and the containers of code execution.
/// </summary>
public static class IssuedState
{
    /// <summary>Takes a value, escapes resolved.</summary>
    public delegate void Sink(ReadOnlySpan<byte> value);

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
