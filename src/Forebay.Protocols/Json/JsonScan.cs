using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Forebay.Protocols.Json;

/// <summary>
/// Passes over the text of a JSON string 32 bytes at a time. Code in a prompt has an escape every dozen bytes, so what
/// counts is what each of them costs: the ordinary ones (<c>\n</c>, <c>\"</c>, ...) are counted on the bits of the
/// block that is loaded already, all of a block at once where the processor can look bytes up in a table, and only
/// <c>\u</c> goes back to the caller.
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
            var bytes = Vector256.LoadUnsafe(ref text, (nuint)at);
            uint stops = Stops(bytes);
            int taken = Vector256<byte>.Count;
            if (stops != 0 && Avx2.IsSupported && TryPassEscapes(bytes, stops, ref saved, ref taken))
            {
                at += taken;
                continue;
            }

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

    /// <summary>
    /// Passes over a block in which every stop is part of an ordinary escape and no backslash follows another. A
    /// backslash that stands last is left for the next block.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryPassEscapes(Vector256<byte> bytes, uint stops, ref int saved, ref int taken)
    {
        const uint Last = 1u << 31;
        uint backslashes = Vector256.Equals(bytes, Vector256.Create((byte)'\\')).ExtractMostSignificantBits();
        uint whole = backslashes & ~Last;
        uint escaped = backslashes << 1;
        if ((backslashes & escaped) != 0 || (stops & ~backslashes & ~escaped) != 0
            || (escaped & ~Letters(bytes)) != 0)
        {
            return false;
        }

        saved += BitOperations.PopCount(whole);
        taken -= (int)(backslashes >> 31);
        return true;
    }

    /// <summary>A bit for each byte that makes an escape by itself: its low half picks the high halves that go with it
    /// (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019, section 3.1.2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Letters(Vector256<byte> bytes)
    {
        // Bits: 1 for 0x2_, 2 for 0x5_, 4 for 0x6_, 8 for 0x7_.
        var low = Vector128.Create((byte)0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
        var high = Vector128.Create((byte)0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
        Vector256<byte> byLow = Avx2.Shuffle(Vector256.Create(low, low), bytes & Vector256.Create((byte)0x0F));
        Vector256<byte> byHigh = Avx2.Shuffle(
            Vector256.Create(high, high), (bytes.AsUInt16() >> 4).AsByte() & Vector256.Create((byte)0x0F));
        return ~Vector256.Equals(byLow & byHigh, Vector256<byte>.Zero).ExtractMostSignificantBits();
    }

    /// <summary>A bit for each quote, backslash and control character.</summary>
    private static uint Stops(Vector256<byte> bytes) => (Vector256.Equals(bytes, Vector256.Create((byte)'"'))
        | Vector256.Equals(bytes, Vector256.Create((byte)'\\'))
        | Vector256.Equals(Vector256.Min(bytes, Vector256.Create((byte)0x1F)), bytes)).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsEscapeLetter(byte letter) => letter >= '@'
        ? letter < 128 && (EscapeLetters >> (letter - '@') & 1) != 0
        : letter is (byte)'"' or (byte)'/';
}
