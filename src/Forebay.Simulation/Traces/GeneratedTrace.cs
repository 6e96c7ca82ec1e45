namespace Forebay.Simulation.Traces;

/// <summary>
/// Generates a trace from its published shape: bursty arrivals, and lengths that follow the stated percentiles exactly
/// over a full run whatever the seed. The same shape and seed give the same trace on every machine.
/// </summary>
public static class GeneratedTrace
{
    private const ulong ArrivalDraws = 1UL << 62;
    private const ulong InputDeck = ArrivalDraws + 1;
    private const ulong OutputDeck = ArrivalDraws + 2;

    /// <summary>
    /// All requests of a run in order of arrival. O(n) time; holds 16 bytes a request while enumerating.
    /// </summary>
    public static IEnumerable<TraceRequest> Generate(TraceShape shape, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentOutOfRangeException.ThrowIfLessThan(shape.Requests, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(shape.InterarrivalCv, 1);

        double[] arrivals = Arrivals(shape, seed);
        int[] inputDeck = Shuffled(shape.Requests, seed, InputDeck);
        int[] outputDeck = Shuffled(shape.Requests, seed, OutputDeck);
        for (int i = 0; i < shape.Requests; i++)
        {
            var draw = new SplitMix64(seed, (ulong)i);
            yield return new TraceRequest(
                arrivals[i],
                Length(shape.InputTokens, inputDeck[i] + draw.NextDouble(), shape.Requests),
                Length(shape.OutputTokens, outputDeck[i] + draw.NextDouble(), shape.Requests));
        }
    }

    /// <summary>
    /// Times between requests are hyperexponential with balanced means, the simplest law with a coefficient of
    /// variation above 1 (Tijms, "Stochastic Models", appendix B), then stretched so that the run takes exactly its
    /// stated time.
    /// </summary>
    private static double[] Arrivals(TraceShape shape, ulong seed)
    {
        double cv2 = shape.InterarrivalCv * shape.InterarrivalCv;
        double oftenShare = 0.5 * (1 + Math.Sqrt((cv2 - 1) / (cv2 + 1)));
        var draw = new SplitMix64(seed, ArrivalDraws);
        double[] at = new double[shape.Requests];
        for (int i = 1; i < at.Length; i++)
        {
            double share = draw.NextDouble() < oftenShare ? oftenShare : 1 - oftenShare;
            at[i] = at[i - 1] - Math.Log(1 - draw.NextDouble()) / (2 * share);
        }

        double stretch = shape.Duration.TotalSeconds / at[^1];
        for (int i = 0; i < at.Length; i++)
        {
            at[i] *= stretch;
        }

        return at;
    }

    /// <summary>
    /// Each request draws one of n equal slices of the distribution, as a card from a shuffled deck: every slice is
    /// drawn once, so the sample's mean and percentiles do not wander with the seed.
    /// </summary>
    private static int Length(Quantiles lengths, double card, int cards) =>
        (int)Math.Round(lengths.At(card / cards), MidpointRounding.AwayFromZero);

    private static int[] Shuffled(int count, ulong seed, ulong number)
    {
        var draw = new SplitMix64(seed, number);
        int[] deck = new int[count];
        for (int i = 0; i < count; i++)
        {
            int j = draw.NextInt(i + 1);
            deck[i] = deck[j];
            deck[j] = i;
        }

        return deck;
    }
}
