using System.Buffers;

namespace Forebay.Protocols.Bedrock;

/// <summary>Writes server-sent events.</summary>
internal static class SseText
{
    /// <summary>Writes one named event, its JSON on one line.</summary>
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
        OnOneLine(rest[..json.Length]);
        end.CopyTo(rest[json.Length..]);
        output.Advance(length);
    }

    /// <summary>Makes line ends between the tokens of JSON spaces: within JSON they can be nothing else than white
    /// space, and in an event they would end the line.</summary>
    public static void OnOneLine(Span<byte> json)
    {
        if (json.ContainsAny((byte)'\n', (byte)'\r'))
        {
            json.Replace((byte)'\n', (byte)' ');
            json.Replace((byte)'\r', (byte)' ');
        }
    }
}
