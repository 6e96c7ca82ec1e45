using System.Collections.Immutable;

namespace Forebay.Demo;

/// <summary>What requests saw in a span of time.</summary>
/// <param name="Answered">Answered right.</param>
/// <param name="Limited">Refused by the tenants' own limits.</param>
/// <param name="Bad">Failed or answered wrong.</param>
/// <param name="FirstTokenP50Ms">Median time to the first token.</param>
/// <param name="FirstTokenP95Ms">95th percentile of it.</param>
/// <param name="TokensPerSecond">Output tokens a second.</param>
public sealed record DemoFigures(
    int Answered, int Limited, int Bad, double FirstTokenP50Ms, double FirstTokenP95Ms, double TokensPerSecond)
{
    public static DemoFigures Of(IEnumerable<DemoSample> samples, TimeSpan from, TimeSpan to)
    {
        DemoSample[] within = [.. samples.Where(s => s.At >= from && s.At < to)];
        ImmutableArray<double> first =
            [.. within.Where(s => s.Ended == DemoEnd.Right).Select(s => s.FirstTokenMs).Order()];
        return new DemoFigures(
            first.Length,
            within.Count(s => s.Ended == DemoEnd.Limited),
            within.Count(s => s.Ended is DemoEnd.Failed or DemoEnd.Wrong),
            Quantile(first, 0.5),
            Quantile(first, 0.95),
            within.Sum(s => s.Tokens) / Math.Max(0.001, (to - from).TotalSeconds));
    }

    private static double Quantile(ImmutableArray<double> sorted, double share) =>
        sorted.IsEmpty ? double.NaN : sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
}
