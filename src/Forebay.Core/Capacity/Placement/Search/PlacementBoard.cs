namespace Forebay.Core.Capacity.Placement;

/// <summary>Replicas that a step starts together: like ones on one pool.</summary>
internal sealed class Lot
{
    public required int Version { get; init; }

    public required PoolFit Fit { get; init; }

    public required int Count { get; set; }

    public required int From { get; init; }

    public required int Until { get; init; }

    public required double ReadySeconds { get; init; }

    public required PlacementCause Cause { get; init; }

    public required PlacementTerms Terms { get; init; }
}

/// <summary>A replica that stands, as the search sees it.</summary>
internal sealed class Standing
{
    public required PlacementReplica Source { get; init; }

    public required int Version { get; init; }

    public required PoolFit Fit { get; init; }

    public required double ReadySeconds { get; init; }

    /// <summary>Hour at whose beginning its pool has no accelerators for it.</summary>
    public int Until { get; set; }

    /// <summary>Whether it was started long enough ago to go.</summary>
    public required bool MayGo { get; init; }

    /// <summary>Why it goes; null while it stays.</summary>
    public PlacementCause? Leaves { get; set; }

    public PlacementTerms Terms { get; set; }
}

/// <summary>
/// What a step works on: who holds what in every hour, who serves what, what is left. Every change goes through it and
/// can be taken back.
/// </summary>
internal sealed class PlacementBoard
{
    private readonly double[] _backlogBytes;
    private readonly Dictionary<(int Version, int Site), double> _transfers = [];
    private readonly HashSet<(int Version, int Pool)> _refused = [];
    private readonly HashSet<(int Version, int Pool)> _barred = [];
    private readonly double[] _fractions;

    private readonly double[] _leastHoldUsd;
    private readonly double[] _leastChangeUsd;

    /// <param name="problem">The problem.</param>
    /// <param name="clock">Its hours.</param>
    /// <param name="seed">Decides between what is equal otherwise.</param>
    /// <param name="before">The board of the step before, which is not used any more; what it found of versions that
    /// are the same is kept as far as it holds.</param>
    public PlacementBoard(CompiledProblem problem, HorizonClock clock, ulong seed, PlacementBoard? before = null)
    {
        Problem = problem;
        Clock = clock;
        Seed = seed;
        PlacementProblem source = problem.Source;
        Room = new PoolRoom(source.Pools, clock.Hours);
        Flows =
        [
            .. problem.Versions.Select((v, i) => i < before?.Flows.Length && before.Flows[i].IsOf(v, clock.Hours)
                ? before.Flows[i].Begin(clock.Weights)
                : new DemandFlow(v, clock.Weights)),
        ];
        _leastHoldUsd =
        [
            .. problem.Versions.Select(v => Math.Max(0, source.Terms.FreeUsdPerAcceleratorHour)
                * v.Fits.Select(f => f.Slot).DefaultIfEmpty(0).Min()),
        ];
        _leastChangeUsd =
        [
            .. problem.Versions.Select(v => source.Terms.ChangeUsdPerAccelerator
                * v.Builds.Select(b => b.Source.AcceleratorsPerReplica).DefaultIfEmpty(0).Min()),
        ];
        Spreads = [.. problem.Versions.Select(v => new SpreadCount(v.Source, problem))];
        _backlogBytes = [.. source.Sites.Select(s => s.BacklogBytes)];
        _fractions = new double[clock.Hours];
        GroupRoom = new double[problem.GroupOf.Count];
        Array.Fill(GroupRoom, double.PositiveInfinity);
        foreach (GroupRoom room in source.Rooms)
        {
            if (problem.GroupOf.TryGetValue(room.Group, out int group))
            {
                GroupRoom[group] = Math.Min(GroupRoom[group], room.Accelerators);
            }
        }

        foreach (PoolBar bar in source.Barred)
        {
            if (problem.VersionOf.TryGetValue((bar.Model, bar.Version), out int version)
                && problem.PoolOf.TryGetValue(bar.Pool, out int pool))
            {
                _barred.Add((version, pool));
            }
        }

        StandingOf = [.. problem.Versions.Select(_ => new List<Standing>())];
    }

    public CompiledProblem Problem { get; }

    public PlacementConfig Terms => Problem.Source.Terms;

    public HorizonClock Clock { get; }

    public ulong Seed { get; }

    public PoolRoom Room { get; }

    public DemandFlow[] Flows { get; }

    public SpreadCount[] Spreads { get; }

    /// <summary>Accelerators that each group may still take.</summary>
    public double[] GroupRoom { get; }

    /// <summary>What stands, by version.</summary>
    public List<Standing>[] StandingOf { get; }

    /// <summary>What is started.</summary>
    public List<Lot> Lots { get; } = [];

    /// <summary>For whom accelerators are being drained.</summary>
    public List<PlacementPromise> Promises { get; } = [];

    /// <summary>Replicas started, over all lots.</summary>
    public int Started { get; private set; }

    /// <summary>Replicas that name nothing of the problem, or what does not go together in it.</summary>
    public List<(PlacementReplica Replica, PlacementCause Cause)> Lost { get; } = [];

    public CompiledVersion Version(int version) => Problem.Versions[version];

    public PlacementPool Pool(int pool) => Problem.Source.Pools[pool];

    /// <summary>Seconds until a version's weights are at a site, were they asked for now.</summary>
    public double TransferSeconds(int version, int site)
    {
        if (_transfers.TryGetValue((version, site), out double known))
        {
            return known;
        }

        double rate = Problem.Source.Sites[site].WeightBytesPerSecond;
        return rate <= 0 ? 0 : (_backlogBytes[site] + Version(version).Source.WeightsBytes) / rate;
    }

    /// <summary>Says when a version's weights are at a site; the earliest word holds.</summary>
    public void Expect(int version, int site, double seconds)
    {
        if (!_transfers.TryGetValue((version, site), out double known) || seconds < known)
        {
            _transfers[(version, site)] = seconds;
        }
    }

    /// <summary>The part of each hour that a replica serves; valid until the next call.</summary>
    public ReadOnlySpan<double> Fractions(int pool, double readySeconds, int until)
    {
        PlacementSite site = Problem.Source.Sites[Pool(pool).Site];
        Clock.Fractions(readySeconds, until, site.UpShareByHour.AsSpan(), _fractions);
        return _fractions;
    }

    /// <summary>What a replica holds over its lease, in US dollars.</summary>
    public double HoldUsd(PoolFit fit, int from, int until) => fit.Slot * Clock.Span(from, until)
        * (Pool(fit.Pool).UsdPerAcceleratorHour + Terms.FreeUsdPerAcceleratorHour);

    /// <summary>Whether one more replica of a version could gain more than it costs anywhere: a bound that costs
    /// nothing beside looking.</summary>
    public bool MayGain(int version) => Flows[version].AnyUnmet
        && Flows[version].MostNetUsd(_leastHoldUsd[version], _leastChangeUsd[version]) > 0;

    public double ChangeUsd(int version, PoolFit fit) =>
        Terms.ChangeUsdPerAccelerator * Version(version).Builds[fit.Build].Source.AcceleratorsPerReplica;

    /// <summary>What a version's served demand is worth, in US dollars.</summary>
    public double WorthUsd(int version) => Flows[version].Worth() * Version(version).ReferenceUsd;

    /// <summary>Has a version never look at a pool again in this step.</summary>
    public void Refuse(int version, int pool) => _refused.Add((version, pool));

    public bool IsRefused(int version, int pool) =>
        (_refused.Count > 0 && _refused.Contains((version, pool))) || IsBarred(version, pool);

    /// <summary>Whether what was started of a version on a pool failed there.</summary>
    public bool IsBarred(int version, int pool) => _barred.Count > 0 && _barred.Contains((version, pool));

    /// <summary>Adds capacity that is not placement's.</summary>
    public void LoadFixed(int version, int site, double replicas)
    {
        Clock.Fractions(0, Clock.Hours, Problem.Source.Sites[site].UpShareByHour.AsSpan(), _fractions);
        Flows[version].Load(site, replicas, _fractions);
    }

    public bool GroupsHave(int pool, int accelerators)
    {
        foreach (int group in Problem.GroupsOf[pool])
        {
            if (GroupRoom[group] < accelerators)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Starts replicas: takes their accelerators, their weights' time on the link, and serves with
    /// them.</summary>
    public Lot Start(int version, Pick pick, int count, PlacementCause cause)
    {
        CompiledVersion of = Version(version);
        int site = Pool(pick.Fit.Pool).Site;
        if (!_transfers.ContainsKey((version, site)))
        {
            _transfers[(version, site)] = pick.Terms.TransferSeconds;
            _backlogBytes[site] += of.Source.WeightsBytes;
        }

        var lot = new Lot
        {
            Version = version,
            Fit = pick.Fit,
            Count = count,
            From = pick.From,
            Until = pick.Until,
            ReadySeconds = pick.ReadySeconds,
            Cause = cause,
            Terms = pick.Terms,
        };
        Lots.Add(lot);
        Count(lot, count);
        Flows[version].Add(
            site, count * of.Builds[pick.Fit.Build].Speed, Fractions(pick.Fit.Pool, pick.ReadySeconds, pick.Until));
        return lot;
    }

    /// <summary>Takes a start back, or a part of it. Time on the link stays taken: it was only foreseen too
    /// late.</summary>
    public void Unstart(Lot lot, int count)
    {
        lot.Count -= count;
        Count(lot, -count);
        if (lot.Count == 0)
        {
            Lots.Remove(lot);
        }

        Flows[lot.Version].Load(
            Pool(lot.Fit.Pool).Site,
            -count * Version(lot.Version).Builds[lot.Fit.Build].Speed,
            Fractions(lot.Fit.Pool, lot.ReadySeconds, lot.Until));
        Flows[lot.Version].Renew();
    }

    /// <summary>Takes back all that is planned for later.</summary>
    public void ForgetLater()
    {
        foreach (Lot lot in Lots.Where(l => l.From > 0).ToArray())
        {
            Unstart(lot, lot.Count);
        }
    }

    /// <summary>Begins to drain what stands. Its accelerators are free only once it is gone: nothing is placed on them
    /// in this step.</summary>
    public void Drain(Standing standing, PlacementCause cause, PlacementTerms terms)
    {
        standing.Leaves = cause;
        standing.Terms = terms;
        Leave(standing);
        Flows[standing.Version].Renew();
    }

    /// <summary>Takes a drain back.</summary>
    public void Undrain(Standing standing)
    {
        standing.Leaves = null;
        Return(standing);
        Flows[standing.Version].Renew();
    }

    /// <summary>Takes a replica out of what is counted; the flow is to be renewed after it.</summary>
    public void Leave(Standing standing)
    {
        Spreads[standing.Version].Add(standing.Fit.Pool, -1);
        Flows[standing.Version].Load(Pool(standing.Fit.Pool).Site, -SpeedOf(standing), FractionsOf(standing));
    }

    /// <summary>Puts it back; the flow is to be renewed after it.</summary>
    public void Return(Standing standing)
    {
        Spreads[standing.Version].Add(standing.Fit.Pool, 1);
        Flows[standing.Version].Load(Pool(standing.Fit.Pool).Site, SpeedOf(standing), FractionsOf(standing));
    }

    public double SpeedOf(Standing standing) => Version(standing.Version).Builds[standing.Fit.Build].Speed;

    public ReadOnlySpan<double> FractionsOf(Standing standing) =>
        Fractions(standing.Fit.Pool, standing.ReadySeconds, standing.Until);

    /// <summary>A number that differs from seed to seed, for choices that are equal otherwise.</summary>
    public ulong Tie(int version, int pool)
    {
        // SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
        ulong z = Seed + 0x9E3779B97F4A7C15 * (((ulong)version << 32) + (ulong)pool + 1);
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }

    private void Count(Lot lot, int count)
    {
        if (lot.From == 0)
        {
            Started += count;
            Spreads[lot.Version].Add(lot.Fit.Pool, count);
        }

        Room.Take(lot.Fit.Pool, count * lot.Fit.Slot, lot.From, lot.Until);
        foreach (int group in Problem.GroupsOf[lot.Fit.Pool])
        {
            GroupRoom[group] -= count * lot.Fit.Slot;
        }
    }
}
