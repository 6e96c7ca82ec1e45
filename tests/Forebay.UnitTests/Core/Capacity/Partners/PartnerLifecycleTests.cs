using System.Collections.Immutable;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Partners;

public sealed class PartnerLifecycleTests
{
    private const long Day = 86_400_000;
    private static readonly CapacityLane Lane = new("east-h100", CapacityUnit.Accelerators);

    [Fact]
    public void Each_step_out_of_order_says_what_is_missing()
    {
        Partner offer = PartnerLifecycle.Begin(SmallOffer.Of());
        Partner signed = Done(PartnerLifecycle.Sign(offer, "MSA 7"));

        Assert.Contains("name what was signed", PartnerLifecycle.Sign(offer, null).Refusal, StringComparison.Ordinal);
        Assert.Contains(
            "It waits for the contract: forebay provider sign east", PartnerLifecycle.Connect(offer, Empty).Refusal,
            StringComparison.Ordinal);
        Assert.Contains(
            "only one that is connected can be accepted", PartnerLifecycle.BeginAcceptance(signed, SmallOffer.FullMs)
                .Refusal, StringComparison.Ordinal);
        Assert.Contains(
            "east-h100: no answer", PartnerLifecycle.Connect(
                signed, new Dictionary<string, string> { ["east-h100"] = "no answer" }).Refusal, StringComparison.Ordinal);
        Assert.Contains("drain it first", PartnerLifecycle.Exit(InRamp(64), [], 0).Refusal, StringComparison.Ordinal);
        Assert.Contains("its terms are in force", PartnerLifecycle.Amend(InRamp(64), SmallOffer.Of()).Refusal,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_pool_without_a_connection_is_named()
    {
        Partner offer = PartnerLifecycle.Begin(SmallOffer.Of() with { Connections = [] });
        Partner signed = Done(PartnerLifecycle.Sign(offer, "x"));

        Assert.Contains(
            "no connection for east-h100", PartnerLifecycle.Connect(signed, Empty).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_counts_before_an_acceptance_and_nothing_is_accepted_before_the_term()
    {
        Partner connected = Connected();

        Assert.Equal(0, Supply(connected).Available().At(SmallOffer.FullMs));
        Assert.Contains(
            "It begins 2026-06-01", PartnerLifecycle.BeginAcceptance(connected, SmallOffer.RampMs - (30 * Day)).Refusal,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_accepted_in_the_ramp_counts_by_its_share_and_time_brings_it_into_service()
    {
        Partner ramping = InRamp(32);

        Assert.Equal(PartnerState.Ramping, ramping.State);
        Assert.Equal([0L, 32, 64], new[] { SmallOffer.RampMs - 1, SmallOffer.RampMs, SmallOffer.FullMs }
            .Select(Supply(ramping).Available().At));
        Assert.Equal("", PartnerLifecycle.Tick(ramping, SmallOffer.RampMs + 1).Event);
        Assert.Equal(PartnerState.InService, Done(PartnerLifecycle.Tick(ramping, SmallOffer.FullMs)).State);
    }

    [Fact]
    public void A_shortfall_starts_the_clock_once_and_a_pass_stops_it()
    {
        Partner shorted = InRamp(24);
        Assert.Equal((SmallOffer.RampMs, SmallOffer.RampMs + (30 * Day)), (shorted.ShortSinceUnixMs!.Value,
            shorted.CureUntilUnixMs!.Value));
        Assert.Equal(48, Supply(shorted).Available().At(SmallOffer.FullMs));

        Partner again = Accept(shorted, 28, 32, SmallOffer.RampMs + Day);
        Assert.Equal(SmallOffer.RampMs, again.ShortSinceUnixMs);
        Partner missed = Done(PartnerLifecycle.Tick(again, SmallOffer.RampMs + (30 * Day)));
        Assert.True(missed.CureMissed);
        Assert.Equal("", PartnerLifecycle.Tick(missed, SmallOffer.RampMs + (31 * Day)).Event);

        Partner cured = Accept(missed, 64, 64, SmallOffer.RampMs + (32 * Day));
        Assert.Equal((PartnerState.InService, null, false), (cured.State, cured.ShortSinceUnixMs, cured.CureMissed));
        // The past keeps the share that it had.
        Assert.Equal([24L, 28, 64], new[] { 0L, 1, 32 }.Select(d =>
            Supply(cured).Available().At(SmallOffer.RampMs + (d * Day))));
    }

    [Fact]
    public void What_answers_nothing_stays_in_acceptance_with_the_clock_running()
    {
        Partner failed = Accept(Begun(), 0, 32, SmallOffer.RampMs);

        Assert.Equal(PartnerState.Acceptance, failed.State);
        Assert.NotNull(failed.ShortSinceUnixMs);
        Assert.Equal(0, PartnerPlan.PartOf(failed).Count);
    }

    [Fact]
    public void A_reclaim_during_the_ramp_takes_its_part_of_what_ramps_and_short_notice_is_on_record()
    {
        PartnerStep step = PartnerLifecycle.Reclaim(InRamp(32), SmallOffer.RampMs + (20 * Day), 40, SmallOffer.RampMs);

        Assert.Equal("reclaim.short_notice", step.Event);
        Assert.Equal(10, Assert.Single(step.Next!.Reclaims).ShortByDays);
        Assert.Equal([32L, 24], new[] { SmallOffer.RampMs, SmallOffer.FullMs }.Select(Supply(step.Next).Available().At));
    }

    [Fact]
    public void A_notice_is_on_record_once_and_ends_with_its_withdrawal()
    {
        long at = SmallOffer.RampMs + (20 * Day);
        Partner said = Done(PartnerLifecycle.Reclaim(InRamp(32), at, 40, SmallOffer.RampMs, "w-1"));
        Assert.Equal("", PartnerLifecycle.Reclaim(said, at, 40, SmallOffer.RampMs + 5, "w-1").Event);
        Assert.Equal("", PartnerLifecycle.ReturnReclaimed(said, "w-2", at).Event);

        Partner back = Done(PartnerLifecycle.ReturnReclaimed(said, "w-1", SmallOffer.FullMs + Day));
        Assert.Equal([24L, 64], new[] { SmallOffer.FullMs, SmallOffer.FullMs + Day }.Select(Supply(back).Available().At));
        Assert.Equal("", PartnerLifecycle.ReturnReclaimed(back, "w-1", SmallOffer.FullMs + Day).Event);

        // Taken back before its time: nothing was ever away.
        Partner never = Done(PartnerLifecycle.ReturnReclaimed(said, "w-1", at - 1));
        Assert.Equal(64, Supply(never).Available().At(SmallOffer.FullMs));
    }

    [Fact]
    public void It_leaves_when_nothing_uses_it_and_its_lanes_are_empty_from_then_on()
    {
        Partner draining = Done(PartnerLifecycle.Drain(InRamp(32), SmallOffer.RampMs + 5));

        Assert.Contains("still used by deployment d", PartnerLifecycle.Exit(draining, ["deployment d"], 0).Refusal,
            StringComparison.Ordinal);
        Partner exited = Done(PartnerLifecycle.Exit(draining, [], SmallOffer.RampMs + Day));

        Assert.Equal(0, PartnerPlan.PartOf(exited).Count);
        Assert.Equal([32L, 0], new[] { SmallOffer.RampMs + 6, SmallOffer.FullMs }.Select(Supply(exited).Available().At));
    }

    private static Dictionary<string, string> Empty => [];

    private static Partner Connected() => Done(PartnerLifecycle.Connect(
        Done(PartnerLifecycle.Sign(PartnerLifecycle.Begin(SmallOffer.Of()), "MSA 7")), Empty));

    private static Partner Begun() => Done(PartnerLifecycle.BeginAcceptance(Connected(), SmallOffer.RampMs));

    private static Partner InRamp(long usable) => Accept(Begun(), Math.Min(usable, 32), 32, SmallOffer.RampMs);

    private static Partner Accept(Partner partner, long usable, long promised, long at)
    {
        var measured = new ProbeMeasurement(
            "east-h100", at, usable, CountBasis.Reported, 8, 0, 100, 0.1, 1, 1, []);
        AcceptanceVerdict verdict = usable == 0 ? AcceptanceVerdict.Failed
            : usable < promised ? AcceptanceVerdict.Shortfall
            : AcceptanceVerdict.Passed;
        ImmutableArray<AcceptanceReport> reports =
            [new AcceptanceReport(measured, new ProbePromise(promised, true, 1000), verdict, usable, [])];
        return Done(PartnerLifecycle.EndAcceptance(partner, reports, at));
    }

    private static Partner Done(PartnerStep step)
    {
        Assert.Null(step.Refusal);
        return step.Next!;
    }

    private static PoolSupply Supply(Partner partner) => PartnerPlan.Supplies(partner).Single(s => s.Lane == Lane);
}
