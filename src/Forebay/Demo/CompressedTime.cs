namespace Forebay.Demo;

/// <summary>A clock that runs a number of times as fast as the machine's, from the moment it was made: contracts, ramps
/// and leases go by it in a demonstration, while requests, engines and usage go by the real one.</summary>
/// <param name="factor">Seconds of it in a real one.</param>
/// <param name="real">The real one.</param>
/// <param name="start">What it says when it is made; what the real one says when left out.</param>
public sealed class CompressedTime(double factor, TimeProvider real, DateTimeOffset? start = null) : TimeProvider
{
    /// <summary>Timers of the system count in milliseconds: one of less would be none.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly DateTimeOffset _wall = start ?? real.GetUtcNow();
    private readonly DateTimeOffset _realWall = real.GetUtcNow();
    private readonly long _stamp = real.GetTimestamp();

    /// <summary>What it says, or said, when the real one says a time.</summary>
    public DateTimeOffset Of(DateTimeOffset realTime) => _wall + (realTime - _realWall) * factor;

    /// <summary>Seconds of this clock in a real one.</summary>
    public double Factor => factor;

    public override long TimestampFrequency => real.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => _wall + real.GetElapsedTime(_stamp) * factor;

    public override long GetTimestamp() => _stamp + (long)((real.GetTimestamp() - _stamp) * factor);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Scaled(real.CreateTimer(callback, state, Real(dueTime), Real(period)), this);

    private TimeSpan Real(TimeSpan time) => time == Timeout.InfiniteTimeSpan || time == TimeSpan.Zero ? time
        : time / factor is { } scaled && scaled > Shortest ? scaled
        : Shortest;

    private sealed class Scaled(ITimer timer, CompressedTime time) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(time.Real(dueTime), time.Real(period));

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
