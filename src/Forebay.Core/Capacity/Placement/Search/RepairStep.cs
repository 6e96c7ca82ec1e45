namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Step 4: what the greedy order got wrong. Where a version stays short, a start of another version that stands in its
/// way is moved to that version's next best pool, or given up, if all together gain. Nothing has been started yet, so
/// a move costs nothing. Bounded in tries, never in time, so that a step replays.
/// </summary>
internal static class RepairStep
{
    private const int MaxTries = 400;
    private const int PoolsPerVersion = 6;
    private const double LeastGainUsd = 1e-6;

    public static void Take(PlacementBoard board, CandidateSearch search)
    {
        int tries = 0;
        for (bool gained = true; gained && board.Lots.Count > 0;)
        {
            gained = false;
            foreach (int version in Short(board))
            {
                foreach (Pick wanted in Wanted(board, search, version))
                {
                    foreach (Lot[] lots in InTheWay(board, version, wanted.Fit.Pool))
                    {
                        if (tries++ >= MaxTries)
                        {
                            return;
                        }

                        if (TryTrade(board, search, version, wanted, lots))
                        {
                            gained = true;
                            break;
                        }
                    }

                    if (!board.Flows[version].AnyUnmet)
                    {
                        break;
                    }
                }
            }
        }
    }

    /// <summary>Versions that stay short, those that lose most first.</summary>
    private static int[] Short(PlacementBoard board) =>
    [
        .. Enumerable.Range(0, board.Problem.Versions.Length)
            .Where(v => board.Flows[v].AnyUnmet && board.Version(v).Fits.Length > 0)
            .OrderByDescending(v => board.Version(v).Source.Weight)
            .ThenBy(v => board.Version(v).Fits.Length)
            .ThenBy(v => board.Tie(v, -1)),
    ];

    /// <summary>Pools without room that the version would gain most from.</summary>
    public static Pick[] Wanted(PlacementBoard board, CandidateSearch search, int version)
    {
        int hours = board.Clock.Hours;
        var wanted = new List<Pick>();
        if (!board.MayGain(version))
        {
            return [];
        }

        search.Refresh();
        foreach (PoolFit fit in board.Version(version).Fits)
        {
            if (board.Room.Free(fit.Pool, 0) < fit.Slot && !board.IsRefused(version, fit.Pool))
            {
                Pick pick = search.Weigh(version, fit, 0, hours);
                if (pick.Terms.NetUsd > 0)
                {
                    wanted.Add(pick);
                }
            }
        }

        return
        [
            .. wanted.OrderByDescending(p => p.Density).ThenBy(p => board.Tie(version, p.Fit.Pool))
                .Take(PoolsPerVersion),
        ];
    }

    /// <summary>Starts on a pool, by version, the least worth an accelerator first.</summary>
    private static Lot[][] InTheWay(PlacementBoard board, int version, int pool) =>
    [
        .. board.Lots.Where(l => l.Fit.Pool == pool && l.Version != version && l.From == 0)
            .GroupBy(l => l.Version)
            .OrderBy(g => g.Min(l => l.Terms.NetUsd / l.Fit.Slot)).ThenBy(g => board.Tie(g.Key, pool))
            .Select(g => g.OrderBy(l => l.Terms.NetUsd / l.Fit.Slot).ToArray()),
    ];

    private static bool TryTrade(
        PlacementBoard board, CandidateSearch search, int version, in Pick wanted, Lot[] lots)
    {
        int pool = wanted.Fit.Pool;
        int other = lots[0].Version;
        int needed = wanted.Fit.Slot - board.Room.Most(pool, 0, wanted.Until);
        if (needed <= 0 || board.Started >= board.Terms.MaxStarts || lots.Sum(l => l.Count * l.Fit.Slot) < needed)
        {
            return false;
        }

        // 1. The others go, as few as will do.
        double before = board.WorthUsd(version) + board.WorthUsd(other);
        int deficit = board.Spreads[other].Deficit();
        var moved = new List<(Lot Lot, int Count)>();
        foreach (Lot lot in lots)
        {
            int count = Math.Min(lot.Count, (needed + lot.Fit.Slot - 1) / lot.Fit.Slot);
            if (count > 0)
            {
                board.Unstart(lot, count);
                moved.Add((lot, count));
                needed -= count * lot.Fit.Slot;
            }
        }

        if (board.Room.Most(pool, 0, wanted.Until) < wanted.Fit.Slot || !board.GroupsHave(pool, wanted.Fit.Slot))
        {
            Restore(board, moved);
            return false;
        }

        // 2. The wanted one comes; the others look for another pool.
        search.Refresh();
        var started = new List<Lot>
        {
            board.Start(version, search.Weigh(version, wanted.Fit, 0, wanted.Until), 1, PlacementCause.Demand),
        };
        int leftOver = moved.Sum(m => m.Count);
        while (leftOver-- > 0 && search.Best(other, forMinimum: false) is { } next)
        {
            started.Add(board.Start(other, next, 1, moved[0].Lot.Cause));
        }

        // 3. All together must gain.
        double costs = started.Sum(Cost) - moved.Sum(m => m.Count * (m.Lot.Terms.HoldUsd + m.Lot.Terms.ChangeUsd));
        board.Flows[version].Renew();
        board.Flows[other].Renew();
        double after = board.WorthUsd(version) + board.WorthUsd(other);
        if (after - before - costs > LeastGainUsd && board.Spreads[other].Deficit() <= deficit)
        {
            return true;
        }

        foreach (Lot start in started)
        {
            board.Unstart(start, 1);
        }

        Restore(board, moved);
        return false;
    }

    private static double Cost(Lot lot) => lot.Count * (lot.Terms.HoldUsd + lot.Terms.ChangeUsd);

    private static void Restore(PlacementBoard board, List<(Lot Lot, int Count)> moved)
    {
        foreach ((Lot lot, int count) in moved)
        {
            board.Start(
                lot.Version,
                new Pick(lot.Fit, lot.From, lot.Until, lot.ReadySeconds, lot.Terms, 0, 1, 0),
                count,
                lot.Cause);
        }

        board.Flows[moved[0].Lot.Version].Renew();
    }
}
