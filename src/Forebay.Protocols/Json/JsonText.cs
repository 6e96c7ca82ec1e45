using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Forebay.Protocols.Json;

/// <summary>Values of JSON tokens that <see cref="JsonCursor"/> has found well-formed.</summary>
internal static class JsonText
{
    /// <summary>Resolves escapes where the result is ASCII and fits; false otherwise.</summary>
    public static bool TryUnescapeAscii(ReadOnlySpan<byte> raw, Span<byte> text, out int length)
    {
        length = 0;
        for (int at = 0; at < raw.Length; length++)
        {
            if (length == text.Length)
            {
                return false;
            }

            if (raw[at] != '\\')
            {
                text[length] = raw[at++];
            }
            else if (raw[at + 1] != 'u')
            {
                text[length] = Unescaped(raw[at + 1]);
                at += 2;
            }
            else if (Utf8Parser.TryParse(raw.Slice(at + 2, 4), out ushort code, out _, 'X') && code < 0x80)
            {
                text[length] = (byte)code;
                at += 6;
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The text of a string token, or false where it holds half a surrogate pair and so has none.</summary>
    public static bool TryGetString(ReadOnlySpan<byte> json, in JsonString token, out string text)
    {
        if (!token.HasEscapes)
        {
            text = Encoding.UTF8.GetString(token.Raw(json));
            return true;
        }

        byte[] rented = ArrayPool<byte>.Shared.Rent(token.Length);
        try
        {
            var reader = new Utf8JsonReader(token.Token.Of(json));
            _ = reader.Read();
            int length = reader.CopyString(rented);
            text = Encoding.UTF8.GetString(rented, 0, length);
            return true;
        }
        catch (InvalidOperationException)
        {
            text = "";
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The value of a number that is whole, however it is written (<c>100</c>, <c>100.0</c>, <c>1e2</c>);
    /// false for a fraction. Magnitudes beyond 2^53 saturate.</summary>
    public static bool TryGetWhole(ReadOnlySpan<byte> number, out long value)
    {
        if (Utf8Parser.TryParse(number, out value, out int used) && used == number.Length)
        {
            return true;
        }

        const double limit = 1L << 53;
        if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double real)
            || double.IsNaN(real))
        {
            return false;
        }

        value = (long)Math.Clamp(real, -limit, limit);
        return Math.Floor(real) == real || double.IsInfinity(real);
    }

    private static byte Unescaped(byte letter) => letter switch
    {
        (byte)'b' => (byte)'\b',
        (byte)'f' => (byte)'\f',
        (byte)'n' => (byte)'\n',
        (byte)'r' => (byte)'\r',
        (byte)'t' => (byte)'\t',
        _ => letter,
    };
}
