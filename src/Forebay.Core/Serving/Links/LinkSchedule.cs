using Forebay.Core.Time;

namespace Forebay.Core.Serving.Links;

/// <summary>
/// A site's network as a function of wall time: constant, or steps that may repeat. Before its first step the first one
/// holds. Immutable; reading costs O(log steps).
/// </summary>
public sealed class LinkSchedule
{
    private const double BytesPerMegabit = 125_000;

    private readonly long _startUnixMs;
    private readonly long? _periodMs;
    private readonly long[] _atMs;
    private readonly LinkStepConfig[] _steps;

    private LinkSchedule(LinkStepConfig[] steps, long startUnixMs, long? periodMs)
    {
        _steps = steps;
        _startUnixMs = startUnixMs;
        _periodMs = periodMs;
        _atMs = [.. steps.Select(s => (long)(s.AtSeconds * 1000))];
    }

    /// <summary>Nothing in the way, for ever.</summary>
    public static LinkSchedule Ideal { get; } = Compile(null);

    /// <summary>Compiles what was configured; without steps it is constant.</summary>
    /// <param name="link">The site's link, its schedule file read already, or null.</param>
    public static LinkSchedule Compile(LinkConfig? link)
    {
        link ??= new LinkConfig();
        LinkStepConfig[] steps = link.Steps;
        if (steps.Length == 0)
        {
            var constant = new LinkStepConfig
            {
                AtSeconds = 0,
                LatencyMs = link.LatencyMs,
                BandwidthMbps = link.BandwidthMbps,
                Loss = link.Loss,
            };
            return new LinkSchedule([constant], 0, null);
        }

        return new LinkSchedule(
            steps, link.StartUnixMs ?? 0, link.RepeatSeconds is { } s ? (long)(s * 1000) : null);
    }

    /// <summary>Whether nothing is ever in the way, so that nobody needs to ask.</summary>
    public bool IsIdeal => _steps is [{ LatencyMs: 0, BandwidthMbps: null, Loss: 0, Available: true }];

    /// <summary>After how many milliseconds it begins again; null when it does not.</summary>
    public long? PeriodMs => _periodMs;

    /// <summary>The link at a wall time.</summary>
    public LinkState At(long wallUnixMs)
    {
        long since = wallUnixMs - _startUnixMs;
        long cycleStart = _startUnixMs;
        if (_periodMs is { } period)
        {
            long into = (since % period + period) % period;
            cycleStart = wallUnixMs - into;
            since = into;
        }

        int at = Array.BinarySearch(_atMs, since);
        at = Math.Max(0, at >= 0 ? at : ~at - 1);
        LinkStepConfig step = _steps[at];
        long until = at + 1 < _steps.Length ? cycleStart + _atMs[at + 1]
            : _periodMs is { } p ? cycleStart + p
            : long.MaxValue;
        return new LinkState(
            step.LatencyMs * Instant.NsPerMs / (1 - step.Loss),
            step.BandwidthMbps is { } mbps ? Instant.NsPerSecond / (mbps * BytesPerMegabit * (1 - step.Loss)) : 0,
            step.Available,
            NextOutage(at, cycleStart, wallUnixMs),
            until);
    }

    private long NextOutage(int at, long cycleStart, long wallUnixMs)
    {
        if (!_steps[at].Available)
        {
            return wallUnixMs;
        }

        for (int i = at + 1; i < _steps.Length; i++)
        {
            if (!_steps[i].Available)
            {
                return cycleStart + _atMs[i];
            }
        }

        int first = _periodMs is null ? -1 : Array.FindIndex(_steps, s => !s.Available);
        return first < 0 ? long.MaxValue : cycleStart + _periodMs!.Value + (first == 0 ? 0 : _atMs[first]);
    }
}
