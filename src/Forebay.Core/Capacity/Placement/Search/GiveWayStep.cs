namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Step 6: a version that stays short, even with what is free later, gets accelerators from replicas of another one
/// that lose less by going than it gains, both changes paid. What it will be started on is free only when those are
/// gone, in a later step; until then its part is planned on them, so that nobody goes twice for the same demand.
/// </summary>
internal static class GiveWayStep
{
    private const int MaxTries = 200;

    public static void Take(PlacementBoard board, CandidateSearch search, long nowUnixMs)
    {
        int tries = 0;
        if (!board.Flows.Any(f => f.AnyUnmet))
        {
            return;
        }

        ILookup<int, Standing> byPool =
            board.StandingOf.SelectMany(s => s).Where(s => s.MayGo).ToLookup(s => s.Fit.Pool);
        foreach (int version in Enumerable.Range(0, board.Problem.Versions.Length)
            .Where(v => board.Flows[v].AnyUnmet)
            .OrderByDescending(v => board.Version(v).Source.Weight).ThenBy(v => board.Tie(v, -1)))
        {
            foreach (Pick wanted in RepairStep.Wanted(board, search, version))
            {
                while (board.Flows[version].AnyUnmet && tries++ < MaxTries
                    && TryOne(board, search, version, wanted.Fit, byPool[wanted.Fit.Pool]))
                {
                    board.Promises.Add(PromiseStep.Of(board, version, wanted.Fit, nowUnixMs));
                }
            }
        }
    }

    private static bool TryOne(
        PlacementBoard board, CandidateSearch search, int version, PoolFit fit, IEnumerable<Standing> onPool)
    {
        int from = board.Clock.HourAfter(board.Terms.DrainMinutes / 60);
        int hours = board.Clock.Hours;
        if (from >= hours)
        {
            return false;
        }

        search.Refresh();
        Pick pick = search.Weigh(version, fit, from, hours);
        int needed = fit.Slot - board.Room.Most(fit.Pool, from, hours);
        if (pick.Terms.NetUsd <= 0 || needed <= 0)
        {
            return false;
        }

        foreach (IGrouping<int, Standing> others in onPool
            .Where(s => s.Leaves is null && s.Version != version).GroupBy(s => s.Version)
            .OrderBy(o => board.Version(o.Key).Source.Weight).ThenBy(o => board.Tie(o.Key, fit.Pool)))
        {
            Standing[] there = [.. others];
            int each = Math.Max(1, there.Min(s => s.Source.LeasedAccelerators));
            int going = (needed + each - 1) / each;
            if (going <= there.Length && TryReplace(
                board, search, version, pick, ShrinkStep.InOrder(there)[..going]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryReplace(
        PlacementBoard board, CandidateSearch search, int version, in Pick pick, Standing[] going)
    {
        int other = going[0].Version;
        if (going.Min(s => s.Until) < pick.Until)
        {
            return false;
        }

        int deficit = board.Spreads[other].Deficit();
        board.Flows[other].Renew();
        double before = board.WorthUsd(other);
        double saved = 0;
        foreach (Standing replica in going)
        {
            double hold = board.HoldUsd(replica.Fit, 0, replica.Until);
            double change = board.ChangeUsd(other, replica.Fit);
            board.Drain(replica, PlacementCause.GivesWay, new PlacementTerms(0, hold, change, 0, 0, 0));
            saved += hold - change;
        }

        double lost = before - board.WorthUsd(other);
        if (pick.Terms.NetUsd + saved - lost <= 0 || board.Spreads[other].Deficit() > deficit)
        {
            foreach (Standing replica in going)
            {
                board.Undrain(replica);
            }

            return false;
        }

        foreach (Standing replica in going)
        {
            replica.Terms = replica.Terms with { ServedUsd = lost / going.Length };
            board.Room.Take(replica.Fit.Pool, -replica.Source.LeasedAccelerators, pick.From, replica.Until);
        }

        search.Refresh();
        Pick then = search.Weigh(version, pick.Fit, pick.From, pick.Until);
        board.Start(version, then, 1, PlacementCause.Demand);
        return true;
    }
}
