namespace Forebay.Simulation.Replay.Reports;

/// <summary>
/// Counts times in buckets that grow by a constant ratio: any percentile is within 1% of the exact one, in 10 kB
/// however many are recorded, and two histograms add up. Not safe for concurrent callers.
/// </summary>
/// <remarks>Masson, Rim and Lee, "DDSketch", VLDB 2019, section 2.1; its range is fixed, so nothing collapses.
/// </remarks>
public sealed class LatencyHistogram
{
    /// <summary>Largest relative error of a percentile.</summary>
    public const double RelativeError = 0.01;

    /// <summary>Shorter times count as this: a microsecond.</summary>
    public const double SmallestMs = 1e-3;

    /// <summary>Longer times count as this: four days.</summary>
    public const double LargestMs = 4 * 24 * 3_600_000.0;

    private const double Ratio = (1 + RelativeError) / (1 - RelativeError);
    private static readonly double BucketsPerLog = 1 / Math.Log(Ratio);
    private static readonly int BucketCount = IndexOf(LargestMs) + 1;

    private readonly long[] _buckets = new long[BucketCount];

    public long Count { get; private set; }

    /// <summary>The largest time recorded, exact; 0 when there is none.</summary>
    public double MaxMs { get; private set; }

    public double SumMs { get; private set; }

    /// <summary>The mean, exact; 0 when there is none.</summary>
    public double MeanMs => Count == 0 ? 0 : SumMs / Count;

    /// <summary>Records one time in milliseconds.</summary>
    public void Record(double ms)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ms);
        _buckets[IndexOf(Math.Clamp(ms, SmallestMs, LargestMs))]++;
        Count++;
        SumMs += ms;
        MaxMs = Math.Max(MaxMs, ms);
    }

    /// <summary>
    /// The time that the given share (0 to 1] of all recorded ones does not pass (nearest rank), in milliseconds; 0
    /// when there is none. O(buckets).
    /// </summary>
    public double Percentile(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        if (rank >= Count)
        {
            return MaxMs;
        }

        long seen = 0;
        int i = -1;
        while (seen < rank)
        {
            seen += _buckets[++i];
        }

        // A bucket's end is Ratio times its start; this point is at most RelativeError from either.
        double start = SmallestMs * Math.Pow(Ratio, i - 1);
        return Math.Min(2 * start * Ratio / (1 + Ratio), MaxMs);
    }

    /// <summary>Adds all that another histogram recorded.</summary>
    public void Add(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (int i = 0; i < _buckets.Length; i++)
        {
            _buckets[i] += other._buckets[i];
        }

        Count += other.Count;
        SumMs += other.SumMs;
        MaxMs = Math.Max(MaxMs, other.MaxMs);
    }

    /// <summary>Bucket i holds times from above SmallestMs Ratio^(i-1) to SmallestMs Ratio^i.</summary>
    private static int IndexOf(double ms) => (int)Math.Ceiling(Math.Log(ms / SmallestMs) * BucketsPerLog);
}
