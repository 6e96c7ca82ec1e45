namespace Forebay.Control.Telemetry;

/// <summary>How a metric is exposed.</summary>
internal enum MetricKind : byte
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>
/// One labelled series. Recording is wait-free for whole numbers and a compare-and-swap on this series alone for
/// fractions; no two series share anything.
/// </summary>
internal sealed class MetricSeries
{
    private readonly double[]? _bounds;
    private readonly long[]? _buckets;
    private long _whole;
    private double _fraction;
    private long _seen;

    /// <param name="labels">Sorted by name; legal label names.</param>
    /// <param name="bounds">Upper bounds of a histogram's buckets, ascending; null for a counter or gauge.</param>
    public MetricSeries(KeyValuePair<string, string>[] labels, double[]? bounds)
    {
        Labels = labels;
        _bounds = bounds;
        _buckets = bounds is null ? null : new long[bounds.Length + 1];
    }

    public KeyValuePair<string, string>[] Labels { get; }

    /// <summary>The collection an observable last reported in; series it no longer reports are left out.</summary>
    public long SeenInCollection => Volatile.Read(ref _seen);

    /// <summary>Sum of a counter, value of a gauge, sum of a histogram.</summary>
    public double Value => Volatile.Read(ref _fraction) + Volatile.Read(ref _whole);

    public ReadOnlySpan<double> Bounds => _bounds;

    /// <summary>Count of one bucket, not cumulative; the last one has no upper bound.</summary>
    public long BucketCount(int index) => Volatile.Read(ref _buckets![index]);

    public void Add(long amount) => Interlocked.Add(ref _whole, amount);

    public void Add(double amount)
    {
        double seen = Volatile.Read(ref _fraction);
        double found;
        while ((found = Interlocked.CompareExchange(ref _fraction, seen + amount, seen)) != seen
            && !double.IsNaN(found))
        {
            seen = found;
        }
    }

    public void Set(double value, long collection)
    {
        Volatile.Write(ref _whole, 0);
        Volatile.Write(ref _fraction, value);
        Volatile.Write(ref _seen, collection);
    }

    /// <summary>Adds one observation; a value that is no number is left out, since it would spoil the sum for good.
    /// </summary>
    public void Observe(double value)
    {
        if (double.IsNaN(value))
        {
            return;
        }

        int index = Array.BinarySearch(_bounds!, value);
        Interlocked.Increment(ref _buckets![index < 0 ? ~index : index]);
        Add(value);
    }
}
