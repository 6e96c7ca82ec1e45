namespace Forebay.Emulator;

/// <summary>A 64-bit mix by folded multiplication: even, quick, the same on every machine. Not cryptographic.</summary>
internal static class Mixing
{
    private const ulong First = 0x9E3779B97F4A7C15;
    private const ulong Second = 0xD6E8FEB86659FD93;

    public static ulong Mix(ulong a, ulong b)
    {
        ulong high = Math.BigMul(a ^ First, b ^ Second, out ulong low);
        return high ^ low ^ (a + First);
    }
}
