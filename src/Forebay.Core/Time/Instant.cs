namespace Forebay.Core.Time;

/// <summary>
/// A point in time with two parts that never mix: a monotonic part for buckets, latencies and deadlines, and a wall
/// part for windows, schedules and prices. Decisions take it as a value; nothing in Core reads a clock.
/// </summary>
/// <param name="MonotonicNs">Nanoseconds on a clock that never goes back; its zero is arbitrary.</param>
/// <param name="WallUnixMs">Milliseconds since 1970-01-01 UTC; may jump when the machine's clock is set.</param>
public readonly record struct Instant(long MonotonicNs, long WallUnixMs)
{
    public const long NsPerMs = 1_000_000;
    public const long NsPerSecond = 1_000_000_000;

    /// <summary>The wall part as UTC.</summary>
    public DateTimeOffset Wall => DateTimeOffset.FromUnixTimeMilliseconds(WallUnixMs);

    /// <summary>Reads both parts from the caller's clock.</summary>
    public static Instant From(TimeProvider time) =>
        new(MonotonicNsOf(time), time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Reads the monotonic part alone: half the cost where the wall does not matter.</summary>
    public static long MonotonicNsOf(TimeProvider time)
    {
        // Frequency is 1e9 on Linux, so the division is exact there; elsewhere it is scaled.
        long stamp = time.GetTimestamp();
        return time.TimestampFrequency == NsPerSecond
            ? stamp
            : (long)((Int128)stamp * NsPerSecond / time.TimestampFrequency);
    }

    /// <summary>Time from <paramref name="earlier"/> to this on the monotonic clock, in milliseconds.</summary>
    public double MsSince(Instant earlier) => (MonotonicNs - earlier.MonotonicNs) / (double)NsPerMs;

    /// <summary>This instant moved by <paramref name="span"/>; both parts move.</summary>
    public Instant Plus(TimeSpan span) =>
        new(MonotonicNs + span.Ticks * 100, WallUnixMs + span.Ticks / TimeSpan.TicksPerMillisecond);
}
