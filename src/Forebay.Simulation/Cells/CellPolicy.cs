using Forebay.Core.Serving.Routing;

namespace Forebay.Simulation.Cells;

/// <summary>How a cell is routed.</summary>
/// <param name="Policy">The router's policy.</param>
/// <param name="ReadsCaches">Whether it is told what the engines' caches truly hold in place of what it has noted
/// itself: no router can know that, which makes it the measure of what knowing is worth.</param>
public sealed record CellPolicy(RoutingPolicy Policy, bool ReadsCaches = false)
{
    /// <summary>Every policy that can be compared, the product's own first.</summary>
    public static IReadOnlyList<CellPolicy> All { get; } =
    [
        new(RoutingPolicy.Predictive),
        new(RoutingPolicy.Predictive, ReadsCaches: true),
        new(RoutingPolicy.RoundRobin),
        new(RoutingPolicy.LeastLoaded),
        new(RoutingPolicy.PowerOfTwo),
        new(RoutingPolicy.CacheAware),
    ];

    /// <summary>The word for it in arguments and tables.</summary>
    public string Name => (ReadsCaches, Policy) switch
    {
        (true, _) => "oracle",
        (_, RoutingPolicy.Predictive) => "predictive",
        (_, RoutingPolicy.RoundRobin) => "round-robin",
        (_, RoutingPolicy.LeastLoaded) => "least-loaded",
        (_, RoutingPolicy.PowerOfTwo) => "power-of-two",
        (_, RoutingPolicy.CacheAware) => "cache-aware",
        _ => throw new InvalidOperationException($"Policy {Policy} has no name."),
    };

    /// <summary>Finds a policy by its word, with - or _; null when there is none.</summary>
    public static CellPolicy? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string asked = name.Replace('_', '-');
        return All.FirstOrDefault(p => p.Name.Equals(asked, StringComparison.OrdinalIgnoreCase));
    }
}
