using Forebay.Core.Capacity.Demand;
using Forebay.Core.Fleet;
using Forebay.Core.Usage;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Demand;

public sealed class NowCastTests
{
    private static DemandForecast Of(double asked) => Assert.Single(NowCast.Join(
        new DemandHistory(1),
        [new UsageRow(["acme", "atlas"], 10, 0, new TokenUsage(600, 0, 0, 300), 0, 0, 0, 0)],
        new FleetConfig(),
        0.9,
        nowHour: 1000,
        TimeSpan.FromSeconds(30),
        model => model == "atlas" ? asked : 1));

    [Fact]
    public void What_was_used_is_a_rate_over_the_time_it_took() =>
        Assert.Equal((600 * 120.0, 300 * 120.0), (Of(1).InputTokens[0], Of(1).OutputTokens[0]));

    [Fact]
    public void What_waits_is_asked_for_too() => Assert.Equal(3 * Of(1).OutputTokens[0], Of(3).OutputTokens[0]);
}
