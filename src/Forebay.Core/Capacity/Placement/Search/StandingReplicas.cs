namespace Forebay.Core.Capacity.Placement;

/// <summary>Step 1: puts what stands on the board, and sees what can stay.</summary>
internal static class StandingReplicas
{
    private const double MsPerSecond = 1000;
    private const double SecondsPerMinute = 60;
    private const double MinutesPerHour = 60;

    public static void Load(PlacementBoard board, PlacementState state, long nowUnixMs)
    {
        // 1. What is known of weights: where they are, and when they will be.
        foreach (HeldWeights held in state.Held)
        {
            if (board.Problem.VersionOf.TryGetValue((held.Model, held.Version), out int version)
                && board.Problem.SiteOf.TryGetValue(held.Site, out int site))
            {
                board.Expect(version, site, 0);
            }
        }

        // 2. Replicas by name; what names nothing is lost, and holds its accelerators until it is drained.
        var staying = new List<Standing>(state.Replicas.Length);
        var leaving = new List<(PlacementReplica Replica, int Pool)>();
        Names last = default;
        foreach (PlacementReplica replica in state.Replicas)
        {
            last = last.AreOf(replica) ? last : Names.Of(board, replica);
            Sort(board, replica, last, nowUnixMs, staying, leaving);
        }

        // 3. Accelerators: the ones to keep longest come first where a pool has no longer room for all.
        double drainHours = board.Terms.DrainMinutes / MinutesPerHour;
        int drainUntil = board.Clock.HourAfter(drainHours);
        foreach (Standing replica in InOrder(board, staying))
        {
            Seat(board, replica, drainUntil, drainHours);
        }

        foreach ((PlacementReplica replica, int pool) in leaving)
        {
            board.Room.Take(pool, replica.LeasedAccelerators, 0, drainUntil);
        }

        // 4. Who serves what with it, beside capacity that is not placement's.
        LoadFlows(board);
    }

    private static void Sort(
        PlacementBoard board,
        PlacementReplica replica,
        Names names,
        long nowUnixMs,
        List<Standing> staying,
        List<(PlacementReplica, int)> leaving)
    {
        (int pool, int version) = (names.PoolIndex, names.VersionIndex);
        if (pool < 0)
        {
            board.Lost.Add((replica, Leaving(replica, PlacementCause.Withdrawn)));
            return;
        }

        if (version < 0)
        {
            board.Lost.Add((replica, Leaving(replica, PlacementCause.Withdrawn)));
            leaving.Add((replica, pool));
            return;
        }

        CompiledVersion of = board.Version(version);
        if (replica.Phase == ReplicaPhase.Draining || names.Fit is not { } fit)
        {
            PlacementCause cause = of.ExclusionOf(board.Pool(pool)) switch
            {
                PlacementExclusion.Export => PlacementCause.Export,
                PlacementExclusion.Residency or PlacementExclusion.Latency => PlacementCause.Surplus,
                _ => PlacementCause.Withdrawn,
            };
            board.Lost.Add((replica, Leaving(replica, cause)));
            leaving.Add((replica, pool));
            return;
        }

        double ready = ReadySeconds(board, of, replica, pool, fit, nowUnixMs);
        double transfer = replica.Phase == ReplicaPhase.Transferring
            ? Math.Max(0, ready - of.Builds[fit.Build].Source.StartSeconds)
            : 0;
        board.Expect(version, board.Pool(pool).Site, transfer);
        double aliveMinutes = (nowUnixMs - replica.StartedUnixMs) / MsPerSecond / SecondsPerMinute;
        staying.Add(new Standing
        {
            Source = replica,
            Version = version,
            Fit = fit,
            ReadySeconds = ready,
            MayGo = aliveMinutes >= board.Terms.MinimumDwellMinutes,
        });
    }

    /// <summary>What a replica's names stand for. Those that were placed together come together and share their names,
    /// so most need no look.</summary>
    private readonly record struct Names(
        string? Model, string? Version, string? Build, string? Pool, int VersionIndex, int PoolIndex, PoolFit? Fit)
    {
        public bool AreOf(PlacementReplica replica) => ReferenceEquals(Pool, replica.Pool)
            && ReferenceEquals(Model, replica.Model) && ReferenceEquals(Version, replica.Version)
            && ReferenceEquals(Build, replica.Build);

        public static Names Of(PlacementBoard board, PlacementReplica replica)
        {
            CompiledProblem problem = board.Problem;
            int pool = problem.PoolOf.GetValueOrDefault(replica.Pool, -1);
            int version = problem.VersionOf.GetValueOrDefault((replica.Model, replica.Version), -1);
            PoolFit? fit = pool < 0 || version < 0 ? null : board.Version(version).FitOf(pool, replica.Build);
            return new Names(
                replica.Model, replica.Version, replica.Build, replica.Pool, version, pool, fit);
        }
    }

    /// <summary>The ones to keep longest first; that takes a sort only on pools that have not room for all.</summary>
    private static IEnumerable<Standing> InOrder(PlacementBoard board, List<Standing> staying)
    {
        var asked = new Dictionary<int, int>();
        foreach (Standing replica in staying)
        {
            int pool = replica.Fit.Pool;
            asked[pool] = asked.GetValueOrDefault(pool) + replica.Source.LeasedAccelerators;
        }

        HashSet<int> tight =
            [.. asked.Where(a => board.Room.Most(a.Key, 0, board.Clock.Hours) < a.Value).Select(a => a.Key)];
        return staying.Where(s => !tight.Contains(s.Fit.Pool)).Concat(staying
            .Where(s => tight.Contains(s.Fit.Pool))
            .OrderByDescending(s => board.Version(s.Version).Source.Weight)
            .ThenByDescending(s => s.Source.Phase)
            .ThenBy(s => s.Source.StartedUnixMs)
            .ThenBy(s => s.Source.Id, StringComparer.Ordinal));
    }

    private static PlacementCause Leaving(PlacementReplica replica, PlacementCause cause) =>
        replica.Phase == ReplicaPhase.Draining ? PlacementCause.Draining : cause;

    private static void Seat(PlacementBoard board, Standing replica, int drainUntil, double drainHours)
    {
        int pool = replica.Fit.Pool;
        int leased = replica.Source.LeasedAccelerators;
        int until = board.Room.Until(pool, leased, 0);
        bool ends = until < board.Clock.Hours && board.Clock.StartOf(until) <= drainHours;
        board.Room.Take(pool, leased, 0, ends ? Math.Max(until, drainUntil) : until);
        replica.Until = until;
        replica.Leaves = ends ? PlacementCause.CapacityEnds : null;
        board.StandingOf[replica.Version].Add(replica);
        if (!ends)
        {
            board.Spreads[replica.Version].Add(pool, 1);
        }
    }

    private static double ReadySeconds(
        PlacementBoard board, CompiledVersion version, PlacementReplica replica, int pool, PoolFit fit, long nowUnixMs)
    {
        if (replica.Phase == ReplicaPhase.Ready)
        {
            return 0;
        }

        if (replica.ReadyUnixMs is { } told)
        {
            return Math.Max(0, (told - nowUnixMs) / MsPerSecond);
        }

        PlacementSite site = board.Problem.Source.Sites[board.Pool(pool).Site];
        double start = version.Builds[fit.Build].Source.StartSeconds;
        double transfer = site.WeightBytesPerSecond <= 0 ? 0 : version.Source.WeightsBytes / site.WeightBytesPerSecond;
        double left = (replica.StartedUnixMs - nowUnixMs) / MsPerSecond + transfer + start;
        return Math.Clamp(left, 0, replica.Phase == ReplicaPhase.Warming ? start : transfer + start);
    }

    private static void LoadFlows(PlacementBoard board)
    {
        foreach (FixedService service in board.Problem.Source.Fixed)
        {
            for (int v = 0; v < board.Problem.Versions.Length; v++)
            {
                CompiledVersion of = board.Version(v);
                if (of.Source.Model == service.Model && of.Source.Share > 0 && of.Builds.Length > 0)
                {
                    board.LoadFixed(v, service.Site, of.Source.Share
                        * of.SpeedOf(service.PrefillTokensPerSecond, service.DecodeTokensPerSecond));
                }
            }
        }

        for (int v = 0; v < board.StandingOf.Length; v++)
        {
            // Like ones at a site together: most stand for the whole horizon.
            foreach (var alike in board.StandingOf[v].Where(s => s.Leaves is null)
                .GroupBy(s => (board.Pool(s.Fit.Pool).Site, s.ReadySeconds, s.Until)))
            {
                board.Flows[v].Load(
                    alike.Key.Site, alike.Sum(board.SpeedOf), board.FractionsOf(alike.First()));
            }

            board.Flows[v].Renew();
        }
    }
}
