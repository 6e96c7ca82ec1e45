using System.Collections.Immutable;
using System.Globalization;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Serving.Versions;

namespace Forebay.Core.Limits.Following;

/// <summary>
/// Accelerators that the ledger has and nothing stands on yet, of pools that placement fills: replicas follow demand,
/// so limits that waited for replicas would wait for ever. They are split over the classes of models in proportion to
/// what those hold on the pool, else in the fleet, among those that could run there; each class gets whole replicas. A
/// replica counts with what one of its class does on that pool, else with what placement reckons a build to do there.
/// </summary>
/// <param name="exports">Where models may run.</param>
public sealed class FreeCapacity(ExportMasks exports)
{
    private const double SecondsPerMinute = 60;

    /// <summary>A replica that could be started.</summary>
    private readonly record struct Unit(int Accelerators, CapacityLevel Level, bool IsMeasured);

    /// <summary>One source for each pool and class that may have some. Which there are, and how they share, does not
    /// depend on how much is free: so more of it never leaves a class with less.</summary>
    internal IEnumerable<CapacitySource> SourcesOf(
        FleetModel fleet,
        IReadOnlyCollection<StandingCapacity> standing,
        IReadOnlyDictionary<string, long> taken,
        Func<ServedModel, RequestShape> shapeOf,
        CapacityOutlook outlook)
    {
        ILookup<string, StandingCapacity> byPool = standing.ToLookup(
            s => s.Deployment.Pool.Id, StringComparer.Ordinal);
        Dictionary<string, long> inFleet = ByClass(standing);
        foreach (PoolConfig pool in fleet.Config.Pools.Where(p => p.Placement == PoolPlacement.Automatic))
        {
            if (outlook.Of(pool.Id, CapacityUnit.Accelerators) is not { } lane || !outlook.TakesMore(pool.Id))
            {
                continue;
            }

            SiteConfig site = fleet.Config.Sites.First(s => s.Id == pool.Site);
            ProviderConfig provider = fleet.Config.Providers.First(p => p.Id == site.Provider);
            Dictionary<string, Unit> units = UnitsOf(fleet, pool, site, byPool[pool.Id], shapeOf);
            Dictionary<string, double> shares = SharesOf(units.Keys, ByClass(byPool[pool.Id]), inFleet);
            foreach ((string modelClass, double share) in shares.OrderBy(s => s.Key, StringComparer.Ordinal))
            {
                Unit unit = units[modelClass];
                long stands = taken.GetValueOrDefault(pool.Id);
                CapacityLevel At(long there)
                {
                    long replicas = (long)(Math.Max(0, there - stands) * share / unit.Accelerators);
                    return new CapacityLevel(unit.Level.Input * replicas, unit.Level.Output * replicas);
                }

                yield return CapacitySource.Over(
                    $"{pool.Id} (free)",
                    modelClass,
                    FleetCapacity.GroupsOf(provider, site),
                    lane.FallsAtUnixMs is null ? null : hour => At(lane.ByHour[hour]),
                    At(lane.Now),
                    At(lane.Lasting)) with
                {
                    Basis = string.Create(CultureInfo.InvariantCulture,
                        $"{FleetCapacity.Words(lane, "accelerators")}, {stands} of them taken; ")
                        + string.Create(CultureInfo.InvariantCulture, $"{share:P0} of the rest, ")
                        + string.Create(CultureInfo.InvariantCulture, $"{unit.Accelerators} a replica, ")
                        + (unit.IsMeasured ? "as fast as those there" : "at the speed that placement reckons with"),
                };
            }
        }
    }

    private static Dictionary<string, long> ByClass(IEnumerable<StandingCapacity> standing) => standing
        .Where(s => s.Accelerators > 0)
        .GroupBy(s => s.Class, StringComparer.Ordinal)
        .ToDictionary(g => g.Key, g => g.Sum(s => s.Accelerators), StringComparer.Ordinal);

    private static Dictionary<string, double> SharesOf(
        IReadOnlyCollection<string> classes, Dictionary<string, long> onPool, Dictionary<string, long> inFleet)
    {
        foreach (Dictionary<string, long> weights in (Dictionary<string, long>[])[onPool, inFleet])
        {
            long sum = classes.Sum(c => weights.GetValueOrDefault(c));
            if (sum > 0)
            {
                return classes.Where(c => weights.GetValueOrDefault(c) > 0)
                    .ToDictionary(c => c, c => weights[c] / (double)sum, StringComparer.Ordinal);
            }
        }

        return classes.ToDictionary(c => c, _ => 1.0 / classes.Count, StringComparer.Ordinal);
    }

    /// <summary>For each class a replica of it on the pool: of those that stand there, the mean; else of the first
    /// model whose build would run there.</summary>
    private Dictionary<string, Unit> UnitsOf(
        FleetModel fleet,
        PoolConfig pool,
        SiteConfig site,
        IEnumerable<StandingCapacity> there,
        Func<ServedModel, RequestShape> shapeOf)
    {
        var units = new Dictionary<string, Unit>(StringComparer.Ordinal);
        foreach (IGrouping<string, StandingCapacity> own in there.Where(s => s.IsMeasure)
            .GroupBy(s => s.Class, StringComparer.Ordinal))
        {
            int accelerators = own.Max(s => s.Deployment.Config.AcceleratorsPerReplica);
            double each = accelerators / (double)own.Sum(s => s.Accelerators);
            units[own.Key] = new Unit(
                accelerators,
                new CapacityLevel(own.Sum(s => s.Rate.Input) * each, own.Sum(s => s.Rate.Output) * each),
                IsMeasured: true);
        }

        foreach (ServedModel model in fleet.Models)
        {
            string modelClass = model.LimitClass ?? TierMultipliers.Unclassed;
            if (!units.ContainsKey(modelClass) && ReckonedOf(model, pool, site, shapeOf(model)) is { } unit)
            {
                units[modelClass] = unit;
            }
        }

        return units;
    }

    private Unit? ReckonedOf(ServedModel model, PoolConfig pool, SiteConfig site, RequestShape shape)
    {
        if (pool.Accelerators is not { } held || AcceleratorCatalogue.BuiltIn.Find(held.Type) is not { } chip
            || !ExportRule.Allows(model.Config.Export, exports.Of(model.Id), site))
        {
            return null;
        }

        Unit? best = null;
        foreach (ModelBuildConfig build in model.Config.Versions.SelectMany(v => v.Builds)
            .Where(b => b.Accelerators.Contains(chip.Name)))
        {
            if (BuildPerformance.Of(model.Config, build, chip) is not { } speed)
            {
                continue;
            }

            double requests = SecondsPerMinute / (shape.UncachedTokens / speed.PrefillTokensPerSecond
                + shape.OutputTokens / speed.DecodeTokensPerSecond);
            var unit = new Unit(
                build.AcceleratorsPerReplica,
                new CapacityLevel(requests * shape.UncachedTokens, requests * shape.OutputTokens),
                IsMeasured: false);
            if (best is not { } b || unit.Level.Output / unit.Accelerators > b.Level.Output / b.Accelerators)
            {
                best = unit;
            }
        }

        return best;
    }
}
