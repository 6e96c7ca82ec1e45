using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Keeps accelerators for the version that others gave way to. Without it the first to look when they are free could
/// be the one that just went, and both would go back and forth.
/// </summary>
internal static class PromiseStep
{
    private const long MsPerMinute = 60_000;

    /// <summary>For how long after a drain should have ended.</summary>
    private const double GraceMinutes = 10;

    public static void Take(
        PlacementBoard board, CandidateSearch search, ImmutableArray<PlacementPromise> promises, long nowUnixMs)
    {
        foreach (PlacementPromise promise in promises)
        {
            if (promise.ExpiresUnixMs > nowUnixMs
                && board.Problem.PoolOf.TryGetValue(promise.Pool, out int pool)
                && board.Problem.VersionOf.TryGetValue((promise.Model, promise.Version), out int version)
                && board.Version(version).FitOf(pool, promise.Build) is { } fit
                && board.GroupsHave(pool, fit.Slot)
                && !board.IsBarred(version, pool)
                && board.Started < board.Terms.MaxStarts)
            {
                Keep(board, search, promise, version, fit);
            }
        }
    }

    /// <summary>Promises accelerators that are being drained.</summary>
    public static PlacementPromise Of(PlacementBoard board, int version, PoolFit fit, long nowUnixMs) => new(
        board.Pool(fit.Pool).Id,
        board.Version(version).Source.Model,
        board.Version(version).Source.Version,
        board.Version(version).Builds[fit.Build].Source.Id,
        nowUnixMs + (long)((2 * board.Terms.DrainMinutes + GraceMinutes) * MsPerMinute));

    private static void Keep(
        PlacementBoard board, CandidateSearch search, PlacementPromise promise, int version, PoolFit fit)
    {
        int hours = board.Clock.Hours;
        int from = board.Room.Most(fit.Pool, 0, hours) >= fit.Slot ? 0 : 1;
        if (from >= hours || board.Room.Most(fit.Pool, from, hours) < fit.Slot)
        {
            return;
        }

        search.Refresh();
        Pick pick = search.Weigh(version, fit, from, hours);
        if (pick.Terms.NetUsd <= 0)
        {
            return;
        }

        if (from > 0)
        {
            // What is free of it already is kept from others too.
            board.Room.Take(fit.Pool, Math.Clamp(board.Room.Free(fit.Pool, 0), 0, fit.Slot), 0, 1);
            board.Promises.Add(promise);
        }

        board.Start(version, pick, 1, PlacementCause.Demand);
    }
}
