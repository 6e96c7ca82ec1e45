using Forebay.Core.Time;

namespace Forebay.Emulator.Engine;

/// <summary>The engines' clock: real time since the start, times the scale.</summary>
internal sealed class ModelClock(TimeProvider time, double scale)
{
    private readonly long _startNs = Instant.From(time).MonotonicNs;

    public TimeProvider Time { get; } = time;

    public Instant Now
    {
        get
        {
            Instant real = Instant.From(Time);
            return new Instant(ToModelNs(real.MonotonicNs - _startNs), real.WallUnixMs);
        }
    }

    public long ToModelNs(long realNs) => (long)(realNs * scale);

    /// <summary>Real time until a model time, rounded up to the timer's millisecond, never zero.</summary>
    public TimeSpan RealUntil(long modelNs, Instant now)
    {
        double realMs = (modelNs - now.MonotonicNs) / scale / Instant.NsPerMs;
        return TimeSpan.FromMilliseconds(Math.Clamp(Math.Ceiling(realMs), 1, 86_400_000));
    }

    /// <summary>Waits a span of model time.</summary>
    public Task DelayAsync(double modelMs, CancellationToken cancellation)
    {
        var span = TimeSpan.FromMilliseconds(modelMs / scale);
        return span <= TimeSpan.Zero ? Task.CompletedTask : Task.Delay(span, Time, cancellation);
    }
}
