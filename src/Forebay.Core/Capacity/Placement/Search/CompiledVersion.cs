using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>A build with its speed in replicas of the version's best build.</summary>
internal readonly record struct CompiledBuild(PlacementBuild Source, double Speed);

/// <summary>A pool that a build fits, whatever else is there.</summary>
internal readonly record struct PoolFit(int Pool, int Build, int Slot);

/// <summary>
/// A version as the search sees it: classes of demand as bits, demand in replicas of its best build, and the pools
/// that may ever hold it.
/// </summary>
internal sealed class CompiledVersion
{
    /// <summary>Classes that one mask holds.</summary>
    private const int MaxClasses = 64;

    private readonly double[] _worth;
    private readonly double _inputMix;
    private readonly double _outputMix;
    private readonly double _referenceBusy;

    private CompiledVersion(PlacementVersion source, PlacementProblem problem, ImmutableArray<PlacementDemand> demands)
    {
        Source = source;
        Demands = demands;
        Classes = demands.Length;
        int hours = problem.Terms.HorizonHours;
        int sites = problem.Sites.Length;
        (_inputMix, _outputMix) = MixOf(demands, hours);
        double[] busy = [.. source.Builds.Select(b => Busy(b.PrefillTokensPerSecond, b.DecodeTokensPerSecond))];
        ReferenceBuild = Cheapest(source.Builds, busy);
        _referenceBusy = busy.Length == 0 ? 1 : busy[ReferenceBuild];
        Builds = [.. source.Builds.Select((b, i) => new CompiledBuild(b, _referenceBusy / busy[i]))];
        ReferenceUsd = Builds.Length == 0 ? 0
            : problem.Terms.ServedUsdPerAcceleratorHour * source.Weight
                * Builds[ReferenceBuild].Source.AcceleratorsPerReplica;
        Demand = new double[Classes * hours];
        DemandByHour = new double[hours];
        TotalByClass = new double[Classes];
        SiteMask = new ulong[sites];
        _worth = new double[sites * Classes];
        CompileDemand(problem);
        CompileSites(problem);
    }

    public PlacementVersion Source { get; }

    /// <summary>The classes of its demand, by bit.</summary>
    public ImmutableArray<PlacementDemand> Demands { get; }

    public int Classes { get; }

    public CompiledBuild[] Builds { get; }

    /// <summary>The build that serves most per accelerator: the unit of demand and capacity.</summary>
    public int ReferenceBuild { get; }

    /// <summary>US dollars that an hour of one reference replica's work is worth.</summary>
    public double ReferenceUsd { get; }

    /// <summary>By class, then hour; reserve included.</summary>
    public double[] Demand { get; }

    public double[] DemandByHour { get; }

    public double[] TotalByClass { get; }

    /// <summary>By site: the classes that may be served there.</summary>
    public ulong[] SiteMask { get; }

    /// <summary>In order of pool, then build.</summary>
    public PoolFit[] Fits { get; private set; } = [];

    /// <summary>What serving a class at a site is worth beside serving it next door.</summary>
    public double WorthOf(int site, int demandClass) => _worth[site * Classes + demandClass];

    public static CompiledVersion Compile(
        PlacementVersion source, PlacementProblem problem, ImmutableArray<PlacementDemand> demands)
    {
        var compiled = new CompiledVersion(source, problem, Merge(demands, problem.Sites.Length));
        var fits = new List<PoolFit>();
        for (int p = 0; p < problem.Pools.Length; p++)
        {
            compiled.AddFits(problem.Pools[p], p, fits);
        }

        compiled.Fits = [.. fits];
        return compiled;
    }

    /// <summary>Takes in pools that changed, came or went at the end; what is left of the list stays.</summary>
    public void FollowPools(ImmutableArray<PlacementPool> pools, HashSet<int> changed)
    {
        var fits = new List<PoolFit>(Fits.Length + changed.Count);
        int next = 0;
        foreach (int pool in changed.Order())
        {
            for (; next < Fits.Length && Fits[next].Pool < pool; next++)
            {
                fits.Add(Fits[next]);
            }

            while (next < Fits.Length && Fits[next].Pool == pool)
            {
                next++;
            }

            if (pool < pools.Length)
            {
                AddFits(pools[pool], pool, fits);
            }
        }

        fits.AddRange(Fits[next..]);
        Fits = [.. fits];
    }

    /// <summary>The fit of a build and a pool; null where they do not go together.</summary>
    public PoolFit? FitOf(int pool, string build)
    {
        int low = 0;
        int high = Fits.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = Fits[middle].Pool < pool ? (middle + 1, high) : (low, middle);
        }

        for (; low < Fits.Length && Fits[low].Pool == pool; low++)
        {
            if (Builds[Fits[low].Build].Source.Id == build)
            {
                return Fits[low];
            }
        }

        return null;
    }

    /// <summary>Speed of other capacity for it, in reference replicas.</summary>
    public double SpeedOf(double prefillTokensPerSecond, double decodeTokensPerSecond) =>
        _referenceBusy / Busy(prefillTokensPerSecond, decodeTokensPerSecond);

    /// <summary>What keeps a pool from ever holding it; <see cref="PlacementExclusion.None"/> for nothing.</summary>
    public PlacementExclusion ExclusionOf(PlacementPool pool)
    {
        PlacementExclusion nearest = PlacementExclusion.Accelerator;
        foreach (CompiledBuild build in Builds)
        {
            PlacementExclusion found = ExclusionOf(build.Source, pool);
            nearest = found > nearest ? found : nearest;
        }

        return nearest;
    }

    private PlacementExclusion ExclusionOf(PlacementBuild build, PlacementPool pool)
    {
        if (!string.Equals(build.AcceleratorType, pool.AcceleratorType, StringComparison.OrdinalIgnoreCase))
        {
            return PlacementExclusion.Accelerator;
        }

        if (pool.UsableMemoryGb > 0 && build.MemoryGb > pool.UsableMemoryGb * build.AcceleratorsPerReplica)
        {
            return PlacementExclusion.Memory;
        }

        return build.AcceleratorsPerReplica > pool.InterconnectDomain ? PlacementExclusion.Domain
            : !At(Source.MayRun, pool.Site) ? PlacementExclusion.Export
            : SiteMask[pool.Site] != 0 || Classes == 0 ? PlacementExclusion.None
            : Demands.Any(d => At(d.MayServe, pool.Site)) ? PlacementExclusion.Latency
            : PlacementExclusion.Residency;
    }

    private void AddFits(PlacementPool pool, int index, List<PoolFit> fits)
    {
        for (int b = 0; b < Builds.Length; b++)
        {
            PlacementBuild build = Builds[b].Source;
            if (ExclusionOf(build, pool) == PlacementExclusion.None)
            {
                int slot = InterconnectSlots.For(build.AcceleratorsPerReplica, pool.InterconnectDomain);
                fits.Add(new PoolFit(index, b, slot));
            }
        }
    }

    /// <summary>Busy time of a replica for the version's mix of prompts and answers decides how builds
    /// compare.</summary>
    private double Busy(double prefill, double decode) => _inputMix / prefill + _outputMix / decode;

    private static (double Input, double Output) MixOf(ImmutableArray<PlacementDemand> demands, int hours)
    {
        const double UsualInput = 3;
        double input = 0;
        double output = 0;
        foreach (PlacementDemand demand in demands)
        {
            for (int h = 0; h < hours; h++)
            {
                input += At(demand.InputTokensPerSecond, h);
                output += At(demand.OutputTokensPerSecond, h);
            }
        }

        return input + output > 0 ? (input / (input + output), output / (input + output))
            : (UsualInput / (UsualInput + 1), 1 / (UsualInput + 1));
    }

    private static int Cheapest(ImmutableArray<PlacementBuild> builds, double[] busy)
    {
        int cheapest = 0;
        for (int b = 1; b < busy.Length; b++)
        {
            if (busy[b] * builds[b].AcceleratorsPerReplica < busy[cheapest] * builds[cheapest].AcceleratorsPerReplica)
            {
                cheapest = b;
            }
        }

        return cheapest;
    }

    private void CompileDemand(PlacementProblem problem)
    {
        if (Builds.Length == 0)
        {
            return;
        }

        PlacementBuild reference = Builds[ReferenceBuild].Source;
        double scale = Source.Share * (1 + problem.Terms.ReserveShare);
        for (int c = 0; c < Classes; c++)
        {
            for (int h = 0; h < DemandByHour.Length; h++)
            {
                double replicas = scale
                    * (At(Demands[c].InputTokensPerSecond, h) / reference.PrefillTokensPerSecond
                        + At(Demands[c].OutputTokensPerSecond, h) / reference.DecodeTokensPerSecond);
                Demand[c * DemandByHour.Length + h] = replicas;
                DemandByHour[h] += replicas;
                TotalByClass[c] += replicas;
            }
        }
    }

    private void CompileSites(PlacementProblem problem)
    {
        for (int s = 0; s < problem.Sites.Length; s++)
        {
            for (int c = 0; c < Classes; c++)
            {
                ImmutableArray<double> trips = problem.Sites[s].RoundTripMs;
                int region = Demands[c].Region;
                double trip = (uint)region < (uint)trips.Length ? trips[region] : 0;
                double part = trip / Source.TimeToFirstTokenMs;
                _worth[s * Classes + c] = 1 - problem.Terms.LatencyWeight * Math.Min(1, part);
                if (part < 1 && At(Source.MayRun, s) && At(Demands[c].MayServe, s))
                {
                    SiteMask[s] |= 1UL << c;
                }
            }
        }
    }

    /// <summary>More classes than a mask has bits become one that may only go where all of them may.</summary>
    private static ImmutableArray<PlacementDemand> Merge(ImmutableArray<PlacementDemand> demands, int sites)
    {
        if (demands.Length <= MaxClasses)
        {
            return demands;
        }

        PlacementDemand[] ordered = [.. demands.OrderByDescending(d => d.OutputTokensPerSecond.Sum())];
        PlacementDemand[] rest = ordered[(MaxClasses - 1)..];
        int hours = rest.Max(d => Math.Max(d.InputTokensPerSecond.Length, d.OutputTokensPerSecond.Length));
        var merged = new PlacementDemand
        {
            Model = rest[0].Model,
            Region = rest[0].Region,
            Label = $"{rest.Length} smaller classes",
            MayServe = [.. Enumerable.Range(0, sites).Select(s => rest.All(d => At(d.MayServe, s)))],
            InputTokensPerSecond =
                [.. Enumerable.Range(0, hours).Select(h => rest.Sum(d => At(d.InputTokensPerSecond, h)))],
            OutputTokensPerSecond =
                [.. Enumerable.Range(0, hours).Select(h => rest.Sum(d => At(d.OutputTokensPerSecond, h)))],
        };
        return [.. ordered[..(MaxClasses - 1)], merged];
    }

    private static double At(ImmutableArray<double> hours, int hour) =>
        hours.IsEmpty ? 0 : hours[Math.Min(hour, hours.Length - 1)];

    private static bool At(ImmutableArray<bool> sites, int site) => (uint)site < (uint)sites.Length && sites[site];
}
