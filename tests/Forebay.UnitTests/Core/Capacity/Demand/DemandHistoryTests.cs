using Forebay.Core.Capacity.Demand;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Usage;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Demand;

public sealed class DemandHistoryTests
{
    /// <summary>Monday 5 October 2026, 00:00 UTC.</summary>
    private static readonly long Monday = HourOfWeek.HourAt(
        new DateTimeOffset(2026, 10, 5, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds());

    private static readonly DemandKey Key = new("atlas", "eu-west", "eu-only");

    [Theory]
    [InlineData("2026-10-05T00:00:00Z", 0)]
    [InlineData("2026-10-05T23:59:59Z", 23)]
    [InlineData("2026-10-11T23:00:00Z", 167)]
    [InlineData("1970-01-01T00:00:00Z", 72)]
    [InlineData("1969-12-29T00:30:00Z", 0)]
    public void Hours_count_from_Monday_midnight(string at, int hour) => Assert.Equal(
        hour, HourOfWeek.Of(HourOfWeek.HourAt(DateTimeOffset.Parse(at, null).ToUnixTimeMilliseconds())));

    [Fact]
    public void A_quantile_is_something_that_was_asked_for()
    {
        var history = new DemandHistory(8);
        for (int week = 0; week < 4; week++)
        {
            Fill(history, week, hour => hour == 10 ? 100 * (week % 2 + 1) : hour == 11 ? 100 * (2 - week % 2) : 50);
        }

        DemandForecast high = history.Forecast(Key, 0.9, Monday + 4 * HourOfWeek.Count);
        DemandForecast low = history.Forecast(Key, 0.5, Monday + 4 * HourOfWeek.Count);
        Assert.Equal(1, high.WeeklyGrowth);
        Assert.Equal(200, high.InputTokens[10]);
        Assert.Equal(100, low.InputTokens[10]);
        Assert.Equal(50, high.InputTokens[12]);
        Assert.All(high.Bases, b => Assert.Equal(ForecastBasis.HourOfWeek, b));
    }

    [Fact]
    public void Growth_from_week_to_week_is_carried_on()
    {
        var history = new DemandHistory(8);
        for (int week = 0; week < 4; week++)
        {
            Fill(history, week, _ => 1000 * Math.Pow(1.1, week));
        }

        DemandForecast forecast = history.Forecast(Key, 0.5, Monday + 4 * HourOfWeek.Count);
        Assert.Equal(1.1, forecast.WeeklyGrowth, 1e-4);
        Assert.Equal(1000 * Math.Pow(1.1, 4), forecast.InputTokens[0], 2.0);
    }

    [Theory]
    [InlineData(1, ForecastBasis.Neighbours)]
    [InlineData(2, ForecastBasis.Neighbours)]
    [InlineData(3, ForecastBasis.HourOfWeek)]
    public void Few_weeks_are_helped_out_by_hours_like_it(int weeks, ForecastBasis basis)
    {
        var history = new DemandHistory(8);
        for (int week = 0; week < weeks; week++)
        {
            Fill(history, week, hour => hour % 24 == 3 ? 7 : 1);
        }

        DemandForecast forecast = history.Forecast(Key, 1, Monday + weeks * HourOfWeek.Count);
        Assert.Equal(basis, forecast.Bases[51]);
        Assert.Equal(7, forecast.InputTokens[51], 1e-3);
    }

    [Fact]
    public void One_day_gives_the_day_and_one_hour_gives_all_hours()
    {
        var day = new DemandHistory(8);
        var hour = new DemandHistory(8);
        for (int h = 0; h < 72; h++)
        {
            day.Add(Monday + h, Key, new DemandAmounts(h % 24, 0, 0));
        }

        hour.Add(Monday, Key, new DemandAmounts(5, 1, 1));
        DemandForecast ofDay = day.Forecast(Key, 1, Monday + 73);
        Assert.Equal(ForecastBasis.HourOfDay, ofDay.Bases[120 + 9]);
        Assert.Equal(9, ofDay.InputTokens[120 + 9]);
        DemandForecast ofHour = hour.Forecast(Key, 1, Monday + 1);
        Assert.All(ofHour.Bases, b => Assert.Equal(ForecastBasis.AllHours, b));
        Assert.All(ofHour.InputTokens, t => Assert.Equal(5, t));
        Assert.All(history(), b => Assert.Equal(ForecastBasis.None, b));

        static IEnumerable<ForecastBasis> history() => new DemandHistory(2).Forecast(Key, 1, 1000).Bases;
    }

    [Fact]
    public void Missing_hours_are_not_idle_hours()
    {
        var history = new DemandHistory(8);
        for (int week = 0; week < 6; week++)
        {
            for (int h = 0; h < HourOfWeek.Count; h++)
            {
                // In two of six weeks nobody looked at Tuesday.
                if (week < 2 && h is >= 24 and < 48)
                {
                    continue;
                }

                history.Observe(Monday + week * HourOfWeek.Count + h);
                if (h != 30 || week >= 4)
                {
                    history.Add(Monday + week * HourOfWeek.Count + h, Key, new DemandAmounts(10, 1, 1));
                }
            }
        }

        DemandForecast forecast = history.Forecast(Key, 0.5, Monday + 6 * HourOfWeek.Count);
        Assert.Equal(10 * forecast.WeeklyGrowth, forecast.InputTokens[25], 1.0);
        Assert.Equal(0, forecast.InputTokens[30]);
    }

    [Fact]
    public void What_is_older_than_the_weeks_is_forgotten_in_the_same_memory()
    {
        var history = new DemandHistory(2);
        for (int week = 0; week < 5; week++)
        {
            Fill(history, week, _ => week < 3 ? 1_000_000 : 10);
        }

        DemandForecast forecast = history.Forecast(Key, 1, Monday + 5 * HourOfWeek.Count);
        Assert.All(forecast.InputTokens, t => Assert.InRange(t, 1, 41));
        history.Add(Monday, Key, new DemandAmounts(1, 1, 1));
        Assert.Equal(1, history.Dropped);
    }

    [Fact]
    public void Hours_may_come_in_any_order()
    {
        var random = new Random(7);
        long[] hours = [.. Enumerable.Range(0, 3 * HourOfWeek.Count).Select(h => Monday + h)];
        var inOrder = new DemandHistory(3);
        var shuffled = new DemandHistory(3);
        foreach (long hour in hours)
        {
            inOrder.Add(hour, Key, new DemandAmounts(hour % 91, hour % 17, 1));
        }

        random.Shuffle(hours);
        shuffled.Observe(Monday + 3 * HourOfWeek.Count - 1);
        foreach (long hour in hours)
        {
            shuffled.Add(hour, Key, new DemandAmounts(hour % 91, hour % 17, 1));
        }

        long now = Monday + 3 * HourOfWeek.Count;
        Assert.Equal(inOrder.Forecast(Key, 0.9, now).InputTokens, shuffled.Forecast(Key, 0.9, now).InputTokens);
        Assert.Equal(inOrder.Forecast(Key, 0.9, now).OutputTokens, shuffled.Forecast(Key, 0.9, now).OutputTokens);
    }

    [Fact]
    public void Ledger_rows_count_as_their_tenants_region_and_residency()
    {
        var fleet = new FleetConfig
        {
            Tenants =
            [
                new TenantConfig { Id = "bank", Tier = "t", Region = "eu-west", Residency = "eu-only" },
                new TenantConfig { Id = "shop", Tier = "t" },
            ],
        };
        var history = new DemandHistory(8);
        LedgerDemand.AddTo(history, [Row("bank", 100, 20, 5), Row("shop", 1, 1, 1), Row("gone", 2, 2, 2)], fleet);
        DemandForecast bank = history.Forecast(Key, 1, Monday + 1);
        DemandForecast others = history.Forecast(new DemandKey("atlas"), 1, Monday + 1);
        Assert.Equal(120, bank.InputTokens[0]);
        Assert.Equal(5, bank.OutputTokens[0]);
        Assert.Equal(6, others.InputTokens[0]);

        static UsageRow Row(string tenant, long input, long cacheWrite, long output) => new(
            ["2026-10-05T00:00:00Z", tenant, "atlas"], 1, 0, new TokenUsage(input, 1_000_000, cacheWrite, output), 0, 0, 0, 0);
    }

    [Fact]
    public void Csv_reports_every_problem_with_its_line()
    {
        var problems = new List<string>();
        Assert.Empty(DemandCsv.Read("model,hour,input_tokens,tokens\n", new FleetConfig(), 0, problems));
        Assert.Equal(2, problems.Count);
        problems.Clear();
        DemandCsv.Read("model,hour,input_tokens,output_tokens\natlas,168,-1,x\n", new FleetConfig(), 0, problems);
        Assert.Contains(problems, p => p.StartsWith("line 2: the fleet has no model 'atlas'", StringComparison.Ordinal));
    }

    private static void Fill(DemandHistory history, int week, Func<int, double> tokens)
    {
        for (int h = 0; h < HourOfWeek.Count; h++)
        {
            history.Add(Monday + week * HourOfWeek.Count + h, Key, new DemandAmounts(tokens(h), tokens(h) / 10, 1));
        }
    }
}
