namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Step 3: replicas for demand that would else go unserved. Over all versions, what brings most per accelerator goes
/// first, a few at a time, until nothing gains more than it costs. What has to wait for accelerators is planned in the
/// same way, so that nobody else is moved for it.
/// </summary>
internal static class GrowthStep
{
    /// <summary>The part of what a pool could take of a version that is placed at once: more looks share scarce pools
    /// better, fewer are faster.</summary>
    private const int Part = 3;

    /// <summary>Places replicas.</summary>
    /// <param name="board">The board.</param>
    /// <param name="search">The search over it.</param>
    /// <param name="later">Whether to plan on accelerators that are free only later.</param>
    public static void Take(PlacementBoard board, CandidateSearch search, bool later)
    {
        var queue = new PriorityQueue<(int Version, Pick Pick), (double, ulong)>();
        for (int v = 0; v < board.Problem.Versions.Length; v++)
        {
            Enqueue(board, search, queue, v, later);
        }

        while (queue.TryDequeue(out (int Version, Pick Pick) next, out _))
        {
            if (!later && board.Started >= board.Terms.MaxStarts)
            {
                break;
            }

            // Others may have taken the room since it was looked at.
            if (StillFits(board, next.Pick))
            {
                int most = Math.Max(1, search.Most(next.Version, next.Pick));
                Place(board, next.Version, next.Pick, (most + Part - 1) / Part);
            }

            Enqueue(board, search, queue, next.Version, later);
        }
    }

    private static void Place(PlacementBoard board, int version, in Pick pick, int count)
    {
        double before = board.WorthUsd(version);
        Lot lot = board.Start(version, pick, count, PlacementCause.Demand);
        double cost = pick.Terms.HoldUsd + pick.Terms.ChangeUsd;

        // What a pool could do was an upper bound where capacity has to be freed for it elsewhere.
        if (board.WorthUsd(version) - before <= cost * count)
        {
            board.Unstart(lot, count);
            board.Refuse(version, pick.Fit.Pool);
        }
    }

    private static bool StillFits(PlacementBoard board, in Pick pick) =>
        board.Room.Most(pick.Fit.Pool, pick.From, pick.Until) >= pick.Fit.Slot
        && board.GroupsHave(pick.Fit.Pool, pick.Fit.Slot);

    private static void Enqueue(
        PlacementBoard board,
        CandidateSearch search,
        PriorityQueue<(int, Pick), (double, ulong)> queue,
        int version,
        bool later)
    {
        if (board.MayGain(version) && search.Best(version, forMinimum: false, later: later) is { } pick)
        {
            queue.Enqueue((version, pick), (-pick.Density, board.Tie(version, -1)));
        }
    }
}
