using Forebay.Core.Serving.Links;
using Forebay.Core.Time;

namespace Forebay.Executors.Weights;

/// <summary>
/// What transfers take of one site's link: each asks before it reads on, and waits its turn, so that all together stay
/// within the link's share and each gets the same.
/// </summary>
internal sealed class SiteLink(string site, WeightsOptions options, TimeProvider time)
{
    /// <summary>Most bytes granted at a time: a fiftieth of a second on a gigabyte a second.</summary>
    public const int MostGranted = 1 << 18;

    private const double GrantSeconds = 0.1;
    private const int LeastGranted = 1024;
    private readonly Lock _lock = new();
    private long _freeNs = long.MinValue;

    /// <summary>The link's schedule now: a reload may have changed it.</summary>
    public LinkSchedule Schedule => options.LinkOf(site);

    /// <summary>Bytes per second for all transfers together, now.</summary>
    public double Rate => options.Share.RateOf(Link, options.TrafficOf(site));

    public LinkState Link => Schedule.At(time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Waits for the right to read some bytes.</summary>
    /// <param name="wantedBytes">At most so many.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>How many; 0 when the link is down.</returns>
    public async ValueTask<int> TakeAsync(long wantedBytes, CancellationToken cancel)
    {
        double rate = Rate;
        if (rate <= 0)
        {
            return 0;
        }

        int granted = (int)Math.Min(wantedBytes, MostGranted);
        if (double.IsInfinity(rate))
        {
            return granted;
        }

        granted = (int)Math.Min(granted, Math.Max(LeastGranted, rate * GrantSeconds));
        long now = Instant.MonotonicNsOf(time);
        long wait;
        lock (_lock)
        {
            long begin = Math.Max(now, _freeNs);
            _freeNs = begin + (long)(granted / rate * Instant.NsPerSecond);
            wait = begin - now;
        }

        if (wait > 0)
        {
            await Task.Delay(TimeSpan.FromTicks(wait / 100 + 1), time, cancel).ConfigureAwait(false);
        }

        return granted;
    }
}
