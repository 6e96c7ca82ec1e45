namespace Forebay.Emulator.Wire;

/// <summary>
/// Readable text that means nothing: a ring of words, each with its space a whole number of four-byte tokens, so that
/// any number of tokens is a slice of it. Plain lower-case ASCII: it needs no escaping in JSON.
/// </summary>
internal static class Filler
{
    private const int RingTokens = 16_384;

    private static readonly string[] Words =
    [
        "the", "and", "for", "one", "two", "all", "out", "now", "new", "day", "sea", "air", "sun", "ice", "far", "own",
        "way", "map", "end", "run", "set", "low", "sum", "key", "arc", "bay", "dam", "tap", "oar", "hub", "sky", "log",
        "current", "channel", "gateway", "station", "turbine", "harbour", "outflow", "measure", "balance", "reserve",
        "quarter", "evening", "morning", "weather", "gravity", "passage", "surface", "pattern", "network", "horizon",
        "between", "through", "another", "towards", "against", "written", "counted", "carried", "waiting", "flowing",
    ];

    private static readonly byte[] Ring = MakeRing();

    /// <summary>The text of tokens <paramref name="from"/> on, as many of <paramref name="count"/> as lie together.
    /// </summary>
    public static ReadOnlySpan<byte> Slice(ulong seed, int from, int count)
    {
        int start = (int)((seed + (ulong)from) % RingTokens);
        return Ring.AsSpan(start * 4, Math.Min(count, RingTokens - start) * 4);
    }

    private static byte[] MakeRing()
    {
        var ring = new byte[RingTokens * 4];
        int at = 0;
        for (ulong i = 0; at < ring.Length; i++)
        {
            string word = Words[Mixing.Mix(i, 7) % (ulong)Words.Length];
            word = word.Length + 1 > ring.Length - at ? "end" : word;
            foreach (char c in word)
            {
                ring[at++] = (byte)c;
            }

            ring[at++] = (byte)' ';
        }

        return ring;
    }
}
