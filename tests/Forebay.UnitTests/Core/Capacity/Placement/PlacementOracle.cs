using Forebay.Core.Capacity.Placement;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Placement;

/// <summary>Checks a plan against its problem from the plan's own words alone, knowing nothing of how it was found.</summary>
internal static class PlacementOracle
{
    public const long HourMs = 3_600_000;

    public static void Check(PlacementProblem problem, PlacementState state, PlacementPlan plan, long nowUnixMs)
    {
        Assert.Equal(state.Replicas.Length, plan.Decisions.Count(d => d.Action != PlacementAction.Start));
        Assert.Equal(plan.Decisions.Length, plan.Decisions.Select(d => d.ReplicaId).Distinct().Count());
        CheckStarts(problem, plan);
        CheckLeases(problem, state, plan, nowUnixMs);
        CheckGroups(problem, plan);
        Assert.InRange(plan.ServedShare, 0, 1);
        Assert.True(plan.Starts.Count() <= problem.Terms.MaxStarts);
    }

    /// <summary>What stands once a plan is carried out and some time has passed.</summary>
    public static PlacementState After(PlacementProblem problem, PlacementState state, PlacementPlan plan, long nowUnixMs)
    {
        var before = state.Replicas.ToDictionary(r => r.Id);
        return state with
        {
            Promises = plan.Promises,
            Replicas =
            [
                .. plan.Decisions.Where(d => d.Action == PlacementAction.Keep && d.Cause != PlacementCause.Draining)
                    .Select(d => before[d.ReplicaId] with { Phase = ReplicaPhase.Ready }),
                .. plan.Starts.Select(d => new PlacementReplica
                {
                    Id = d.ReplicaId,
                    Model = d.Model,
                    Version = d.Version,
                    Build = d.Build,
                    Pool = d.Pool,
                    Phase = ReplicaPhase.Ready,
                    LeasedAccelerators = d.LeasedAccelerators,
                    StartedUnixMs = nowUnixMs,
                }),
            ],
        };
    }

    private static void CheckStarts(PlacementProblem problem, PlacementPlan plan)
    {
        foreach (PlacementDecision start in plan.Starts)
        {
            PlacementPool pool = problem.Pools.Single(p => p.Id == start.Pool);
            PlacementVersion version = problem.Versions.Single(v => v.Model == start.Model && v.Version == start.Version);
            PlacementBuild build = version.Builds.Single(
                b => b.Id == start.Build && b.AcceleratorType == pool.AcceleratorType);
            Assert.True(build.MemoryGb <= pool.UsableMemoryGb * build.AcceleratorsPerReplica, "the weights do not fit");
            Assert.True(build.AcceleratorsPerReplica <= pool.InterconnectDomain, "the gang leaves its domain");
            Assert.True(start.LeasedAccelerators >= build.AcceleratorsPerReplica);
            Assert.True(version.MayRun[pool.Site], "export");
            PlacementDemand[] classes = [.. problem.Demands.Where(d => d.Model == version.Model)];
            Assert.True(classes.Length == 0 || classes.Any(d => d.MayServe[pool.Site]), "residency lets nobody be served");
        }
    }

    /// <summary>What stays and what starts fits every hour of its lease; what goes holds on until it is gone.</summary>
    private static void CheckLeases(
        PlacementProblem problem, PlacementState state, PlacementPlan plan, long nowUnixMs)
    {
        foreach (PlacementPool pool in problem.Pools)
        {
            for (int h = 0; h < problem.Terms.HorizonHours; h++)
            {
                long at = Math.Max(nowUnixMs, problem.StartUnixMs + h * HourMs);
                int available = pool.AvailableByHour[Math.Min(h, pool.AvailableByHour.Length - 1)];
                int leaving = h == 0
                    ? plan.Decisions.Where(d => d.Pool == pool.Id
                        && (d.Action == PlacementAction.Drain || d.Cause == PlacementCause.Draining))
                        .Sum(d => d.LeasedAccelerators)
                    : 0;
                int kept = plan.Decisions
                    .Where(d => d.Pool == pool.Id && d.Action == PlacementAction.Keep && d.Cause != PlacementCause.Draining
                        && d.LeaseUntilUnixMs > at)
                    .Sum(d => d.LeasedAccelerators);
                int started = plan.Starts.Where(d => d.Pool == pool.Id && d.LeaseUntilUnixMs > at).Sum(d => d.LeasedAccelerators);
                Assert.True(kept <= available, $"{pool.Id} hour {h}: keeps {kept} of {available}");
                Assert.True(started == 0 || kept + leaving + started <= available,
                    $"{pool.Id} hour {h}: {kept} kept, {leaving} leave, {started} start, {available} available");
            }
        }

        Assert.All(plan.Starts, d => Assert.True(d.LeaseUntilUnixMs > nowUnixMs));
        Assert.NotNull(state);
    }

    private static void CheckGroups(PlacementProblem problem, PlacementPlan plan)
    {
        foreach (GroupRoom room in problem.Rooms)
        {
            int started = plan.Starts
                .Where(d => problem.Pools.Single(p => p.Id == d.Pool).Groups.Contains(room.Group))
                .Sum(d => d.LeasedAccelerators);
            Assert.True(started <= room.Accelerators, $"{room.Group}: {started} of {room.Accelerators}");
        }
    }
}
