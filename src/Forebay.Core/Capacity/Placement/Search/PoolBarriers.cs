using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>Says what kept each pool from serving a class of demand, or from holding one more replica.</summary>
internal sealed class PoolBarriers(PlacementBoard board, CandidateSearch search)
{
    private static readonly int Reasons = Enum.GetValues<PlacementExclusion>().Length;

    /// <summary>Pools by reason, and the reason nearest to a yes.</summary>
    /// <param name="version">The version.</param>
    /// <param name="demandClass">A class of its demand; negative for any replica at all.</param>
    public (PlacementExclusion Binding, ImmutableArray<ExcludedPools> Excluded) Of(int version, int demandClass)
    {
        CompiledVersion of = board.Version(version);
        var counts = new int[Reasons];
        search.Refresh();
        int next = 0;
        for (int p = 0; p < board.Problem.Source.Pools.Length; p++)
        {
            PlacementExclusion nearest = PlacementExclusion.Accelerator;
            bool fits = false;
            for (; next < of.Fits.Length && of.Fits[next].Pool == p; next++)
            {
                PlacementExclusion found = Of(version, of, of.Fits[next], demandClass);
                nearest = found > nearest ? found : nearest;
                fits = true;
            }

            counts[(int)(fits ? nearest : of.ExclusionOf(board.Pool(p)))]++;
        }

        int binding = Array.FindLastIndex(counts, c => c > 0);
        return ((PlacementExclusion)Math.Max(0, binding),
            [.. Enumerable.Range(0, Reasons).Where(r => counts[r] > 0)
                .Select(r => new ExcludedPools((PlacementExclusion)r, counts[r]))]);
    }

    private PlacementExclusion Of(int version, CompiledVersion of, PoolFit fit, int demandClass)
    {
        int site = board.Pool(fit.Pool).Site;
        if (demandClass >= 0 && (of.SiteMask[site] >> demandClass & 1) == 0)
        {
            ImmutableArray<bool> may = of.Demands[demandClass].MayServe;
            bool resident = (uint)site < (uint)may.Length && may[site];
            return resident ? PlacementExclusion.Latency : PlacementExclusion.Residency;
        }

        if (board.IsBarred(version, fit.Pool))
        {
            return PlacementExclusion.Failing;
        }

        if (board.Room.Free(fit.Pool, 0) < fit.Slot)
        {
            return PlacementExclusion.Full;
        }

        if (!board.GroupsHave(fit.Pool, fit.Slot))
        {
            return PlacementExclusion.Concentration;
        }

        Pick pick = search.Weigh(version, fit, 0, board.Room.Until(fit.Pool, fit.Slot, 0));
        return demandClass >= 0 && pick.Terms.NetUsd <= 0 ? PlacementExclusion.Cost : PlacementExclusion.None;
    }
}
