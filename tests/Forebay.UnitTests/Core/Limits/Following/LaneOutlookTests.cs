using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Limits.Following;
using Xunit;

namespace Forebay.UnitTests.Core.Limits.Following;

/// <summary>What the coming week of a lane counts with.</summary>
public sealed class LaneOutlookTests
{
    private const long HourMs = 3_600_000;

    /// <summary>A Monday, 09:20 UTC.</summary>
    private const long Monday = 1_764_580_800_000 + (9 * 60 + 20) * 60_000;

    private static readonly CapacityLane Lane = new("p", CapacityUnit.Accelerators);

    private static CapacityLedger Ledger(StepFunction contracted, params LedgerChange[] more)
    {
        var supply = new PoolSupply { Lane = Lane, Contracted = contracted, Shares = PoolSupply.AllUsable };
        LedgerResult result = CapacityLedger.Empty.Apply([new SetSupply(supply), .. more], Monday);
        Assert.Null(result.Refusal);
        return result.Ledger;
    }

    private static LaneOutlook Outlook(StepFunction contracted, params LedgerChange[] more) =>
        LaneOutlook.Of(Ledger(contracted, more), Lane, Monday)!;

    private static StepFunction Steps(params (long At, long Quantity)[] steps) =>
        StepFunction.Of(steps.Select(s => new CapacityStep(s.At, s.Quantity)));

    [Fact]
    public void What_ramps_tomorrow_counts_for_nothing_today_in_any_hour()
    {
        LaneOutlook outlook = Outlook(Steps((0, 8), (Monday + 24 * HourMs, 64)));
        Assert.All(outlook.ByHour, h => Assert.Equal(8, h));
        Assert.Equal((8L, 8L, null), (outlook.Now, outlook.Lasting, outlook.FallsAtUnixMs));
    }

    [Fact]
    public void What_ends_counts_until_the_hour_it_ends_in_and_lasts_no_longer()
    {
        long ends = Monday + 30 * HourMs;
        LaneOutlook outlook = Outlook(Steps((0, 8), (ends, 3)));
        Assert.Equal((8L, 3L, (long?)ends), (outlook.Now, outlook.Lasting, outlook.FallsAtUnixMs));
        Assert.Equal(8, outlook.ByHour[HourOfWeek.Of(ends - HourMs)]);
        Assert.Equal(3, outlook.ByHour[HourOfWeek.Of(ends)]);
        Assert.All(Enumerable.Range(0, HourOfWeek.Count), h => Assert.Equal(3, outlook.LeastAt(h)));
    }

    [Fact]
    public void What_is_away_for_a_time_is_away_in_those_hours_alone()
    {
        long from = Monday + 50 * HourMs;
        LaneOutlook outlook = Outlook(Steps((0, 8), (from, 0), (from + 2 * HourMs, 8)));
        Assert.Equal(3, outlook.ByHour.Count(h => h == 0));
        Assert.Equal((8L, (long?)from), (outlook.Lasting, outlook.FallsAtUnixMs));
    }

    [Fact]
    public void What_jobs_hold_for_good_and_the_reserve_are_not_for_serving_and_what_is_lent_is()
    {
        LaneOutlook outlook = Outlook(
            Steps((0, 64)),
            new GrantLease(new LeaseRequest("job", LeaseHolder.Job, "j", Lane, 8, Monday, Monday + 5 * HourMs)),
            new GrantLease(new LeaseRequest("kept", LeaseHolder.Reserve, "r", Lane, 4, Monday)),
            new GrantLease(new LeaseRequest("lent", LeaseHolder.Job, "k", Lane, 16, Monday, Revocable: true)),
            new GrantLease(new LeaseRequest("serves", LeaseHolder.Deployment, "d", Lane, 16, Monday)));
        Assert.Equal((52L, 52L), (outlook.Now, outlook.Lasting));
    }

    [Fact]
    public void A_lane_that_the_ledger_does_not_have_is_not_known() => Assert.Null(
        LaneOutlook.Of(CapacityLedger.Empty, Lane, Monday));

    /// <summary>Against a look at every minute; and with more in the ledger nothing counts less.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void It_is_the_least_of_every_minute_and_monotone(int seed)
    {
        var random = new Random(seed);
        (long At, long Quantity)[] steps =
        [
            (0, random.Next(100)),
            .. Enumerable.Range(0, random.Next(5)).Select(_ =>
                (Monday + random.Next(-10, 200 * 60) * 60_000L, (long)random.Next(100))),
        ];
        LaneOutlook outlook = Outlook(Steps(steps));
        StepFunction truth = Steps(steps);
        var least = new long[HourOfWeek.Count];
        Array.Fill(least, truth.At(Monday));
        for (long at = Monday; at < Monday + HourOfWeek.Count * HourMs; at += 60_000)
        {
            int hour = HourOfWeek.Of(at);
            least[hour] = Math.Min(least[hour], truth.At(at));
        }

        Assert.Equal(least, outlook.ByHour);
        Assert.Equal(Math.Min(truth.At(Monday), truth.At(Monday + HourOfWeek.Count * HourMs)), outlook.Lasting);

        long flat = random.Next(50);
        LaneOutlook more = Outlook(Steps([.. steps.Select(s => (s.At, s.Quantity + flat))]));
        Assert.All(Enumerable.Range(0, HourOfWeek.Count), h => Assert.True(more.ByHour[h] >= outlook.ByHour[h]));
        Assert.True(more.Now >= outlook.Now && more.Lasting >= outlook.Lasting);
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];
}
