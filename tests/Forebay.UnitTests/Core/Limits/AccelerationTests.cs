using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Xunit;
using static Forebay.UnitTests.Core.Limits.LimitPlans;

namespace Forebay.UnitTests.Core.Limits;

public sealed class AccelerationTests
{
    private const int Floor = 10_000;

    private static readonly LimitPlan Plan = Of(new TierConfig
    {
        Id = "t", Acceleration = new AccelerationConfig { FloorTokensPerMinute = Floor },
    });

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(60)]
    public void Who_uses_the_floor_in_every_minute_is_never_refused(int everySeconds)
    {
        var limits = new TenantLimits();
        for (int second = 0; second < 4 * 3_600; second += everySeconds)
        {
            Assert.Equal(Reason.None, Send(limits, Floor * everySeconds / 60, second));
        }
    }

    [Fact]
    public void A_jump_is_refused_and_the_wait_is_honest()
    {
        var limits = new TenantLimits();
        double second = 0;
        while (Send(limits, 500, second) == Reason.None)
        {
            second += 0.5;
        }

        LimitRefusal refusal = limits.Reserve(Plan, Ask(500, 0), At(second)).Refusal!;
        Assert.Equal(LimitKind.Acceleration, refusal.Kind);
        double wait = refusal.WaitNs / 1e9;
        Assert.InRange(wait, 0.001, 120);
        Assert.Equal(Reason.LimitAcceleration, Send(limits, 500, second + wait * 0.98));
        Assert.Equal(Reason.None, Send(limits, 500, second + wait * 1.02));
    }

    [Fact]
    public void Sustained_growth_is_held_to_the_rate_of_the_formula()
    {
        // exp(g t) with g = (factor - 1) / (over - factor): 1/8 per minute, doubling every 5.5 minutes.
        const double g = (2.0 - 1) / (10 - 2);
        Assert.True(GrowsFor(60, g * 0.9), "below the rate");
        Assert.False(GrowsFor(60, g * 1.2), "above the rate");
    }

    [Fact]
    public void A_settlement_makes_it_as_if_the_use_had_been_reserved()
    {
        var told = new TenantLimits();
        var corrected = new TenantLimits();
        for (int i = 0; i < 20; i++)
        {
            LimitReservation exact = told.Reserve(Plan, Ask(100, 50), At(i)).Reservation;
            told.Settle(exact, Used(100, 50), At(i));
            LimitReservation rough = corrected.Reserve(Plan, Ask(300, 200), At(i)).Reservation;
            corrected.Settle(rough, Used(100, 50), At(i + 0.75));
        }

        Assert.Equal(
            told.UsedOf(Plan, At(30), "acceleration"), corrected.UsedOf(Plan, At(30), "acceleration"));
    }

    [Fact]
    public void A_busy_tenant_that_is_given_this_limit_goes_on()
    {
        LimitPlan none = Of(new TierConfig { Id = "t" });
        var limits = new TenantLimits();
        int second = 0;
        for (; second < 3_600; second++)
        {
            limits.Settle(limits.Reserve(none, Ask(5_000, 0), At(second)).Reservation, Used(5_000, 0), At(second));
        }

        for (; second < 3_700; second++)
        {
            Assert.Equal(Reason.None, Send(limits, 5_000, second));
        }
    }

    private static bool GrowsFor(int minutes, double perMinute)
    {
        var limits = new TenantLimits();
        // A long steady time first, well above the floor.
        double second = 0;
        double rate = 2_000;
        LimitPlan open = Of(new TierConfig { Id = "t" });
        for (; second < 7_200; second++)
        {
            limits.Settle(
                limits.Reserve(open, Ask((long)rate, 0), At(second)).Reservation, Used((long)rate, 0), At(second));
        }

        for (; second < 7_200 + 60 * minutes; second++)
        {
            rate *= Math.Exp(perMinute / 60);
            if (Send(limits, (long)rate, second) != Reason.None)
            {
                return false;
            }
        }

        return true;
    }

    private static Reason Send(TenantLimits limits, long tokens, double second)
    {
        LimitDecision d = limits.Reserve(Plan, Ask(tokens, 0), At(second));
        if (d.Refusal is null)
        {
            limits.Settle(d.Reservation, Used(tokens, 0), At(second));
        }

        return d.Reason;
    }
}
