using Forebay.Core.Time;

namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Decides which model versions run where, with how many replicas. Pure: the same problem, state, time and seed give
/// the same decisions. docs/reference/capacity/placement.md says by what rules, and how near to the best it
/// comes.
/// </summary>
public sealed class Placer
{
    private const double MsPerHour = 3_600_000;

    private CompiledProblem? _before;
    private PlacementBoard? _board;

    /// <summary>Decides anew, remembering nothing.</summary>
    public static PlacementPlan Step(PlacementProblem problem, PlacementState current, Instant now, ulong seed) =>
        new Placer().Next(problem, current, now, seed);

    /// <summary>Decides as <see cref="Step"/> does, to the last decision, faster: what the problem shares with the one
    /// before is not compiled again, and who serves what is found anew only for versions whose capacity or demand is
    /// another. For one caller at a time.</summary>
    /// <param name="problem">What to decide on; hour 0 of its horizon is the hour of <paramref name="now"/>.</param>
    /// <param name="current">What stands.</param>
    /// <param name="now">The time; only the wall part counts.</param>
    /// <param name="seed">Decides between what is equal otherwise, and makes new replicas' names.</param>
    public PlacementPlan Next(PlacementProblem problem, PlacementState current, Instant now, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(problem);
        ArgumentNullException.ThrowIfNull(current);
        _before = CompiledProblem.Compile(problem, _before);
        var clock = new HorizonClock(
            problem.Terms.HorizonHours,
            problem.Terms.HalfLifeHours,
            (now.WallUnixMs - problem.StartUnixMs) / MsPerHour);
        var board = new PlacementBoard(_before, clock, seed, _board);
        _board = board;
        var search = new CandidateSearch(board);

        // 1. What stands: what may stay, what its pool has no room for, who serves what with it.
        StandingReplicas.Load(board, current, now.WallUnixMs);

        // 2. What others drain for: it is theirs. Then minimums, their spread over concentration groups, markets.
        PromiseStep.Take(board, search, current.Promises, now.WallUnixMs);
        MinimumStep.Take(board, search);

        // 3. Replicas for demand that would go unserved, what brings most per accelerator first.
        GrowthStep.Take(board, search, later: false);

        // 4. Trades between starts, where one stands in the way of another.
        RepairStep.Take(board, search);

        // 5. What can be had later without moving anybody: pools that grow, replicas that drain already.
        GrowthStep.Take(board, search, later: true);

        // 6. Standing replicas that lose less by going than another version gains.
        GiveWayStep.Take(board, search, now.WallUnixMs);

        // 7. What holds more than it serves. What is only planned for later does not count as serving.
        board.ForgetLater();
        ShrinkStep.Take(board);

        // 8. The decisions, with their terms; what stays short, and what binds.
        return PlanReport.Of(board, search, current, now.WallUnixMs);
    }
}
