using Forebay.Core.Capacity.Demand;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Usage;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Demand;

public sealed class NowCastTests
{
    private const long Hour = 1000;
    private static readonly TimeSpan Over = TimeSpan.FromMinutes(6);

    private static readonly FleetConfig Fleet = new()
    {
        Tenants = [new TenantConfig { Id = "acme", Tier = "t", Region = "eu", Residency = "eu-only" }],
    };

    private static readonly DemandKey Key = new("atlas", "eu", "eu-only");

    [Fact]
    public void On_the_first_day_the_present_rate_stands_for_every_hour()
    {
        DemandForecast forecast = Assert.Single(Join(new DemandHistory(8), Row("acme", 10, 100, 20, 5)));

        Assert.Equal(Key, forecast.Key);
        Assert.All(forecast.InputTokens, t => Assert.Equal(1200, t));
        Assert.All(forecast.OutputTokens, t => Assert.Equal(50, t));
        Assert.All(forecast.Requests, r => Assert.Equal(100, r));
    }

    [Fact]
    public void Where_the_past_is_known_only_this_hour_and_the_next_follow_the_present_and_never_down()
    {
        var history = new DemandHistory(8);
        for (long h = Hour - HourOfWeek.Count; h < Hour; h++)
        {
            history.Add(h, Key, new DemandAmounts(1000, 60, 50));
        }

        DemandForecast forecast = Assert.Single(Join(history, Row("acme", 10, 100, 20, 5)));

        Assert.Equal(1200, forecast.InputTokens[HourOfWeek.Of(Hour)]);
        Assert.Equal(1200, forecast.InputTokens[HourOfWeek.Of(Hour + 1)]);
        Assert.Equal(1000, forecast.InputTokens[HourOfWeek.Of(Hour + 2)]);
        Assert.Equal(60, forecast.OutputTokens[HourOfWeek.Of(Hour)]);
    }

    [Fact]
    public void Tenants_of_one_class_add_up_and_one_that_is_gone_counts_without_a_class()
    {
        IReadOnlyList<DemandForecast> joined = Join(
            new DemandHistory(8), Row("acme", 1, 10, 0, 1), Row("acme", 2, 30, 0, 1), Row("gone", 1, 7, 0, 1));

        Assert.Equal(2, joined.Count);
        Assert.Equal(400, joined.Single(f => f.Key == Key).InputTokens[0]);
        Assert.Equal(70, joined.Single(f => f.Key.Residency.Length == 0).InputTokens[0]);
    }

    [Fact]
    public void Nothing_asked_and_nothing_known_is_no_demand() => Assert.Empty(Join(new DemandHistory(8)));

    private static IReadOnlyList<DemandForecast> Join(DemandHistory history, params UsageRow[] rows) =>
        NowCast.Join(history, rows, Fleet, 0.9, Hour, Over);

    private static UsageRow Row(string tenant, long requests, long input, long written, long output) => new(
        [tenant, "atlas"], requests, 0, new TokenUsage(input, 999, written, output), 0, 0, 0, 0);

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
