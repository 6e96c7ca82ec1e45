using System.Buffers;
using System.Text;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Continuation;

/// <summary>The text of an answer in the form it has between the quotes of JSON strings, put together from its pieces.
/// </summary>
internal static class TextContent
{
    private const int LongestEscapeBytes = 12;

    /// <summary>Reads one character, or one piece of text without escapes.</summary>
    /// <param name="raw">Well-formed content of a JSON string, or several put together.</param>
    /// <param name="at">Where to read; moved behind it.</param>
    /// <param name="scratch">Room for a character, four bytes.</param>
    /// <param name="text">What was read, in UTF-8.</param>
    /// <returns>False for half a surrogate pair.</returns>
    public static bool TryRead(
        ReadOnlySpan<byte> raw, ref int at, Span<byte> scratch, out ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> rest = raw[at..];
        int plain = rest.IndexOf((byte)'\\');
        if (plain != 0)
        {
            text = plain < 0 ? rest : rest[..plain];
            at += text.Length;
            return true;
        }

        text = default;
        if (rest[1] != 'u')
        {
            _ = JsonText.TryUnescapeAscii(rest[..2], scratch, out int one);
            text = scratch[..one];
            at += 2;
            return true;
        }

        int code = CodeAt(rest);
        int used = LongestEscapeBytes / 2;
        if (char.IsHighSurrogate((char)code) && rest.Length >= LongestEscapeBytes && rest[6] == '\\' && rest[7] == 'u'
            && CodeAt(rest[6..]) is var low && char.IsLowSurrogate((char)low))
        {
            code = char.ConvertToUtf32((char)code, (char)low);
            used = LongestEscapeBytes;
        }

        if (!Rune.TryCreate(code, out Rune rune))
        {
            return false;
        }

        text = scratch[..rune.EncodeToUtf8(scratch)];
        at += used;
        return true;
    }

    /// <summary>Writes the text that content stands for.</summary>
    /// <param name="raw">The content.</param>
    /// <param name="text">Where to.</param>
    /// <param name="inkRawEnd">Where in the content its last character ends that is not white space.</param>
    /// <returns>False where it begins or ends within a character.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> raw, ArrayBufferWriter<byte> text, out int inkRawEnd)
    {
        inkRawEnd = 0;
        Span<byte> scratch = stackalloc byte[4];
        for (int at = 0; at < raw.Length;)
        {
            int start = at;
            if (!TryRead(raw, ref at, scratch, out ReadOnlySpan<byte> part))
            {
                return false;
            }

            text.Write(part);
            int ink = InkLength(part);
            if (ink > 0)
            {
                // Only a piece without escapes is longer than a character, and as long as its text.
                inkRawEnd = ink == part.Length ? at : start + ink;
            }
        }

        return System.Text.Unicode.Utf8.IsValid(text.WrittenSpan);
    }

    /// <summary>The length without the white space at the end, as Unicode has it.</summary>
    public static int InkLength(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            OperationStatus status = Rune.DecodeLastFromUtf8(text, out Rune last, out int length);
            if (status != OperationStatus.Done || !Rune.IsWhiteSpace(last))
            {
                break;
            }

            text = text[..^length];
        }

        return text.Length;
    }

    /// <summary>Writes text as the content of a JSON string.</summary>
    public static void WriteEscaped(ReadOnlySpan<byte> text, IBufferWriter<byte> output)
    {
        while (!text.IsEmpty)
        {
            int plain = 0;
            while (plain < text.Length && text[plain] >= 0x20 && text[plain] is not ((byte)'"' or (byte)'\\'))
            {
                plain++;
            }

            output.Write(text[..plain]);
            if (plain == text.Length)
            {
                return;
            }

            byte special = text[plain];
            if (special < 0x20)
            {
                output.Write("\\u00"u8);
                output.Write([HexOf(special >> 4), HexOf(special & 15)]);
            }
            else
            {
                output.Write([(byte)'\\', special]);
            }

            text = text[(plain + 1)..];
        }
    }

    private static byte HexOf(int digit) => (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);

    private static int CodeAt(ReadOnlySpan<byte> escape) => int.Parse(
        Encoding.ASCII.GetString(escape[2..6]),
        System.Globalization.NumberStyles.AllowHexSpecifier,
        System.Globalization.CultureInfo.InvariantCulture);
}
