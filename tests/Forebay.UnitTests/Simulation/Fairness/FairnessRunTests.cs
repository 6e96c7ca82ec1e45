using Forebay.Simulation.Fairness;
using Forebay.UnitTests.Simulation.Cells;
using Xunit;

namespace Forebay.UnitTests.Simulation.Fairness;

/// <summary>The bounds that the queue owes its tenants, through router and engines.</summary>
public sealed class FairnessRunTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Backlogged_tenants_are_served_by_weight_at_no_cost_in_throughput(ulong seed)
    {
        IReadOnlyList<TenantLoad> tenants = TenantLoad.Contrast(20);
        FairnessReport fair = FairnessRun.Run(CellFixture.Config(places: 12), tenants, seed, fair: true);
        FairnessReport unfair = FairnessRun.Run(CellFixture.Config(places: 12), tenants, seed, fair: false);
        Assert.InRange(fair.Gap, 1, fair.GapBound);
        Assert.InRange(fair.JainIndex, 0.99, 1);
        Assert.InRange(fair.TokensPerSecond / unfair.TokensPerSecond, 0.97, 10);

        // First come, first served passes neither: the measure can fail.
        Assert.True(unfair.JainIndex < 0.9);
        Assert.True(unfair.Gap > unfair.GapBound);
    }
}
