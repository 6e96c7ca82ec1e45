using System.Collections.Immutable;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Placement;

public sealed class PoolBarTests
{
    private static readonly Instant Now = new(0, 0);

    [Fact]
    public void Where_a_version_failed_it_is_not_started_and_goes_elsewhere()
    {
        PlacementPlan free = Placer.Step(Problem(), PlacementState.Empty, Now, 1);
        string pool = free.Starts.First(s => s.Model == "atlas-small").Pool;

        PlacementPlan barred = Placer.Step(
            Problem(new PoolBar("atlas-small", "2026-08-15", pool)), PlacementState.Empty, Now, 1);

        Assert.DoesNotContain(barred.Starts, s => s.Model == "atlas-small" && s.Pool == pool);
        Assert.Contains(barred.Starts, s => s.Model == "atlas-small");
        Assert.Contains(barred.Starts, s => s.Model == "atlas-large");
    }

    [Fact]
    public void Barred_everywhere_the_report_says_that_it_fails()
    {
        PlacementProblem problem = Problem();
        PlacementPlan plan = Placer.Step(
            problem with
            {
                Barred = [.. problem.Pools.Select(p => new PoolBar("atlas-large", "2026-10-01", p.Id))],
            },
            PlacementState.Empty,
            Now,
            1);

        Assert.DoesNotContain(plan.Starts, s => s.Model == "atlas-large");
        UnmetMinimum unmet = Assert.Single(plan.UnmetMinimums, m => m.Model == "atlas-large");
        Assert.Equal(PlacementExclusion.Failing, unmet.Binding);
    }

    private static PlacementProblem Problem(params ImmutableArray<PoolBar> barred)
    {
        FleetConfig fleet = PlacedFleet.Read();
        return new PlacementInputs { Barred = barred }
            .ProblemAt(fleet, PlacedFleet.ReadDemand(fleet), ExportMasks.None, Now);
    }
}
