using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Limits;

public sealed class TenantLimitsTests
{
    private static readonly TierConfig Tier = new()
    {
        Id = "t", RequestsPerMinute = 60, InputTokensPerMinute = 1_000, OutputTokensPerMinute = 800,
    };

    private static Instant At(double seconds) => new((long)(seconds * Instant.NsPerSecond), 0);

    [Fact]
    public void A_client_that_always_asks_for_the_longest_answer_is_still_served()
    {
        var limits = new TenantLimits();

        LimitDecision decision = limits.Reserve(Tier, 10, 128_000, At(100));

        Assert.Equal(Reason.None, decision.Reason);
        Assert.Equal(800, decision.Reservation.OutputTokens);
    }

    [Fact]
    public void A_refused_reservation_takes_nothing_from_the_other_buckets()
    {
        var limits = new TenantLimits();
        Assert.Equal(Reason.None, limits.Reserve(Tier, 10, 800, At(100)).Reason);

        LimitDecision refused = limits.Reserve(Tier, 10, 1, At(100));

        Assert.Equal(Reason.LimitOutputTokens, refused.Reason);
        Assert.Equal(59, limits.Requests.Remaining(60, At(100)));
        Assert.Equal(990, limits.InputTokens.Remaining(1_000, At(100)));
    }

    [Fact]
    public void Settling_gives_back_what_was_not_used()
    {
        var limits = new TenantLimits();
        LimitDecision decision = limits.Reserve(Tier, 500, 800, At(100));

        limits.Settle(Tier, decision.Reservation, 100, 50, At(100));

        Assert.Equal(900, limits.InputTokens.Remaining(1_000, At(100)));
        Assert.Equal(750, limits.OutputTokens.Remaining(800, At(100)));
    }

    [Fact]
    public void Over_any_interleaving_use_stays_within_the_limit_and_the_stated_settlement_bound()
    {
        Prop.ForAll<(ushort Output, ushort Used, byte GapMs, bool Settle)[]>(steps =>
        {
            var limits = new TenantLimits();
            var open = new Queue<(LimitReservation Reservation, long Used)>();
            double nowMs = 0;
            long used = 0;
            long overrun = 0;
            foreach ((ushort output, ushort usedOutput, byte gapMs, bool settle) in steps)
            {
                nowMs += gapMs;
                LimitDecision d = limits.Reserve(Tier, 1, output, At(nowMs / 1000));
                if (d.Reason == Reason.None)
                {
                    open.Enqueue((d.Reservation, usedOutput));
                }

                if (settle && open.TryDequeue(out (LimitReservation Reservation, long Used) one))
                {
                    limits.Settle(Tier, one.Reservation, 1, one.Used, At(nowMs / 1000));
                    used += one.Used;
                    overrun += Math.Max(0, one.Used - one.Reservation.OutputTokens);
                }
            }

            // What is settled never passes capacity and refill by more than what exceeded its own reservation.
            return used <= 800 + 800 * nowMs / 60_000 + overrun + 1;
        }).QuickCheckThrowOnFailure();
    }
}
