using System.Collections.Immutable;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;

namespace Forebay.Core.Capacity;

/// <summary>What a model can serve and serves.</summary>
/// <param name="Id">The model.</param>
/// <param name="Places">Requests that its deployments hold at once: the sum of their max_concurrency.</param>
/// <param name="InFlight">Requests in flight.</param>
public sealed record ModelHeadroom(string Id, long Places, long InFlight)
{
    /// <summary>Places left; below zero right after a loss or a reload that took places away.</summary>
    public long Free => Places - InFlight;
}

/// <summary>A model that a residency policy could still have served before a loss, and could no longer after
/// it.</summary>
public sealed record ResidencyGap(string Policy, string Model);

/// <summary>What the loss of one concentration group would mean.</summary>
/// <param name="Group">Id of the group, or of the provider.</param>
/// <param name="IsProvider">Whether the group is a provider by itself.</param>
/// <param name="Deployments">Served deployments that would be lost.</param>
/// <param name="Places">Places that would be lost, over all models.</param>
/// <param name="LostModels">Models with no deployment left.</param>
/// <param name="ShortModels">Models with deployments left whose places are fewer than the requests now in
/// flight.</param>
/// <param name="ResidencyGaps">Models that a policy's tenants could no longer call, though others could.</param>
public sealed record GroupLoss(
    string Group,
    bool IsProvider,
    int Deployments,
    long Places,
    ImmutableArray<string> LostModels,
    ImmutableArray<string> ShortModels,
    ImmutableArray<ResidencyGap> ResidencyGaps)
{
    public bool Survived => LostModels.IsEmpty && ShortModels.IsEmpty && ResidencyGaps.IsEmpty;
}

/// <summary>
/// The fleet in a few numbers: what there is, how much of it is free, and whether the loss of any one concentration
/// group would be survived. Capacity here is places (max_concurrency), not yet a curve per latency objective.
/// </summary>
/// <param name="Providers">Providers.</param>
/// <param name="Sites">Sites.</param>
/// <param name="Pools">Pools.</param>
/// <param name="Deployments">Deployments, served or not.</param>
/// <param name="NotServed">Deployments without an endpoint, and those that are withdrawn.</param>
/// <param name="ServedByBacking">Served deployments by what stands behind them; every backing is there.</param>
/// <param name="AcceleratorsByProvider">Accelerators that may be counted on (low ends), per provider, in file order.
/// </param>
/// <param name="Models">Headroom per served model, in file order.</param>
/// <param name="Losses">One entry per concentration group and per provider that serves anything.</param>
public sealed record FleetSummary(
    int Providers,
    int Sites,
    int Pools,
    int Deployments,
    int NotServed,
    ImmutableSortedDictionary<Backing, int> ServedByBacking,
    ImmutableArray<(string Provider, decimal Accelerators)> AcceleratorsByProvider,
    ImmutableArray<ModelHeadroom> Models,
    ImmutableArray<GroupLoss> Losses)
{
    /// <summary>Whether the loss of any one group would be survived; false where nothing is served.</summary>
    public bool SurvivesAnyLoss => Models.Length > 0 && Losses.All(l => l.Survived);

    /// <summary>Places left over all models.</summary>
    public long Free => Models.Sum(m => m.Free);

    /// <summary>Places over all models.</summary>
    public long Places => Models.Sum(m => m.Places);

    /// <summary>
    /// Sums a fleet up. Cost: groups x policies x served deployments.
    /// </summary>
    /// <param name="fleet">The snapshot.</param>
    /// <param name="inFlight">Requests in flight by <see cref="Deployment.Index"/>; what it does not reach counts none.
    /// </param>
    public static FleetSummary Of(FleetModel fleet, ReadOnlySpan<int> inFlight)
    {
        var demand = new int[fleet.Deployments.Length];
        inFlight[..Math.Min(inFlight.Length, demand.Length)].CopyTo(demand);
        ImmutableArray<Deployment> served = [.. fleet.Deployments.Where(d => d.IsServed)];
        FleetConfig config = fleet.Config;
        return new FleetSummary(
            config.Providers.Length,
            config.Sites.Length,
            config.Pools.Length,
            fleet.Deployments.Length,
            fleet.Deployments.Length - served.Length,
            Enum.GetValues<Backing>().ToImmutableSortedDictionary(b => b, b => served.Count(d => d.Backing == b)),
            CountAccelerators(config),
            [.. fleet.Models.Where(m => !m.Deployments.IsEmpty).Select(m => HeadroomOf(m, demand))],
            [.. GroupsOf(served).Select(g => LossDrill.Lose(fleet, served, demand, g.Id, g.IsProvider))]);
    }

    /// <summary>The groups a deployment falls with: its provider, its provider's groups and its site's.</summary>
    public static bool IsIn(Deployment deployment, string group, bool isProvider) => isProvider
        ? deployment.Provider.Id == group
        : Array.IndexOf(deployment.Provider.ConcentrationGroups, group) >= 0
            || Array.IndexOf(deployment.Site.ConcentrationGroups, group) >= 0;

    private static ModelHeadroom HeadroomOf(ServedModel model, int[] demand) => new(
        model.Id,
        model.Deployments.Sum(d => (long)d.Config.MaxConcurrency),
        model.Deployments.Sum(d => (long)demand[d.Index]));

    private static IEnumerable<(string Id, bool IsProvider)> GroupsOf(ImmutableArray<Deployment> served) =>
        served.Select(d => (d.Provider.Id, true))
            .Concat(served.SelectMany(d => d.Provider.ConcentrationGroups.Concat(d.Site.ConcentrationGroups))
                .Select(g => (g, false)))
            .Distinct();

    private static ImmutableArray<(string, decimal)> CountAccelerators(FleetConfig config)
    {
        var sites = config.Sites.ToDictionary(s => s.Id, s => s.Provider);
        ILookup<string, decimal> counts = config.Pools
            .Where(p => p.Accelerators is not null)
            .ToLookup(p => sites[p.Site], p => p.Accelerators!.Count.Low);
        return [.. config.Providers.Select(p => (p.Id, counts[p.Id].Sum()))];
    }
}
