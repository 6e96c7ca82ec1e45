using System.Buffers;
using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Bedrock;

/// <summary>Writes what failed within a stream as Anthropic says it.</summary>
internal static class BedrockStreamError
{
    private const int LongestName = 64;

    /// <summary>Writes an exception of the service's model.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="payload">An object with <c>message</c>, and for a model's own failure how it failed.</param>
    /// <param name="output">Where to.</param>
    public static void Write(ReadOnlySpan<byte> name, ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        ByteRange message = default;
        int status = 0;
        var cursor = new JsonCursor(payload);
        Span<byte> scratch = stackalloc byte[24];
        bool first = true;
        for (bool entered = cursor.Peek() == JsonKind.Object && cursor.Enter();
            entered && cursor.NextMember(ref first, out JsonString key);)
        {
            ReadOnlySpan<byte> member = key.Keyword(payload, scratch);
            JsonKind kind = cursor.Peek();
            if (!cursor.ReadValue(out ByteRange value))
            {
                break;
            }

            if (kind == JsonKind.String
                && (member.SequenceEqual("message"u8) || member.SequenceEqual("Message"u8)
                    || (message.IsEmpty && member.SequenceEqual("originalMessage"u8))))
            {
                message = value;
            }
            else if (kind == JsonKind.Number && member.SequenceEqual("originalStatusCode"u8))
            {
                status = JsonText.TryGetWhole(value.Of(payload), out long code) && code is > 0 and < 1000
                    ? (int)code
                    : 0;
            }
        }

        Write(name, status, cursor.Failed || message.IsEmpty ? "\"\""u8 : message.Of(payload), output);
    }

    /// <summary>Writes an error that only headers tell of.</summary>
    public static void WriteUnmodelled(
        ReadOnlySpan<byte> code, ReadOnlySpan<byte> message, IBufferWriter<byte> output) =>
        Write(code, 0, System.Text.Json.JsonEncodedText.Encode(message) is var text
            ? (byte[])[(byte)'"', .. text.EncodedUtf8Bytes, (byte)'"']
            : [], output);

    private static void Write(
        ReadOnlySpan<byte> name, int status, ReadOnlySpan<byte> messageToken, IBufferWriter<byte> output)
    {
        Span<char> text = stackalloc char[LongestName];
        int length = name.Length <= LongestName ? Encoding.Latin1.GetChars(name, text) : 0;
        string type = BedrockErrors.TypeOf(BedrockErrors.Named(text[..length]), status);
        output.Write("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\""u8);
        output.Write(Encoding.ASCII.GetBytes(type));
        output.Write("\",\"message\":"u8);
        output.Write(messageToken);
        output.Write("}}\n\n"u8);
    }
}
