namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Step 2: what stands whatever the demand. The versions with the fewest pools to choose from go first; each replica
/// goes where it lessens most what is missing, and among those where demand gains most from it.
/// </summary>
internal static class MinimumStep
{
    public static void Take(PlacementBoard board, CandidateSearch search)
    {
        foreach (int version in Enumerable.Range(0, board.Problem.Versions.Length)
            .Where(v => board.Spreads[v].Deficit() > 0 && board.Version(v).Source.Share > 0)
            .OrderBy(v => board.Version(v).Fits.Length)
            .ThenBy(v => board.Tie(v, -1)))
        {
            while (board.Started < board.Terms.MaxStarts
                && board.Spreads[version].Deficit() > 0
                && search.Best(version, forMinimum: true) is { } pick)
            {
                board.Start(version, pick, 1, PlacementCause.Minimum);
            }
        }
    }
}
