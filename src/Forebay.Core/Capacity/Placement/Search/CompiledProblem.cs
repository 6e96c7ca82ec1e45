using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// A problem with its names turned into numbers. What is the same object as in the problem before is taken over: the
/// pools that fit each version are the dear part, and a changed pool changes one entry of each.
/// </summary>
internal sealed class CompiledProblem
{
    private CompiledProblem(PlacementProblem source) => Source = source;

    public PlacementProblem Source { get; }

    public CompiledVersion[] Versions { get; private set; } = [];

    public Dictionary<(string Model, string Version), int> VersionOf { get; private set; } = [];

    public Dictionary<string, int> PoolOf { get; private set; } = [];

    public Dictionary<string, int> SiteOf { get; private set; } = [];

    /// <summary>By pool: its groups, by number.</summary>
    public int[][] GroupsOf { get; private set; } = [];

    public Dictionary<string, int> GroupOf { get; private set; } = [];

    /// <summary>Compiles a problem. Cost: versions x (pools x builds + sites x classes), or, with the problem before,
    /// what changed.</summary>
    public static CompiledProblem Compile(PlacementProblem problem, CompiledProblem? before)
    {
        var compiled = new CompiledProblem(problem);
        if (before is not null && before.Source.Pools == problem.Pools)
        {
            (compiled.PoolOf, compiled.GroupsOf, compiled.GroupOf) = (before.PoolOf, before.GroupsOf, before.GroupOf);
        }
        else
        {
            compiled.CompilePools();
        }

        compiled.SiteOf = before is not null && before.Source.Sites == problem.Sites
            ? before.SiteOf
            : Positions(problem.Sites, s => s.Id);
        compiled.CompileVersions(before);
        return compiled;
    }

    private void CompilePools()
    {
        PoolOf = Positions(Source.Pools, p => p.Id);
        GroupsOf = [.. Source.Pools.Select(p => p.Groups.Distinct().Select(GroupNumber).Order().ToArray())];
    }

    private int GroupNumber(string group)
    {
        if (!GroupOf.TryGetValue(group, out int number))
        {
            GroupOf.Add(group, number = GroupOf.Count);
        }

        return number;
    }

    private void CompileVersions(CompiledProblem? before)
    {
        ILookup<string, PlacementDemand> demands = Source.Demands.ToLookup(d => d.Model, StringComparer.Ordinal);
        bool known = before is not null && before.Source.Sites == Source.Sites && before.Source.Terms == Source.Terms;
        HashSet<int> changed = known ? ChangedPools(before!.Source.Pools, Source.Pools) : [];
        Versions = new CompiledVersion[Source.Versions.Length];
        VersionOf = new Dictionary<(string, string), int>(Versions.Length);
        for (int v = 0; v < Versions.Length; v++)
        {
            PlacementVersion version = Source.Versions[v];
            ImmutableArray<PlacementDemand> asked = [.. demands[version.Model]];
            CompiledVersion? same = known && v < before!.Versions.Length
                && ReferenceEquals(before.Versions[v].Source, version)
                && Same(before.Versions[v].Demands, asked) ? before.Versions[v] : null;
            if (same is not null && changed.Count > 0)
            {
                same.FollowPools(Source.Pools, changed);
            }

            Versions[v] = same ?? CompiledVersion.Compile(version, Source, asked);
            VersionOf[(version.Model, version.Version)] = v;
        }
    }

    private static bool Same(ImmutableArray<PlacementDemand> a, ImmutableArray<PlacementDemand> b)
    {
        if (a.Length != b.Length)
        {
            return false;
        }

        for (int i = 0; i < a.Length; i++)
        {
            if (!ReferenceEquals(a[i], b[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static HashSet<int> ChangedPools(ImmutableArray<PlacementPool> before, ImmutableArray<PlacementPool> now)
    {
        var changed = new HashSet<int>();
        for (int p = 0; p < Math.Max(before.Length, now.Length); p++)
        {
            if (p >= before.Length || p >= now.Length || !ReferenceEquals(before[p], now[p]))
            {
                changed.Add(p);
            }
        }

        return changed;
    }

    private static Dictionary<string, int> Positions<T>(ImmutableArray<T> entries, Func<T, string> id)
    {
        var positions = new Dictionary<string, int>(entries.Length, StringComparer.Ordinal);
        for (int i = 0; i < entries.Length; i++)
        {
            positions.TryAdd(id(entries[i]), i);
        }

        return positions;
    }
}
