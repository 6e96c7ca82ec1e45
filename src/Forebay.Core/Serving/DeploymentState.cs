using Forebay.Core.Errors;

namespace Forebay.Core.Serving;

/// <summary>
/// Live counters of one deployment, beside the snapshot: they survive a reload. All members are safe for concurrent
/// callers.
/// </summary>
public sealed class DeploymentState(string id)
{
    private int _inFlight;
    private long _started;
    private long _completed;
    private long _failed;
    private int _consecutiveFailures;
    private long _downUntilMonotonicNs = long.MinValue;
    private int _lastFailure;

    public string Id { get; } = id;

    public int InFlight => Volatile.Read(ref _inFlight);

    public long Started => Volatile.Read(ref _started);

    public long Completed => Volatile.Read(ref _completed);

    public long Failed => Volatile.Read(ref _failed);

    public Reason LastFailure => (Reason)Volatile.Read(ref _lastFailure);

    /// <summary>Monotonic time before which no request goes here unless nowhere else can take it.</summary>
    public long DownUntilMonotonicNs => Volatile.Read(ref _downUntilMonotonicNs);

    /// <summary>Takes a place if fewer than <paramref name="capacity"/> are taken: atomic, so racing requests never
    /// pass the bound.</summary>
    public bool TryEnter(int capacity)
    {
        int seen = Volatile.Read(ref _inFlight);
        while (seen < capacity)
        {
            int found = Interlocked.CompareExchange(ref _inFlight, seen + 1, seen);
            if (found == seen)
            {
                Interlocked.Increment(ref _started);
                return true;
            }

            seen = found;
        }

        return false;
    }

    /// <summary>Gives the place back.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _inFlight) < 0)
        {
            throw new InvalidOperationException($"Deployment {Id} was left more often than entered.");
        }
    }

    public void Succeeded()
    {
        Interlocked.Increment(ref _completed);
        Volatile.Write(ref _consecutiveFailures, 0);
    }

    /// <summary>
    /// Counts a failure that is the upstream's. Three in a row, or one that names a pause, take the deployment out for
    /// a while: 1 s doubling to 30 s, or the pause named.
    /// </summary>
    public void FailedWith(Reason reason, long nowMonotonicNs, TimeSpan? pause)
    {
        Interlocked.Increment(ref _failed);
        Volatile.Write(ref _lastFailure, (int)reason);
        int streak = Interlocked.Increment(ref _consecutiveFailures);
        TimeSpan down = pause
            ?? (streak < 3 ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(30, 1 << Math.Min(streak - 3, 5))));
        if (down > TimeSpan.Zero)
        {
            long until = nowMonotonicNs + down.Ticks * 100;
            Volatile.Write(ref _downUntilMonotonicNs, Math.Max(until, DownUntilMonotonicNs));
        }
    }
}
