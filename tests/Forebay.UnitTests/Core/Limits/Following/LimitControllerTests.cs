using Forebay.Core.Limits.Following;
using Xunit;
using static Forebay.UnitTests.Core.Limits.Following.FollowingCases;

namespace Forebay.UnitTests.Core.Limits.Following;

public sealed class LimitControllerTests
{
    private static FollowingStep Step(
        FollowingInputs inputs, TierMultipliers? inForce = null, LimitsFollowConfig? rules = null) =>
        LimitController.Step(
            inputs, FollowingState.Initial with { InForce = inForce ?? TierMultipliers.Promise }, rules ?? AtOnce, 0);

    private static double At(FollowingStep step, string tier, int hour = 0) => step.Proposal!.Next.At(tier, "large", hour);

    /// <summary>One tier, all of it at its limits: twice the limit is twice the demand.</summary>
    [Theory]
    [InlineData(124, null)]
    [InlineData(157, 1.25)]
    [InlineData(249, 1.5)]
    [InlineData(250, 2.0)]
    [InlineData(100_000, 16.0)]
    public void The_highest_step_that_is_covered_with_its_margin_is_proposed(double usable, double? expected)
    {
        FollowingStep step = Step(Inputs(Usable(usable), Demand("t", 100)));
        Assert.Equal(expected, step.Proposal is null ? null : At(step, "t"));
        Assert.All(step.Standings, s => Assert.Contains(s.Lines, l => l.Contains("why not more", StringComparison.Ordinal)));
    }

    [Fact]
    public void Only_the_share_at_its_limits_grows_with_them() =>
        Assert.Equal(4, At(Step(Inputs(Usable(200), Demand("t", 100, limited: 0.2))), "t"));

    [Fact]
    public void What_the_rules_take_to_be_limited_counts_where_less_was_seen() => Assert.Equal(
        3, At(Step(
            Inputs(Usable(200), Demand("t", 100, limited: 0)), rules: AtOnce with { LeastLimitedShare = 0.25 }), "t"));

    /// <summary>Every tenant counts the same, so those who ask for little go first.</summary>
    [Fact]
    public void Tiers_of_tenants_that_ask_for_little_rise_further()
    {
        FollowingStep step = Step(Inputs(Usable(300), Demand("big", 150, tenants: 10), Demand("small", 10, tenants: 10)));
        Assert.True(At(step, "small") > At(step, "big"));
    }

    [Fact]
    public void Nothing_is_proposed_without_capacity_and_promises_that_are_not_covered_are_told_of()
    {
        FollowingStep step = Step(Inputs([], Demand("t", 100)));
        Assert.Null(step.Proposal);
        Assert.Equal(100, Assert.Single(step.Standings).UncoveredTokensPerMinute);
        Assert.Contains(step.Arithmetic, l => l.Contains("UNCOVERED", StringComparison.Ordinal));
    }

    [Fact]
    public void A_tier_that_nobody_was_seen_to_use_is_left_as_it_is() =>
        Assert.Null(Step(Inputs(Usable(1000), Demand("t", 0))).Proposal);

    [Fact]
    public void Capacity_that_all_falls_together_carries_no_raise()
    {
        FollowingStep step = Step(Inputs([Source("a", 500, "chips"), Source("b", 500, "chips")], Demand("t", 100)));
        Assert.Null(step.Proposal);
        Assert.False(Assert.Single(step.Standings).IsPromiseSafe);
        Assert.Equal(4, At(Step(
            Inputs([Source("a", 500, "chips"), Source("b", 500, "chips")], Demand("t", 100)),
            rules: AtOnce with { Reserve = ReserveAgainst.LargestProvider }), "t"));
    }

    [Fact]
    public void Short_hours_alone_are_reduced_and_announced()
    {
        double[] busy = new double[HourOfWeek.Count];
        Array.Fill(busy, 100);
        busy[12] = busy[13] = 160;
        TierDemand demand = Demand("t", 0) with { Output = WeekCurve.Of(busy), Input = WeekCurve.Of(busy) };
        FollowingStep step = Step(Inputs(Usable(200), demand), TierMultipliers.Of([TierMultiplier.Flat("t", "large", 2)]));
        Assert.Equal(ProposalCause.ReduceHours, step.Proposal!.Cause);
        Assert.Equal((2, 1.25, 1.25, 2), (At(step, "t", 11), At(step, "t", 12), At(step, "t", 13), At(step, "t", 14)));
        Assert.Equal(168 * HourMs, step.Proposal.AnnounceMs);
    }

    [Fact]
    public void More_short_hours_than_the_rules_allow_lower_all()
    {
        FollowingStep step = Step(
            Inputs(Usable(150), Demand("t", 100)), TierMultipliers.Of([TierMultiplier.Flat("t", "large", 2)]));
        Assert.Equal(ProposalCause.Lower, step.Proposal!.Cause);
        Assert.Equal(1.5, At(step, "t"));
    }

    [Fact]
    public void A_reduction_is_lifted_before_anything_else_rises()
    {
        double[] reduced = new double[HourOfWeek.Count];
        Array.Fill(reduced, 2);
        reduced[12] = 1;
        TierMultipliers inForce = TierMultipliers.Of([TierMultiplier.Of("t", "large", reduced)]);
        FollowingStep step = Step(Inputs(Usable(251), Demand("t", 100)), inForce);
        Assert.Equal((2, 2), (At(step, "t", 12), At(step, "t", 11)));
        Array.Fill(reduced, 1.5, 13, 10);
        FollowingStep partly = Step(
            Inputs(Usable(200), Demand("t", 100)), TierMultipliers.Of([TierMultiplier.Of("t", "large", reduced)]));
        Assert.Equal((1.5, 1.5, 2), (At(partly, "t", 12), At(partly, "t", 13), At(partly, "t", 11)));
    }

    [Fact]
    public void A_raise_must_have_been_possible_for_as_long_as_the_rules_say_and_as_much()
    {
        LimitsFollowConfig rules = AtOnce with { RaiseAfterHours = 24 };
        FollowingState state = FollowingState.Initial;
        for (int hour = 0; hour < 24; hour++)
        {
            FollowingStep step = LimitController.Step(
                Inputs(Usable(hour == 5 ? 190 : 400), Demand("t", 100)), state, rules, hour * HourMs);
            Assert.Null(step.Proposal);
            state = step.Next;
        }

        FollowingStep last = LimitController.Step(Inputs(Usable(400), Demand("t", 100)), state, rules, 24 * HourMs);
        Assert.Equal(1.5, At(last, "t"));
    }

    [Fact]
    public void A_raise_that_was_not_possible_in_between_begins_anew()
    {
        LimitsFollowConfig rules = AtOnce with { RaiseAfterHours = 24 };
        FollowingState state = FollowingState.Initial;
        for (int hour = 0; hour <= 30; hour++)
        {
            FollowingStep step = LimitController.Step(
                Inputs(Usable(hour == 12 ? 100 : 400), Demand("t", 100)), state, rules, hour * HourMs);
            Assert.Null(step.Proposal);
            state = step.Next;
        }
    }

    [Fact]
    public void Lost_capacity_lowers_at_once_where_demand_passes_what_is_left()
    {
        LimitsFollowConfig rules = AtOnce with { LowerAfterHours = 72, RaiseAfterHours = 24 };
        FollowingState state = FollowingState.Initial with
        {
            InForce = TierMultipliers.Of([TierMultiplier.Flat("t", "large", 2)]),
        };
        state = LimitController.Step(Inputs(Usable(250), Demand("t", 100)), state, rules, 0).Next;

        // One provider is gone: the reserve takes it up.
        FollowingStep one = LimitController.Step(
            Inputs([.. Usable(250).Skip(1)], Demand("t", 100)), state, rules, HourMs);
        Assert.Null(one.Proposal);

        FollowingStep two = LimitController.Step(
            Inputs([.. Usable(250).Skip(2)], Demand("t", 100)), one.Next, rules, 2 * HourMs);
        Assert.Equal((ProposalCause.CapacityLost, 0L, 1), (two.Proposal!.Cause, two.Proposal.AnnounceMs, At(two, "t")));
    }

    [Fact]
    public void Demand_that_grew_lowers_only_after_its_time()
    {
        LimitsFollowConfig rules = AtOnce with { LowerAfterHours = 72, RaiseAfterHours = 24 };
        FollowingState state = FollowingState.Initial with
        {
            InForce = TierMultipliers.Of([TierMultiplier.Flat("t", "large", 2)]),
        };
        for (int hour = 0; hour < 72; hour++)
        {
            FollowingStep step = LimitController.Step(Inputs(Usable(250), Demand("t", 200)), state, rules, hour * HourMs);
            Assert.Null(step.Proposal);
            state = step.Next;
        }

        FollowingStep last = LimitController.Step(Inputs(Usable(250), Demand("t", 200)), state, rules, 72 * HourMs);
        Assert.Equal((ProposalCause.Lower, 1.25), (last.Proposal!.Cause, At(last, "t")));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(-1)]
    public void Numbers_that_are_none_decide_nothing_and_are_named(double bad)
    {
        FollowingState state = FollowingState.Initial;
        FollowingStep capacity = LimitController.Step(Inputs([Source("a", bad)], Demand("t", 1)), state, AtOnce, 0);
        FollowingStep demand = LimitController.Step(Inputs(Usable(100), Demand("t", bad)), state, AtOnce, 0);
        FollowingStep share = LimitController.Step(Inputs(Usable(100), Demand("t", 1, bad)), state, AtOnce, 0);
        Assert.All([capacity, demand, share], s =>
        {
            Assert.Null(s.Proposal);
            Assert.Same(state, s.Next);
        });
        Assert.Contains("capacity of a", capacity.Refused[0], StringComparison.Ordinal);
        Assert.Contains("tier t for class large", demand.Refused[0], StringComparison.Ordinal);
        Assert.Contains("limited share", share.Refused[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Too_short_a_record_raises_nothing()
    {
        FollowingInputs inputs = Inputs(Usable(1000), Demand("t", 100)) with { HistoryHours = 167 };
        FollowingStep step = Step(inputs, rules: AtOnce with { LeastHistoryHours = 168 });
        Assert.Null(step.Proposal);
        Assert.Contains(step.Arithmetic, l => l.Contains("168 are needed", StringComparison.Ordinal));
    }

    private const long Day = 24 * HourMs;

    /// <summary>A Monday, 00:00 UTC.</summary>
    private const long Monday = 4 * Day;

    /// <summary>Three providers that stay, and one that has another level from a time on.</summary>
    private static FollowingInputs Changing(double output, double then, long fromMs, long untilMs, double lasting)
    {
        double[] curve = new double[HourOfWeek.Count];
        for (int i = 0; i < curve.Length; i++)
        {
            long at = Monday + i * HourMs;
            curve[HourOfWeek.Of(at)] = at >= fromMs && at < untilMs ? then : at >= untilMs ? lasting : output;
        }

        CapacitySource Goes(string id) => new(
            id, "large", [new CapacityGroup(id, true)], WeekCurve.Of([.. curve.Select(c => c * 4)]), WeekCurve.Of(curve))
        {
            Now = new CapacityLevel(output * 4, output), Lasting = new CapacityLevel(lasting * 4, lasting),
        };
        return Inputs([Source("p0", 100), Source("p1", 100), Source("p2", 100), Goes("goes")], Demand("t", 100));
    }

    private static FollowingStep StepAt(FollowingInputs inputs, double inForce, LimitsFollowConfig? rules = null) =>
        LimitController.Step(
            inputs,
            FollowingState.Initial with { InForce = TierMultipliers.Of([TierMultiplier.Flat("t", "large", inForce)]) },
            rules ?? AtOnce with { LowerAfterHours = 72, RaiseAfterHours = 24 }, Monday);

    /// <summary>It ends on Thursday: no waiting for it to last, and in effect when it ends, though seven days of
    /// announcement would be due.</summary>
    [Fact]
    public void Capacity_that_ends_lowers_limits_when_it_ends_and_is_announced_before()
    {
        long ends = Monday + 3 * Day;
        FollowingStep step = StepAt(Changing(200, 0, ends, ends, 0), inForce: 3);
        Assert.Equal((ProposalCause.CapacityEnds, ends), (step.Proposal!.Cause, step.Proposal.ByUnixMs));
        Assert.Equal(ends, step.Proposal.EffectiveMs(Monday));
        Assert.Equal(ends + 5, step.Proposal.EffectiveMs(ends + 5));
        Assert.All(Enumerable.Range(0, HourOfWeek.Count), h => Assert.Equal(2, At(step, "t", h)));
        Assert.Contains(step.Arithmetic, l => l.Contains("announced to end", StringComparison.Ordinal));

        // Announced, it is what the controller goes on from: nothing is proposed twice, and nothing is raised again.
        Assert.Null(StepAt(Changing(200, 0, ends, ends, 0), inForce: 2, AtOnce).Proposal);
    }

    [Fact]
    public void Capacity_that_is_away_for_some_hours_lowers_limits_in_those_alone()
    {
        long from = Monday + 2 * Day + 10 * HourMs;
        FollowingStep step = StepAt(Changing(200, 0, from, from + 4 * HourMs, 200), inForce: 3);
        Assert.Equal((ProposalCause.CapacityEnds, from), (step.Proposal!.Cause, step.Proposal.ByUnixMs));
        Assert.All(Enumerable.Range(0, HourOfWeek.Count), h =>
            Assert.Equal(h is >= 58 and < 62 ? 2 : 3, At(step, "t", h)));
    }

    [Fact]
    public void Capacity_that_is_away_now_and_was_never_announced_is_a_loss_or_a_shortage_as_before()
    {
        FollowingInputs inputs = Inputs(Usable(200), Demand("t", 100));
        Assert.Null(StepAt(inputs, inForce: 3).Proposal);
        Assert.Equal(ProposalCause.Lower, StepAt(inputs, inForce: 3, AtOnce).Proposal!.Cause);
    }
}
