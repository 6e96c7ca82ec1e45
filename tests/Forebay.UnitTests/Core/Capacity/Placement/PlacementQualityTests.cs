using Forebay.Core.Capacity.Placement;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Placement;

/// <summary>How near to the best a step comes, on problems small enough to try everything.</summary>
public sealed class PlacementQualityTests
{
    private const int Problems = 120;

    [Fact]
    public void It_comes_near_to_the_best_of_all_placements()
    {
        var gaps = new List<double>();
        for (int seed = 0; gaps.Count < Problems; seed++)
        {
            PlacementProblem problem = Small(seed);
            var search = new ExhaustivePlacement(problem);
            if (search.Placements > 60_000)
            {
                continue;
            }

            double best = search.Best();
            PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, new Instant(0, RandomProblems.Start), (ulong)seed);
            Assert.True(plan.ObjectiveUsd <= best + 1e-6 * Math.Max(1, best), $"seed {seed}: {plan.ObjectiveUsd} beats {best}");
            if (best > 0)
            {
                gaps.Add(1 - plan.ObjectiveUsd / best);
            }
        }

        gaps.Sort();
        string measured = $"mean {gaps.Average():P2}, p90 {gaps[gaps.Count * 9 / 10]:P2}, worst {gaps[^1]:P2}, "
            + $"best found in {gaps.Count(g => g < 1e-9)} of {gaps.Count}";
        TestContext.Current.SendDiagnosticMessage(measured);
        Assert.True(gaps.Average() < 0.02 && gaps[gaps.Count * 9 / 10] < 0.06 && gaps[^1] < 0.25, measured);
    }

    private static PlacementProblem Small(int seed)
    {
        PlacementProblem problem = RandomProblems.Of(seed, pools: 3, versions: 3, hours: 3, accelerators: 10);
        return problem with
        {
            Rooms = [],
            Terms = problem.Terms with { LatencyWeight = 0 },
            Sites = [.. problem.Sites.Select(s => s with { WeightBytesPerSecond = 0 })],
            Pools = [.. problem.Pools.Select(p => p with { AvailableByHour = [p.AvailableByHour[0]] })],
            Versions = [.. problem.Versions.Select(v => v with { MinimumReplicas = 0 })],
        };
    }
}
