using System.Diagnostics.Metrics;
using System.Globalization;

namespace Forebay.Control.Telemetry;

/// <summary>Upper bounds of histogram buckets: the instrument's advice, else defaults by unit.</summary>
internal static class HistogramBounds
{
    // From a cached first token to a long generation.
    private static readonly double[] Seconds =
    [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500,
    ];

    private static readonly double[] Milliseconds = [.. Seconds.Select(s => s * 1000)];

    // Tokens, bytes and other sizes: powers of four up to 16 Mi.
    private static readonly double[] Sizes = [.. Enumerable.Range(0, 13).Select(i => Math.Pow(4, i))];

    public static double[] Of(Instrument instrument) => Advised(instrument) ?? instrument.Unit switch
    {
        "s" => Seconds,
        "ms" => Milliseconds,
        _ => Sizes,
    };

    private static double[]? Advised(Instrument instrument) => instrument switch
    {
        Histogram<double> h => Clean(h.Advice?.HistogramBucketBoundaries),
        Histogram<long> h => Clean(h.Advice?.HistogramBucketBoundaries),
        Histogram<int> h => Clean(h.Advice?.HistogramBucketBoundaries),
        Histogram<float> h => Clean(h.Advice?.HistogramBucketBoundaries),
        Histogram<decimal> h => Clean(h.Advice?.HistogramBucketBoundaries),
        Histogram<short> h => Clean(h.Advice?.HistogramBucketBoundaries),
        Histogram<byte> h => Clean(h.Advice?.HistogramBucketBoundaries),
        _ => null,
    };

    private static double[]? Clean<T>(IReadOnlyList<T>? advised) where T : IConvertible => advised is null
        ? null
        : [.. advised.Select(b => b.ToDouble(CultureInfo.InvariantCulture)).Where(double.IsFinite).Distinct().Order()];
}
