using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Xunit;
using static Forebay.UnitTests.Core.Limits.LimitPlans;

namespace Forebay.UnitTests.Core.Limits;

public sealed class TenantLimitsTests
{
    private static readonly LimitPlan Plan = Of(new TierConfig
    {
        Id = "t", RequestsPerMinute = 60, InputTokensPerMinute = 1_000, OutputTokensPerMinute = 800,
    });

    /// <summary>What a tenant takes, as docs/reference/limits.md says it: nothing allocated here is garbage, but for the
    /// table of models when it grows.</summary>
    [Fact]
    public void A_tenant_takes_the_memory_that_the_documentation_tells()
    {
        const int most = 8;
        long[] bytes = new long[most + 1];
        _ = Allocated(1);
        for (int models = 0; models <= most; models++)
        {
            bytes[models] = Allocated(models);
        }

        Assert.True(bytes[0] <= 400 && bytes[most] - bytes[0] <= 300 * most, string.Join(", ", bytes));

        static long Allocated(int models)
        {
            string[] names = [.. Enumerable.Range(0, models).Select(m => $"m{m}")];
            LimitRequest ask = Ask(10, 100);
            long before = GC.GetAllocatedBytesForCurrentThread();
            var limits = new TenantLimits();
            LimitDecision first = limits.Reserve(Plan, ask, At(0));
            limits.Cancel(first.Reservation, At(0));
            foreach (string name in names)
            {
                LimitDecision one = limits.Reserve(Plan, ask with { Model = name }, At(0));
                limits.Settle(one.Reservation, Used(10, 40), At(0));
            }

            long after = GC.GetAllocatedBytesForCurrentThread();
            GC.KeepAlive(limits);
            return after - before;
        }
    }

    [Fact]
    public void A_client_that_always_asks_for_the_longest_answer_is_still_served()
    {
        var limits = new TenantLimits();

        LimitDecision decision = limits.Reserve(Plan, Ask(10, 128_000), At(100));

        Assert.Equal(Reason.None, decision.Reason);
        Assert.Equal(800, decision.Reservation.OutputTokens);
    }

    [Fact]
    public void A_client_that_always_asks_for_128000_tokens_is_served_by_its_real_use_on_an_80k_tier()
    {
        LimitPlan tier = Of(new TierConfig { Id = "t", OutputTokensPerMinute = 80_000 });
        var limits = new TenantLimits();

        // Cold: a reservation is the cold one, so twenty requests are not kept out by the first.
        var open = new List<LimitReservation>();
        while (limits.Reserve(tier, Ask(10, 128_000), At(0)) is { Refusal: null } granted)
        {
            open.Add(granted.Reservation);
        }

        Assert.Equal(80_000 / TenantLimits.ColdOutputTokens, open.Count);
        open.ForEach(r => limits.Settle(r, Used(10, 400), At(0)));
        Assert.Equal(19 * 400, limits.UsedOf(tier, At(0), "output_tokens_per_minute"));

        // Warm: answers are about 400 tokens long, and that is what is reserved, a bin's width above at most.
        LimitDecision warm = limits.Reserve(tier, Ask(10, 128_000), At(60));
        Assert.InRange(warm.Reservation.OutputTokens, 400, 500);
    }

    [Fact]
    public void A_refused_reservation_takes_nothing_of_any_limit()
    {
        LimitPlan rich = Of(new TierConfig
        {
            Id = "t",
            RequestsPerMinute = 60,
            InputTokensPerMinute = 1_000,
            OutputTokensPerMinute = 800,
            FiveHourWindow = new WindowConfig { Limit = 100_000, Unit = WindowUnit.Tokens },
            WeeklyWindow = new WindowConfig { Limit = 100, Unit = WindowUnit.Usd },
            MonthlySpendUsd = 100,
            Classes = [new ClassLimitsConfig { Class = "large", OutputTokensPerMinute = 500 }],
        });
        var limits = new TenantLimits();
        Assert.Equal(Reason.None, limits.Reserve(rich, Ask(10, 500, "large"), At(100)).Reason);
        LimitReport before = limits.Report(rich, At(100));

        LimitDecision refused = limits.Reserve(rich, Ask(10, 1, "large"), At(100));

        Assert.Equal(Reason.LimitOutputTokens, refused.Reason);
        Assert.Equal("large", refused.Refusal!.ModelClass);
        Assert.Equal(before.Limits, limits.Report(rich, At(100)).Limits);
    }

    [Fact]
    public void Settling_gives_back_what_was_not_used()
    {
        var limits = new TenantLimits();
        LimitDecision decision = limits.Reserve(Plan, Ask(500, 800), At(100));

        limits.Settle(decision.Reservation, Used(100, 50), At(100));

        LimitReport report = limits.Report(Plan, At(100));
        Assert.Equal(1, report.Of("requests_per_minute").Used);
        Assert.Equal(900, report.Of("input_tokens_per_minute").Remaining);
        Assert.Equal(750, report.Of("output_tokens_per_minute").Remaining);
    }

    [Fact]
    public void A_request_that_was_never_accepted_leaves_no_trace()
    {
        LimitPlan rich = Of(new TierConfig
        {
            Id = "t",
            Priority = PriorityClass.Batch,
            RequestsPerMinute = 60,
            InputTokensPerMinute = 1_000,
            FiveHourWindow = new WindowConfig { Limit = 10, Unit = WindowUnit.Requests },
            Acceleration = new AccelerationConfig { FloorTokensPerMinute = 1_000 },
            MonthlySpendUsd = 100,
            MaxBatchRequests = 1,
        });
        var limits = new TenantLimits();
        LimitReport before = limits.Report(rich, At(0));

        limits.Cancel(limits.Reserve(rich, Ask(100, 100), At(0)).Reservation, At(0));

        Assert.Equal(before.Limits, limits.Report(rich, At(0)).Limits);
    }

    [Fact]
    public void What_settles_long_after_counts_from_then()
    {
        var limits = new TenantLimits();
        LimitReservation r = limits.Reserve(Plan, Ask(10, 10), At(0)).Reservation;

        limits.Settle(r, Used(10, 810), At(500));

        Assert.Equal(800, limits.UsedOf(Plan, At(500), "output_tokens_per_minute"));
        Assert.Equal(Reason.LimitOutputTokens, limits.Reserve(Plan, Ask(1, 1), At(500)).Reason);
    }

    [Fact]
    public void The_wait_is_exactly_until_the_reservation_succeeds()
    {
        var limits = new TenantLimits();
        Assert.Equal(Reason.None, limits.Reserve(Plan, Ask(1_000, 1), At(0)).Reason);

        LimitRefusal refusal = limits.Reserve(Plan, Ask(250, 1), At(0)).Refusal!;

        Assert.Equal((LimitKind.InputTokensPerMinute, 1_000m, 0m, 250m),
            (refusal.Kind, refusal.Limit, refusal.Remaining, refusal.Needed));
        Assert.Equal(15_000_000_000, refusal.WaitNs);
        Assert.NotNull(limits.Reserve(Plan, Ask(250, 1), At(14.99)).Refusal);
        Assert.Null(limits.Reserve(Plan, Ask(250, 1), At(15)).Refusal);
    }

    [Fact]
    public void Of_several_limits_in_the_way_the_one_that_lasts_longest_is_named()
    {
        LimitPlan both = Of(new TierConfig
        {
            Id = "t",
            RequestsPerMinute = 1,
            WeeklyWindow = new WindowConfig { Limit = 1, Unit = WindowUnit.Requests },
        });
        var limits = new TenantLimits();
        Assert.Equal(Reason.None, limits.Reserve(both, Ask(1, 1), At(0)).Reason);

        LimitRefusal refusal = limits.Reserve(both, Ask(1, 1), At(0)).Refusal!;

        Assert.Equal(Reason.LimitWeek, refusal.Reason);
        Assert.Equal(Noon.AddHours(6 * 24 + 12).ToUnixTimeMilliseconds(), refusal.ResetsUnixMs);
    }

    [Fact]
    public void A_class_has_limits_of_its_own_beside_those_over_all_models()
    {
        LimitPlan plan = Of(new TierConfig
        {
            Id = "t",
            RequestsPerMinute = 3,
            Classes = [new ClassLimitsConfig { Class = "large", RequestsPerMinute = 2 }],
        });
        var limits = new TenantLimits();
        Reason Ask1(string? modelClass) => limits.Reserve(plan, Ask(1, 1, modelClass), At(0)).Reason;

        Assert.Equal(Reason.None, Ask1("large"));
        Assert.Equal(Reason.None, Ask1("large"));
        LimitRefusal refusal = limits.Reserve(plan, Ask(1, 1, "large"), At(0)).Refusal!;
        Assert.Equal(("large", 2m), (refusal.ModelClass, refusal.Limit));
        Assert.Equal(Reason.None, Ask1("small"));
        Assert.Null(limits.Reserve(plan, Ask(1, 1), At(0)).Refusal?.ModelClass);
        Assert.Equal(Reason.LimitRequests, Ask1(null));
    }

    [Fact]
    public void Batch_requests_are_bounded_and_free_their_place_when_they_end()
    {
        LimitPlan plan = Of(new TierConfig { Id = "b", Priority = PriorityClass.Batch, MaxBatchRequests = 2 });
        var limits = new TenantLimits();
        LimitReservation first = limits.Reserve(plan, Ask(1, 1), At(0)).Reservation;
        LimitReservation second = limits.Reserve(plan, Ask(1, 1), At(0)).Reservation;

        Assert.Equal(Reason.LimitBatchQueue, limits.Reserve(plan, Ask(1, 1), At(0)).Reason);
        limits.Settle(first, default, At(40));
        LimitReservation third = limits.Reserve(plan, Ask(1, 1), At(40)).Reservation;
        // One took 40 s, two run at once: one of them ends every 20 s or so.
        Assert.Equal(20_000_000_000, limits.Reserve(plan, Ask(1, 1), At(40)).Refusal!.WaitNs);
        limits.Settle(second, default, At(41));
        limits.Settle(third, default, At(41));
        Assert.Equal(0, limits.UsedOf(plan, At(41), "max_batch_requests"));
    }

    [Fact]
    public void A_reload_between_reserve_and_settle_loses_and_doubles_nothing()
    {
        LimitPlan small = Of(new TierConfig { Id = "s", OutputTokensPerMinute = 1_000 });
        LimitPlan large = Of(new TierConfig
        {
            Id = "l", OutputTokensPerMinute = 100_000, InputTokensPerMinute = 5_000,
        });
        var limits = new TenantLimits();
        LimitReservation r = limits.Reserve(small, Ask(200, 1_000), At(0)).Reservation;

        // In force at once, and what is used stays used.
        Assert.Equal(1_000, limits.UsedOf(large, At(0), "output_tokens_per_minute"));
        limits.Settle(r, Used(200, 600), At(0));

        LimitReport after = limits.Report(large, At(0));
        Assert.Equal(600, after.Of("output_tokens_per_minute").Used);
        // The input bucket is new: the reservation was not taken from it, so all of the use counts now.
        Assert.Equal(200, after.Of("input_tokens_per_minute").Used);
    }

    [Fact]
    public void Absurd_counts_poison_nothing()
    {
        LimitPlan plan = Of(new TierConfig
        {
            Id = "t",
            OutputTokensPerMinute = 1_000,
            WeeklyWindow = new WindowConfig { Limit = 1_000_000, Unit = WindowUnit.Tokens },
            MonthlySpendUsd = 10,
        });
        var limits = new TenantLimits();
        LimitReservation r = limits.Reserve(plan, Ask(10, 10), At(0)).Reservation;
        limits.Settle(r, new LimitUse(-5, long.MinValue, long.MinValue, true), At(0));
        LimitReport report = limits.Report(plan, At(0));
        Assert.All(report.Limits, l => Assert.Equal(0, l.Used));

        LimitReservation s = limits.Reserve(plan, Ask(10, 10), At(0)).Reservation;
        limits.Settle(s, new LimitUse(long.MaxValue, long.MaxValue, long.MaxValue, true), At(0));
        Assert.All(limits.Report(plan, At(0)).Limits, l => Assert.True(l.Used >= l.Limit && l.Remaining == 0));
        Assert.NotNull(limits.Reserve(plan, Ask(1, 1), At(0)).Refusal);
    }
}
