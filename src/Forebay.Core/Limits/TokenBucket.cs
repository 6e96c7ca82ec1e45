using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>
/// A token bucket refilled continuously, lock-free, for many threads. It holds at most one minute of its rate and is
/// kept as one number: the monotonic time at which it would be full again (the generic cell rate algorithm, ITU-T I.371
/// annex A), so a check is one compare-and-swap.
/// </summary>
/// <remarks>
/// A reservation may be corrected afterwards by <see cref="Return"/> with either sign: a request that used more than it
/// reserved takes the bucket below zero by at most that difference, and the next ones wait until it has refilled.
/// </remarks>
public sealed class TokenBucket
{
    private const double WindowNs = 60.0 * Instant.NsPerSecond;

    /// <summary>Monotonic time at which the bucket is full; in the past when it is full now.</summary>
    private long _fullAtNs = long.MinValue / 2;

    /// <summary>
    /// Takes an amount if the bucket holds it.
    /// </summary>
    /// <param name="amount">Units to take, at most <paramref name="perMinute"/>.</param>
    /// <param name="perMinute">Rate and capacity of the bucket; may differ from call to call as limits change.</param>
    /// <param name="now">The present.</param>
    /// <param name="waitNs">Nanoseconds until the amount would be there, when refused.</param>
    public bool TryTake(long amount, long perMinute, Instant now, out long waitNs)
    {
        long cost = CostNs(amount, perMinute);
        long seen = Volatile.Read(ref _fullAtNs);
        while (true)
        {
            long start = Math.Max(seen, now.MonotonicNs);
            long next = start + cost;
            waitNs = next - now.MonotonicNs - (long)WindowNs;
            if (waitNs > 0)
            {
                return false;
            }

            long found = Interlocked.CompareExchange(ref _fullAtNs, next, seen);
            if (found == seen)
            {
                waitNs = 0;
                return true;
            }

            seen = found;
        }
    }

    /// <summary>Gives units back (positive) or takes units already used (negative); never refused. What is given back
    /// to a full bucket is lost.</summary>
    public void Return(long amount, long perMinute, Instant now)
    {
        long cost = -CostNs(amount, perMinute);
        long seen = Volatile.Read(ref _fullAtNs);
        while (cost != 0)
        {
            // A full bucket's time lies in the past: what is taken counts from now, not from then.
            long next = Math.Max(seen, now.MonotonicNs) + cost;
            long found = Interlocked.CompareExchange(ref _fullAtNs, next, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }

    /// <summary>Units left, negative when overdrawn.</summary>
    public long Remaining(long perMinute, Instant now)
    {
        long full = Volatile.Read(ref _fullAtNs);
        double missingNs = Math.Max(0, (double)full - now.MonotonicNs);
        return (long)Math.Floor(perMinute * (1 - missingNs / WindowNs));
    }

    /// <summary>Nanoseconds until the bucket is full.</summary>
    public long FullInNs(Instant now) => Math.Max(0, Volatile.Read(ref _fullAtNs) - now.MonotonicNs);

    private static long CostNs(long amount, long perMinute) => (long)Math.Round(amount * (WindowNs / perMinute));
}
