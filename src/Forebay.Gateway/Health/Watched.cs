using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols.Metrics;

namespace Forebay.Gateway.Health;

/// <summary>What is kept of one deployment between two looks. Touched by one look at a time.</summary>
internal sealed class Watched
{
    private EngineSample _last;
    private long _lastNs;
    private bool _hasLast;

    /// <summary>The upstream that was last looked at: another one under the same id starts anew.</summary>
    public Upstream? Seen { get; set; }

    /// <summary>The configuration that was looked at.</summary>
    public DeploymentHealthConfig? Config { get; set; }

    public long NextNs { get; set; }

    /// <summary>A look is under way.</summary>
    public bool Busy;

    /// <summary>The endpoint has no such path: what was not configured is not insisted on.</summary>
    public bool NoProbe { get; set; }

    public bool NoMetrics { get; set; }

    public void StartAnew()
    {
        NoProbe = NoMetrics = _hasLast = false;
    }

    /// <summary>Makes a report of a reading and the one before it.</summary>
    public EngineReport ReportOf(in EngineSample now, long nowNs)
    {
        double seconds = (nowNs - _lastNs) / (double)Instant.NsPerSecond;
        double queries = Grown(now.PrefixQueries, _last.PrefixQueries);
        double hits = Grown(now.PrefixHits, _last.PrefixHits);
        var report = new EngineReport(
            nowNs,
            Known(now.Running) ?? 0,
            Known(now.Waiting) ?? 0,
            Known(now.KvUsageShare),
            queries > 0 && hits >= 0 ? Math.Min(1, hits / queries) : Known(now.PrefixHitShare),
            Rate(Grown(now.PromptTokens, _last.PromptTokens), seconds),
            Known(now.GenerationTokensPerSecond) ?? Rate(Grown(now.GenerationTokens, _last.GenerationTokens), seconds))
        {
            KvCapacityTokens = Known(now.KvCapacityTokens),
        };
        _last = now;
        _lastNs = nowNs;
        _hasLast = true;
        return report;
    }

    private static double? Known(double value) => double.IsNaN(value) ? null : value;

    private static double? Rate(double grown, double seconds) =>
        double.IsNaN(grown) || seconds <= 0 ? null : grown / seconds;

    /// <summary>What a counter grew by; NaN for the first reading and after the engine started anew.</summary>
    private double Grown(double now, double before) => _hasLast && now >= before ? now - before : double.NaN;
}
