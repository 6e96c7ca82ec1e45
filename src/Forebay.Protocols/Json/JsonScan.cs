using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Forebay.Protocols.Json;

/// <summary>
/// Passes over the text of a JSON string 32 bytes at a time. Code in a prompt has an escape every dozen bytes, so what
/// counts is what each of them costs: the ordinary ones (<c>\n</c>, <c>\"</c>, ...) are taken off the bits of the block
/// that is loaded already, and only <c>\u</c> goes back to the caller.
/// </summary>
internal static class JsonScan
{
    /// <summary>Letters that make an escape by themselves, as bits from <c>'@'</c>.</summary>
    private const ulong EscapeLetters =
        1UL << ('\\' - '@') | 1UL << ('b' - '@') | 1UL << ('f' - '@') | 1UL << ('n' - '@') | 1UL << ('r' - '@')
        | 1UL << ('t' - '@');

    /// <summary>
    /// Passes over plain text and escapes of one letter.
    /// </summary>
    /// <param name="json">The body.</param>
    /// <param name="from">Where to begin, inside a string.</param>
    /// <param name="saved">Grows by one for each escape passed: the byte that its text is shorter.</param>
    /// <returns>The offset of the closing quote, of a control character, of a backslash that begins any other escape,
    /// or the body's length.</returns>
    public static int EndOfText(ReadOnlySpan<byte> json, int from, ref int saved)
    {
        ref byte text = ref MemoryMarshal.GetReference(json);
        int at = from;
        while (at + Vector256<byte>.Count <= json.Length)
        {
            uint stops = Stops(Vector256.LoadUnsafe(ref text, (nuint)at));
            int taken = Vector256<byte>.Count;
            while (stops != 0)
            {
                int bit = BitOperations.TrailingZeroCount(stops);
                int stop = at + bit;
                if (json[stop] != '\\' || stop + 1 == json.Length || !IsEscapeLetter(json[stop + 1]))
                {
                    return stop;
                }

                saved++;
                // The escape's letter may be a quote or a backslash, and may stand in the next block.
                stops &= ~(3u << bit);
                taken = Math.Max(taken, bit + 2);
            }

            at += taken;
        }

        while (at < json.Length && json[at] is >= 0x20 and not (byte)'"')
        {
            if (json[at] == '\\')
            {
                if (at + 1 == json.Length || !IsEscapeLetter(json[at + 1]))
                {
                    return at;
                }

                saved++;
                at++;
            }

            at++;
        }

        return at;
    }

    /// <summary>A bit for each quote, backslash and control character.</summary>
    private static uint Stops(Vector256<byte> bytes) => (Vector256.Equals(bytes, Vector256.Create((byte)'"'))
        | Vector256.Equals(bytes, Vector256.Create((byte)'\\'))
        | Vector256.Equals(Vector256.Min(bytes, Vector256.Create((byte)0x1F)), bytes)).ExtractMostSignificantBits();

    private static bool IsEscapeLetter(byte letter) => letter >= '@'
        ? letter < 128 && (EscapeLetters >> (letter - '@') & 1) != 0
        : letter is (byte)'"' or (byte)'/';
}
