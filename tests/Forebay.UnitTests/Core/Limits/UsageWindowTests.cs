using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Xunit;
using static Forebay.UnitTests.Core.Limits.LimitPlans;

namespace Forebay.UnitTests.Core.Limits;

/// <summary>Windows by the clock on the wall: when they begin and end, and clocks that are set.</summary>
public sealed class UsageWindowTests
{
    private static readonly LimitPlan FiveHours = Window(t => t with
    {
        FiveHourWindow = new WindowConfig { Limit = 2, Unit = WindowUnit.Requests },
    });

    private static readonly LimitPlan Week = Window(t => t with
    {
        WeeklyWindow = new WindowConfig { Limit = 2, Unit = WindowUnit.Requests },
        WeekStartsOn = DayOfWeek.Thursday,
        WeekStartsAtHour = 7,
    });

    private static readonly LimitPlan Month = Window(t => t with { MonthlySpendUsd = 0.01m });

    [Fact]
    public void A_five_hour_window_opens_with_the_first_request_and_not_before()
    {
        var limits = new TenantLimits();
        Assert.Null(limits.Report(FiveHours, At(0)).Of("five_hour_window").ResetsAt);

        Assert.True(Grants(limits, FiveHours, At(3_630)));
        DateTimeOffset end = limits.Report(FiveHours, At(3_631)).Of("five_hour_window").ResetsAt!.Value;
        Assert.Equal(Noon.AddHours(6), end);
        Assert.True(Grants(limits, FiveHours, At(10_000)));
        Assert.Equal(Reason.LimitFiveHours, limits.Reserve(FiveHours, Ask(1, 1), At(6 * 3600 - 1)).Reason);

        // It is over; nothing opens until somebody asks.
        Assert.Null(limits.Report(FiveHours, At(6 * 3600)).Of("five_hour_window").ResetsAt);
        Assert.True(Grants(limits, FiveHours, At(9 * 3600)));
        Assert.Equal(Noon.AddHours(14), limits.Report(FiveHours, At(9 * 3600)).Of("five_hour_window").ResetsAt);
    }

    [Theory]
    [InlineData("2026-06-04T06:59:59.999Z", "2026-05-28T07:00Z")]
    [InlineData("2026-06-04T07:00:00Z", "2026-06-04T07:00Z")]
    [InlineData("2026-06-10T23:00:00Z", "2026-06-04T07:00Z")]
    [InlineData("2024-02-29T08:00:00Z", "2024-02-29T07:00Z")]
    [InlineData("2024-03-01T08:00:00Z", "2024-02-29T07:00Z")]
    [InlineData("1970-01-01T08:00:00Z", "1970-01-01T07:00Z")]
    [InlineData("1970-01-01T00:00:00Z", "1969-12-25T07:00Z")]
    public void A_week_begins_at_its_day_and_hour(string at, string start)
    {
        (long startMs, long endMs) = WindowCalendar.WeekOf(Ms(at), 4 * 24 + 7);

        Assert.Equal(Ms(start), startMs);
        Assert.Equal(TimeSpan.FromDays(7).TotalMilliseconds, endMs - startMs);
    }

    [Theory]
    [InlineData("2024-02-29T23:59:59.999Z", "2024-02-01Z", "2024-03-01Z")]
    [InlineData("2026-02-28T12:00Z", "2026-02-01Z", "2026-03-01Z")]
    [InlineData("2026-12-31T23:59Z", "2026-12-01Z", "2027-01-01Z")]
    [InlineData("2027-01-01T00:00Z", "2027-01-01Z", "2027-02-01Z")]
    public void A_month_is_the_calendars(string at, string start, string end) =>
        Assert.Equal((Ms(start), Ms(end)), WindowCalendar.MonthOf(Ms(at)));

    [Fact]
    public void A_used_up_week_is_granted_anew_at_its_reset_and_not_before()
    {
        var limits = new TenantLimits();
        DateTimeOffset reset = new(2026, 6, 4, 7, 0, 0, TimeSpan.Zero);
        double seconds = (reset - Noon).TotalSeconds;
        Assert.True(Grants(limits, Week, At(0)));
        Assert.True(Grants(limits, Week, At(1)));

        LimitRefusal refusal = limits.Reserve(Week, Ask(1, 1), At(seconds - 1)).Refusal!;
        Assert.Equal((Reason.LimitWeek, reset.ToUnixTimeMilliseconds(), Instant.NsPerSecond),
            (refusal.Reason, refusal.ResetsUnixMs, refusal.WaitNs));
        Assert.True(Grants(limits, Week, At(seconds)));
    }

    [Fact]
    public void The_spend_of_a_month_ends_with_the_month()
    {
        var limits = new TenantLimits();
        DateTimeOffset last = new(2024, 2, 29, 23, 59, 59, TimeSpan.Zero);
        LimitReservation r = limits.Reserve(Month, Ask(1, 1), At(0, last)).Reservation;
        limits.Settle(r, Used(0, 0, 10_000), At(0, last));

        LimitRefusal refusal = limits.Reserve(Month, Ask(1, 1), At(0.5, last.AddSeconds(0.5))).Refusal!;
        Assert.Equal((Reason.LimitSpend, Ms("2024-03-01Z")), (refusal.Reason, refusal.ResetsUnixMs));
        Assert.True(Grants(limits, Month, At(1, last.AddSeconds(1))));
    }

    [Fact]
    public void What_was_reserved_in_a_window_that_ended_counts_there()
    {
        var limits = new TenantLimits();
        LimitPlan plan = Window(t => t with
        {
            FiveHourWindow = new WindowConfig { Limit = 1_000, Unit = WindowUnit.Tokens },
        });
        LimitReservation r = limits.Reserve(plan, Ask(10, 90), At(0)).Reservation;
        Assert.True(Grants(limits, plan, At(6 * 3600)));

        limits.Settle(r, Used(10, 900), At(6 * 3600 + 1));

        Assert.Equal(2, limits.UsedOf(plan, At(6 * 3600 + 1), "five_hour_window"));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-3)]
    [InlineData(-30)]
    [InlineData(-400)]
    public void A_clock_set_back_grants_nothing_twice(int days)
    {
        foreach (LimitPlan plan in (LimitPlan[])[FiveHours, Week])
        {
            var limits = new TenantLimits();
            Assert.True(Grants(limits, plan, At(0)));
            Assert.True(Grants(limits, plan, At(1)));

            Assert.False(Grants(limits, plan, At(2, Noon.AddDays(days))));
            Assert.False(Grants(limits, plan, At(3, Noon.AddSeconds(3))));
        }
    }

    [Fact]
    public void A_clock_that_is_wrong_for_a_moment_locks_nobody_out_for_long()
    {
        foreach ((LimitPlan plan, double hours) in ((LimitPlan, double)[])[(FiveHours, 5), (Week, 7 * 24)])
        {
            var limits = new TenantLimits();
            DateTimeOffset wrong = Noon.AddYears(10);
            Assert.True(Grants(limits, plan, At(0, wrong)));
            Assert.True(Grants(limits, plan, At(1, wrong.AddSeconds(1))));

            // Set right again: the window's length and a sixteenth of real time end it, though its wall end is far off.
            double seconds = hours * 3600;
            Assert.False(Grants(limits, plan, At(seconds, Noon.AddSeconds(seconds))));
            Assert.True(Grants(limits, plan, At(seconds * 1.07, Noon.AddSeconds(seconds * 1.07))));
        }
    }

    [Fact]
    public void A_clock_that_ticks_a_little_slow_does_not_begin_a_week_twice()
    {
        var limits = new TenantLimits();
        DateTimeOffset start = new(2026, 6, 4, 7, 0, 0, TimeSpan.Zero);
        Assert.True(Grants(limits, Week, At(0, start)));
        Assert.True(Grants(limits, Week, At(1, start.AddSeconds(1))));

        // The monotonic clock says more than a week and a sixteenth, the wall still the same week: what was used stays.
        Assert.False(Grants(limits, Week, At(7.5 * 86_400, start.AddDays(6.9))));
    }

    [Fact]
    public void Another_start_of_the_week_resets_nothing()
    {
        var limits = new TenantLimits();
        Assert.True(Grants(limits, Week, At(0)));
        Assert.True(Grants(limits, Week, At(1)));
        LimitPlan moved = Of(Week.Tier with { WeekStartsOn = DayOfWeek.Sunday, WeekStartsAtHour = 0 });

        LimitRefusal refusal = limits.Reserve(moved, Ask(1, 1), At(2)).Refusal!;

        Assert.Equal(Ms("2026-06-07Z"), refusal.ResetsUnixMs);
    }

    private static bool Grants(TenantLimits limits, LimitPlan plan, Instant now) =>
        limits.Reserve(plan, Ask(1, 1), now).Refusal is null;

    private static LimitPlan Window(Func<TierConfig, TierConfig> with) => Of(with(new TierConfig { Id = "t" }));

    private static long Ms(string text) => DateTimeOffset.Parse(
        text, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal)
        .ToUnixTimeMilliseconds();
}
