using Forebay.Core.Config;

namespace Forebay.Core.Serving.Health;

/// <summary>When deployments are left alone, how they come back, and how many requests they get meanwhile.</summary>
public sealed record HealthRulesConfig
{
    [ConfigKey("Failures in a row that take a deployment out.", Minimum = 1, Maximum = 1000)]
    public int ConsecutiveFailures { get; init; } = 5;

    [ConfigKey("Sliding window over which attempts are counted.", Minimum = 1, Maximum = 3600)]
    public double WindowSeconds { get; init; } = 30;

    [ConfigKey("Fewest attempts in the window before shares and comparisons count.", Minimum = 2, Maximum = 1_000_000)]
    public int MinRequests { get; init; } = 20;

    [ConfigKey("Share of failed attempts in the window that takes a deployment out.", Minimum = 0.01, Maximum = 1)]
    public double FailureShare { get; init; } = 0.5;

    [ConfigKey("How far a deployment's share of failures must lie above that of the model's other deployments before " +
        "it is taken out; 1 never compares.", Minimum = 0.01, Maximum = 1)]
    public double PeerFailureMargin { get; init; } = 0.2;

    [ConfigKey("How many times more than the model's other deployments a deployment must have slowed down, against " +
        "its own usual time to first token, before it is taken out.", Minimum = 1.5, Maximum = 1000)]
    public double PeerSlowdown { get; init; } = 5;

    [ConfigKey("Largest share of a model's places that may be taken out on evidence short of a dead deployment; one " +
        "may always go, the last one never.", Minimum = 0, Maximum = 1)]
    public double MaxEjectedShare { get; init; } = 0.5;

    [ConfigKey("Time out after the first opening; it doubles each time.", Minimum = 0.05, Maximum = 3600)]
    public double OpenSeconds { get; init; } = 2;

    [ConfigKey("Longest time out, but for account faults.", Minimum = 0.05, Maximum = 86400)]
    public double MaxOpenSeconds { get; init; } = 60;

    [ConfigKey("Time out after the provider refused the account (401, 402).", Minimum = 0.05, Maximum = 86400)]
    public double AccountOpenSeconds { get; init; } = 300;

    [ConfigKey("Requests at once that may try a deployment that is out or half open, and successes that let it " +
        "recover.", Minimum = 1, Maximum = 1000)]
    public int TrialRequests { get; init; } = 3;

    [ConfigKey("Time over which a recovering deployment gets its places back, from a tenth to all.", Minimum = 0,
        Maximum = 3600)]
    public double RampSeconds { get; init; } = 20;

    [ConfigKey("Fewest places that adaptive concurrency leaves a deployment.", Minimum = 1, Maximum = 1_000_000)]
    public int MinConcurrency { get; init; } = 4;

    [ConfigKey("How many times its unloaded time to first token a deployment may take before it gets fewer requests.",
        Minimum = 1.1, Maximum = 1000)]
    public double LatencyTolerance { get; init; } = 3;

    [ConfigKey("Time to first token beyond that multiple that is let pass.", Minimum = 0, Maximum = 600)]
    public double LatencySlackSeconds { get; init; } = 0.25;

    internal long WindowNs => Ns(WindowSeconds);

    internal long OpenNs => Ns(OpenSeconds);

    internal long MaxOpenNs => Ns(MaxOpenSeconds);

    internal long AccountOpenNs => Ns(AccountOpenSeconds);

    internal long RampNs => Ns(RampSeconds);

    private static long Ns(double seconds) => (long)(seconds * Time.Instant.NsPerSecond);
}

/// <summary>How one deployment is watched.</summary>
public sealed record DeploymentHealthConfig
{
    /// <summary>What turns a path off.</summary>
    public const string Off = "off";

    private const string PathPattern = "off|/.*";

    [ConfigKey("Path that active probes ask (GET, 2xx is healthy); off asks none. Left out: /health for engines, off " +
        "for a provider's API.", Pattern = PathPattern)]
    public string? ProbePath { get; init; }

    [ConfigKey("Path of the engine's Prometheus metrics (vLLM's, SGLang's, TGI's and llama.cpp's names); off reads " +
        "none. Left out: /metrics for engines, off for a provider's API.", Pattern = PathPattern)]
    public string? MetricsPath { get; init; }

    [ConfigKey("Time between two probes.", Minimum = 0.1, Maximum = 3600)]
    public double IntervalSeconds { get; init; } = 5;

    [ConfigKey("Time for a probe to be answered.", Minimum = 0.01, Maximum = 600)]
    public double TimeoutSeconds { get; init; } = 2;

    [ConfigKey("Failed probes in a row, with no request served meanwhile, that take the deployment out.", Minimum = 1,
        Maximum = 100)]
    public int UnhealthyAfter { get; init; } = 3;

    [ConfigKey("Good probes in a row, after failed ones, that let trial requests in early.", Minimum = 1,
        Maximum = 100)]
    public int HealthyAfter { get; init; } = 2;

    [ConfigKey("Whether the places given out follow the time to first token and the provider's 429s, below " +
        "max_concurrency.")]
    public bool Adaptive { get; init; } = true;
}
