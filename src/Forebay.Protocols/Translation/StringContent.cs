using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Translation;

/// <summary>The content of JSON strings: what stands between the quotes, escapes unresolved.</summary>
internal static class StringContent
{
    /// <summary>Resolves escapes. Half a surrogate pair, which has no bytes, stays an escape.</summary>
    public static void Decode(ReadOnlySpan<byte> content, IBufferWriter<byte> output)
    {
        var text = new WireOutput(output);
        while (!content.IsEmpty)
        {
            int plain = content.IndexOf((byte)'\\');
            if (plain < 0)
            {
                text.Raw(content);
                break;
            }

            text.Raw(content[..plain]);
            content = content[plain..];
            if (content.Length < 2)
            {
                break;
            }

            int used = content[1] == 'u' ? DecodeCode(content, ref text) : DecodeLetter(content[1], ref text);
            content = content[used..];
        }

        text.Flush();
    }

    /// <summary>Whether content, its escapes resolved, is one JSON object; resolves them into scratch space where
    /// needed.</summary>
    public static bool IsObject(ReadOnlySpan<byte> content, ArrayBufferWriter<byte> scratch)
    {
        scratch.ResetWrittenCount();
        Decode(content, scratch);
        var cursor = new JsonCursor(scratch.WrittenSpan);
        return cursor.Peek() == JsonKind.Object && cursor.Skip() && cursor.AtEnd();
    }

    private static int DecodeLetter(byte letter, ref WireOutput text)
    {
        text.Raw(letter switch
        {
            (byte)'b' => (byte)'\b',
            (byte)'f' => (byte)'\f',
            (byte)'n' => (byte)'\n',
            (byte)'r' => (byte)'\r',
            (byte)'t' => (byte)'\t',
            _ => letter,
        });
        return 2;
    }

    private static int DecodeCode(ReadOnlySpan<byte> escape, ref WireOutput text)
    {
        const int length = 6;
        if (!TryCode(escape, out int code))
        {
            return escape.Length;
        }

        int used = length;
        if (char.IsHighSurrogate((char)code)
            && TryCode(escape[length..], out int low)
            && char.IsLowSurrogate((char)low))
        {
            code = char.ConvertToUtf32((char)code, (char)low);
            used += length;
        }

        if (!Rune.TryCreate(code, out Rune rune))
        {
            text.Raw(escape[..length]);
            return length;
        }

        Span<byte> utf8 = stackalloc byte[4];
        text.Raw(utf8[..rune.EncodeToUtf8(utf8)]);
        return used;
    }

    private static bool TryCode(ReadOnlySpan<byte> escape, out int code)
    {
        code = 0;
        bool read = escape.Length >= 6
            && escape[0] == '\\'
            && escape[1] == 'u'
            && Utf8Parser.TryParse(escape[2..6], out ushort _, out int digits, 'X')
            && digits == 4;
        if (read)
        {
            _ = Utf8Parser.TryParse(escape[2..6], out ushort value, out _, 'X');
            code = value;
        }

        return read;
    }
}
