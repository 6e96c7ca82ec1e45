namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// How far a version is from what stands whatever the demand: its minimum, the minimum after the loss of any one
/// concentration group, replicas that share no group, and one in each market.
/// </summary>
internal sealed class SpreadCount(PlacementVersion version, CompiledProblem problem)
{
    /// <summary>What is missing counts before how it could be missing after a loss.</summary>
    private const int Primary = 10_000;

    private readonly SortedDictionary<int, int> _byPool = [];
    private readonly Dictionary<int, int> _byGroup = [];
    private readonly int[] _byMarket = new int[version.Markets.Length];
    private readonly HashSet<int> _independentGroups = [];
    private int _independent;
    private bool _fresh = true;

    public bool AsksNothing => version is { MinimumReplicas: 0, Markets.IsEmpty: true };

    public int Total { get; private set; }

    public bool StandsOn(int pool) => _byPool.ContainsKey(pool);

    public void Add(int pool, int replicas)
    {
        Total += replicas;
        int now = _byPool.GetValueOrDefault(pool) + replicas;
        if (now == 0)
        {
            _byPool.Remove(pool);
        }
        else
        {
            _byPool[pool] = now;
        }

        foreach (int group in problem.GroupsOf[pool])
        {
            _byGroup[group] = _byGroup.GetValueOrDefault(group) + replicas;
        }

        for (int m = 0; m < _byMarket.Length; m++)
        {
            _byMarket[m] += In(m, pool) ? replicas : 0;
        }

        _fresh = false;
    }

    /// <summary>How much is missing; 0 when all is there.</summary>
    public int Deficit() => AsksNothing ? 0 : Deficit(-1, 0);

    /// <summary>How much would be missing with one replica more on a pool, or one less.</summary>
    public int DeficitWith(int pool, int replicas) => AsksNothing ? 0 : Deficit(pool, replicas);

    /// <summary>What is missing, in words.</summary>
    public IEnumerable<string> Missing()
    {
        if (Total < version.MinimumReplicas)
        {
            yield return $"{Total} of {version.MinimumReplicas} replicas";
        }

        if (version.MinimumGroups > 1)
        {
            Freshen();
            if (_independent < version.MinimumGroups)
            {
                yield return $"{_independent} of {version.MinimumGroups} replicas that share no concentration group";
            }

            int left = Survivors(-1, 0, out _);
            if (Total >= version.MinimumReplicas && left < version.MinimumReplicas)
            {
                yield return $"the loss of one group would leave {left} of {version.MinimumReplicas} replicas";
            }
        }

        for (int m = 0; m < _byMarket.Length; m++)
        {
            if (_byMarket[m] == 0)
            {
                yield return $"no replica where {version.Markets[m].Id} allows one";
            }
        }
    }

    private int Deficit(int pool, int replicas)
    {
        int missing = Math.Max(0, version.MinimumReplicas - Total - replicas);
        int shortfalls = 0;
        if (version.MinimumGroups > 1)
        {
            int left = Survivors(pool, replicas, out shortfalls);
            missing += Math.Max(0, version.MinimumReplicas - left);
            missing += Math.Max(0, version.MinimumGroups - IndependentWith(pool, replicas));
        }

        for (int m = 0; m < _byMarket.Length; m++)
        {
            missing += _byMarket[m] + (pool >= 0 && In(m, pool) ? replicas : 0) > 0 ? 0 : 1;
        }

        return missing * Primary + Math.Min(shortfalls, Primary - 1);
    }

    /// <summary>Replicas left after the loss of the group that takes most; how many are missing over all
    /// groups.</summary>
    private int Survivors(int pool, int replicas, out int shortfalls)
    {
        int total = Total + replicas;
        int most = 0;
        shortfalls = 0;
        int[] changed = pool < 0 ? [] : problem.GroupsOf[pool];
        foreach ((int group, int count) in _byGroup)
        {
            int there = count + (Array.IndexOf(changed, group) >= 0 ? replicas : 0);
            most = Math.Max(most, there);
            shortfalls += there > 0 ? Math.Max(0, version.MinimumReplicas - total + there) : 0;
        }

        foreach (int group in changed)
        {
            if (!_byGroup.ContainsKey(group))
            {
                most = Math.Max(most, replicas);
                shortfalls += Math.Max(0, version.MinimumReplicas - total + replicas);
            }
        }

        return total - most;
    }

    private int IndependentWith(int pool, int replicas)
    {
        Freshen();
        if (pool < 0 || replicas == 0)
        {
            return _independent;
        }

        return replicas > 0
            ? _independent + (problem.GroupsOf[pool].Any(_independentGroups.Contains) ? 0 : 1)
            : CountIndependent(_byPool.GetValueOrDefault(pool) + replicas <= 0 ? pool : -1, null);
    }

    private void Freshen()
    {
        if (!_fresh)
        {
            _independentGroups.Clear();
            _independent = CountIndependent(-1, _independentGroups);
            _fresh = true;
        }
    }

    /// <summary>Counts pools that share no group, those with the fewest groups first: at least a part of the most there
    /// could be, and never more.</summary>
    private int CountIndependent(int without, HashSet<int>? groups)
    {
        groups ??= [];
        int count = 0;
        foreach (int pool in _byPool.Keys.Where(p => p != without)
            .OrderBy(p => problem.GroupsOf[p].Length).ThenBy(p => p))
        {
            if (!problem.GroupsOf[pool].Any(groups.Contains))
            {
                groups.UnionWith(problem.GroupsOf[pool]);
                count++;
            }
        }

        return count;
    }

    private bool In(int market, int pool)
    {
        int site = problem.Source.Pools[pool].Site;
        return (uint)site < (uint)version.Markets[market].Sites.Length && version.Markets[market].Sites[site];
    }
}
