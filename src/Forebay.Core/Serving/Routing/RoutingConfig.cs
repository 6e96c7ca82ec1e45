using Forebay.Core.Config;

namespace Forebay.Core.Serving.Routing;

/// <summary>How a deployment is chosen among those that may serve a request.</summary>
public enum RoutingPolicy : byte
{
    /// <summary>Least predicted time to first token, then time per token, then marginal price.</summary>
    Predictive,

    /// <summary>Each in turn.</summary>
    RoundRobin,

    /// <summary>The smallest share of places taken.</summary>
    LeastLoaded,

    /// <summary>The less loaded of two picked at random (Mitzenmacher, 2001).</summary>
    PowerOfTwo,

    /// <summary>Where most of the prompt is cached, unless loads are out of balance: as in SGLang's router.</summary>
    CacheAware,
}

/// <summary>How requests find their deployment. Takes effect with the next request.</summary>
public sealed record RoutingConfig
{
    [ConfigKey("predictive, round_robin, least_loaded, power_of_two or cache_aware; the last four are for comparison.")]
    public RoutingPolicy Policy { get; init; } = RoutingPolicy.Predictive;

    [ConfigKey("Predicted times to first token that differ by no more than this share count as equal; then the time " +
        "per token decides, then the price.", Minimum = 0, Maximum = 10)]
    public double ToleranceShare { get; init; } = 0.05;

    [ConfigKey("Predicted times to first token that differ by no more than this count as equal, in milliseconds; so " +
        "do times of the rest of the answer.",
        Minimum = 0, Maximum = 60_000)]
    public double ToleranceMs { get; init; } = 2;

    [ConfigKey("Prompt blocks of 16 tokens whose place is remembered, over all deployments; about 50 bytes each.",
        Minimum = 1024, Maximum = 100_000_000, NeedsRestart = true)]
    public int PrefixBlocks { get; init; } = 1_000_000;
}
