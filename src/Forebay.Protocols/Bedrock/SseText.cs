using System.Buffers;

namespace Forebay.Protocols.Bedrock;

/// <summary>Writes server-sent events.</summary>
internal static class SseText
{
    /// <summary>Writes one named event. Line ends between the tokens of its JSON become spaces: within JSON they can be
    /// nothing else than white space, and in an event they would end the line.</summary>
    public static void Write(ReadOnlySpan<byte> name, ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> start = "event: "u8;
        ReadOnlySpan<byte> middle = "\ndata: "u8;
        ReadOnlySpan<byte> end = "\n\n"u8;
        int length = start.Length + name.Length + middle.Length + json.Length + end.Length;
        Span<byte> text = output.GetSpan(length);
        start.CopyTo(text);
        name.CopyTo(text[start.Length..]);
        Span<byte> rest = text[(start.Length + name.Length)..];
        middle.CopyTo(rest);
        rest = rest[middle.Length..];
        json.CopyTo(rest);
        rest[..json.Length].Replace((byte)'\n', (byte)' ');
        rest[..json.Length].Replace((byte)'\r', (byte)' ');
        end.CopyTo(rest[json.Length..]);
        output.Advance(length);
    }
}
