namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Step 7: drains what is worth less than what it holds, the drain paid. Of a version the dearest and farthest pools go
/// first; on a pool those that do not serve yet, then those started last, whose caches hold least.
/// </summary>
internal static class ShrinkStep
{
    public static void Take(PlacementBoard board)
    {
        for (int v = 0; v < board.StandingOf.Length; v++)
        {
            Standing[][] groups = Groups(board, v);
            if (groups.Length == 0)
            {
                continue;
            }

            // What grew step by step is found anew, so that before and after compare.
            board.Flows[v].Renew();
            foreach (Standing[] alike in groups)
            {
                Shrink(board, v, alike);
            }
        }
    }

    /// <summary>Which of like replicas go first.</summary>
    public static Standing[] InOrder(IEnumerable<Standing> alike) =>
    [
        .. alike.OrderBy(s => s.Source.Phase).ThenByDescending(s => s.Source.StartedUnixMs)
            .ThenBy(s => s.Source.Id, StringComparer.Ordinal),
    ];

    /// <summary>What the loss of one replica would cost, at a quick look.</summary>
    public static double LossUsd(PlacementBoard board, int version, Standing standing) =>
        board.Flows[version].LossOf(
            board.Pool(standing.Fit.Pool).Site, board.SpeedOf(standing), board.FractionsOf(standing))
        * board.Version(version).ReferenceUsd;

    private static Standing[][] Groups(PlacementBoard board, int version) =>
    [
        .. board.StandingOf[version]
            .Where(s => s is { Leaves: null, MayGo: true })
            .GroupBy(s => (s.Fit, s.Until, s.Source.Phase))
            .OrderByDescending(g => board.HoldUsd(g.Key.Fit, 0, g.Key.Until)
                / board.Version(version).Builds[g.Key.Fit.Build].Speed)
            .ThenBy(g => g.Key.Phase)
            .ThenBy(g => Nearness(board, version, g.Key.Fit))
            .ThenBy(g => board.Tie(version, g.Key.Fit.Pool))
            .Select(g => g.ToArray()),
    ];

    private static double Nearness(PlacementBoard board, int version, PoolFit fit)
    {
        CompiledVersion of = board.Version(version);
        int site = board.Pool(fit.Pool).Site;
        double sum = 0;
        for (int c = 0; c < of.Classes; c++)
        {
            sum += (of.SiteMask[site] >> c & 1) == 0 ? 0 : of.WorthOf(site, c) * of.TotalByClass[c];
        }

        return sum;
    }

    private static void Shrink(PlacementBoard board, int version, Standing[] alike)
    {
        double hold = board.HoldUsd(alike[0].Fit, 0, alike[0].Until);
        double change = board.ChangeUsd(version, alike[0].Fit);

        // What is ready is alike in what it serves: who goes first matters only if any goes.
        bool isReady = alike[0].Source.Phase == ReplicaPhase.Ready;
        alike = isReady ? alike : InOrder(alike);
        if (hold - change - LossUsd(board, version, alike[0]) <= 0)
        {
            return;
        }

        alike = isReady ? InOrder(alike) : alike;

        int gone = 0;
        for (int count = alike.Length;
            count > 0 && gone < alike.Length;
            count = Math.Min(count / 2, alike.Length - gone))
        {
            if (TryDrain(board, version, alike[gone..(gone + count)], hold, change))
            {
                gone += count;
                count = (alike.Length - gone) * 2;
            }
        }
    }

    private static bool TryDrain(PlacementBoard board, int version, Standing[] going, double hold, double change)
    {
        SpreadCount spread = board.Spreads[version];
        if (spread.DeficitWith(going[0].Fit.Pool, -going.Length) > spread.Deficit())
        {
            return false;
        }

        double before = board.WorthUsd(version);
        foreach (Standing replica in going)
        {
            board.Leave(replica);
        }

        board.Flows[version].Renew();
        double lost = before - board.WorthUsd(version);
        if ((hold - change) * going.Length - lost <= 0)
        {
            foreach (Standing replica in going)
            {
                board.Return(replica);
            }

            board.Flows[version].Renew();
            return false;
        }

        foreach (Standing replica in going)
        {
            replica.Leaves = PlacementCause.Surplus;
            replica.Terms = new PlacementTerms(lost / going.Length, hold, change, 0, 0, 0);
        }

        return true;
    }
}
