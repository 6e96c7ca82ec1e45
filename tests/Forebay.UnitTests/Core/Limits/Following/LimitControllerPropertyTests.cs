using System.Collections.Immutable;
using Forebay.Core.Limits.Following;
using Xunit;
using static Forebay.UnitTests.Core.Limits.Following.FollowingCases;

namespace Forebay.UnitTests.Core.Limits.Following;

/// <summary>What always holds, tried on seeded random fleets, demands and pasts.</summary>
public sealed class LimitControllerPropertyTests
{
    private const int Runs = 150;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 24)];

    private static void Each(int seed, Action<Random, FollowingInputs, TierMultipliers> check)
    {
        var random = new Random(seed);
        for (int run = 0; run < Runs / 24 + 1; run++)
        {
            FollowingInputs inputs = Random(random);
            check(random, inputs, RandomMultipliers(random, inputs, AtOnce.Steps));
        }
    }

    private static TierMultipliers Next(FollowingInputs inputs, TierMultipliers inForce, LimitsFollowConfig rules) =>
        LimitController.Step(inputs, FollowingState.Initial with { InForce = inForce }, rules, 0, atOnce: true)
            .Proposal?.Next ?? inForce;

    /// <summary>What is in force may come from anywhere; what is proposed never gives less than is promised.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void No_tier_gets_less_than_it_promises(int seed) => Each(seed, (random, inputs, inForce) =>
        Assert.All(Next(inputs, inForce, AtOnce).Entries, e => Assert.False(e.ByHour.ContainsAnyExceptInRange(1, 16))));

    [Theory]
    [MemberData(nameof(Seeds))]
    public void More_capacity_anywhere_never_leaves_a_tier_with_less(int seed) => Each(seed, (random, inputs, inForce) =>
    {
        if (inputs.Capacity.IsEmpty)
        {
            return;
        }

        LimitsFollowConfig rules = AtOnce with
        {
            MaxReducedHours = random.Next(168), Reserve = (ReserveAgainst)random.Next(3),
        };
        int grows = random.Next(inputs.Capacity.Length);
        CapacitySource old = inputs.Capacity[grows];
        FollowingInputs more = inputs with
        {
            Capacity = inputs.Capacity.SetItem(grows, old with
            {
                Input = old.Input.Times(1 + random.NextDouble() * 3), Output = old.Output.Times(1 + random.NextDouble() * 3),
            }),
        };
        Assert.False(Next(more, inForce, rules).Against(Next(inputs, inForce, rules)).Lowers);
    });

    /// <summary>The same where capacity ends, comes back or is away for a time; one class at a time, since one kind of
    /// change is made at a time.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void More_capacity_over_time_never_leaves_a_tier_with_less(int seed) => Each(seed, (random, all, inForce) =>
    {
        FollowingInputs inputs = all with
        {
            Capacity = [.. all.Capacity.Where(c => c.Class == "large").Select(c => Changing(random, c))],
            Demand = [.. all.Demand.Where(d => d.Class == "large")],
        };
        if (inputs.Capacity.IsEmpty)
        {
            return;
        }

        LimitsFollowConfig rules = AtOnce with
        {
            MaxReducedHours = random.Next(168), Reserve = (ReserveAgainst)random.Next(3),
        };
        int grows = random.Next(inputs.Capacity.Length);
        CapacitySource old = inputs.Capacity[grows];
        double[] more = [.. Enumerable.Range(0, 4).Select(_ => random.Next(3) == 0 ? 0 : random.NextDouble() * 2000)];
        CapacitySource larger = old with
        {
            Input = WeekCurve.Of([.. old.Input.Values.ToArray().Select(v => v + more[0])]),
            Output = WeekCurve.Of([.. old.Output.Values.ToArray().Select(v => v + more[1])]),
            Now = new CapacityLevel(old.Now!.Value.Input + more[0] + more[2], old.Now.Value.Output + more[1] + more[3]),
            Lasting = new CapacityLevel(old.Lasting!.Value.Input + more[0], old.Lasting.Value.Output + more[1]),
        };
        FollowingInputs grown = inputs with { Capacity = inputs.Capacity.SetItem(grows, larger) };
        Assert.False(Next(grown, inForce, rules).Against(Next(inputs, inForce, rules)).Lowers);
    });

    private static CapacitySource Changing(Random random, CapacitySource source) => source with
    {
        Now = new CapacityLevel(source.Input.Peak, source.Output.Peak),
        Lasting = new CapacityLevel(source.Input.Mean * random.NextDouble(), source.Output.Mean * random.NextDouble()),
    };

    /// <summary>After the loss of any one group at all, what is proposed as a raise is still covered.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_raise_survives_the_loss_of_any_one_group(int seed) => Each(seed, (random, inputs, inForce) =>
    {
        FollowingStep step = LimitController.Step(
            inputs, FollowingState.Initial with { InForce = inForce }, AtOnce, 0, atOnce: true);
        if (step.Proposal is not { Cause: ProposalCause.Raise } raise)
        {
            return;
        }

        foreach (CapacityGroup lost in inputs.Capacity.SelectMany(c => c.Groups).Distinct())
        {
            CapacitySource[] left = [.. inputs.Capacity.Where(c => !c.Groups.Contains(lost))];
            foreach (string modelClass in inputs.Classes)
            {
                for (int hour = 0; hour < HourOfWeek.Count; hour++)
                {
                    TierDemand[] demand = [.. inputs.Demand.Where(d => d.Class == modelClass)];
                    if (demand.Any(d => raise.Next.At(d.Tier, d.Class, hour) > inForce.At(d.Tier, d.Class, hour)))
                    {
                        double wanted = demand.Sum(d => d.Output[hour]
                            * (1 + d.LimitedShare * (raise.Next.At(d.Tier, d.Class, hour) - 1)));
                        double there = left.Where(c => c.Class == modelClass).Sum(c => c.Output[hour]);
                        Assert.True(wanted * 1.25 <= there * (1 + 1e-9), $"{wanted} of {there} without {lost.Id}");
                    }
                }
            }
        }
    });

    /// <summary>Hours pass with noisy capacity and demand; each proposal is applied at once.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Limits_rise_once_a_day_at_most_after_their_time_and_lower_ones_are_announced(int seed)
    {
        var random = new Random(seed);
        var rules = new LimitsFollowConfig { LeastHistoryHours = 0, RaiseAfterHours = 6, LowerAfterHours = 12 };
        FollowingState state = FollowingState.Initial;
        long lastRaise = long.MinValue / 2;
        for (int hour = 0; hour < 24 * 40; hour += random.Next(1, 3))
        {
            FollowingInputs inputs = Inputs(
                Usable(300 + 250 * random.NextDouble() + (hour % 200 > 120 ? 400 : 0)),
                Demand("a", 60 + 20 * random.NextDouble()), Demand("b", 30 + 20 * random.NextDouble()));
            FollowingStep step = LimitController.Step(inputs, state, rules, hour * HourMs);
            state = step.Next;
            if (step.Proposal is { } proposal)
            {
                (bool raises, bool lowers) = proposal.Next.Against(state.InForce);
                Assert.NotEqual(raises, lowers);
                if (raises)
                {
                    Assert.True(hour - lastRaise >= 24, $"raised at hours {lastRaise} and {hour}");
                    lastRaise = hour;
                }
                else if (proposal.Cause != ProposalCause.CapacityLost)
                {
                    Assert.Equal((long)(rules.AnnounceHours * HourMs), proposal.AnnounceMs);
                }

                state = state.Decided(proposal.Next, hour * HourMs);
            }
        }

        Assert.True(lastRaise >= 0, "nothing was raised: this run says nothing");
    }

    /// <summary>
    /// The hysteresis bound: capacity after the reserve over demand must fall by (1 + raise margin) / (1 + keep margin)
    /// before what was raised is short. Noise within that never lowers anything, so limits settle.
    /// </summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Noise_within_the_margin_never_lowers_and_ends_in_rest(int seed)
    {
        var random = new Random(seed);
        LimitsFollowConfig rules = AtOnce with { RaiseMargin = 0.25, KeepMargin = 0 };
        FollowingState state = FollowingState.Initial;
        int changes = 0;
        for (int day = 0; day < 200; day++)
        {
            double noise = 1 - 0.2 * random.NextDouble();
            FollowingInputs inputs = Inputs(Usable(900 * noise), Demand("a", 100), Demand("b", 40, limited: 0.4));
            FollowingStep step = LimitController.Step(inputs, state, rules, day * 24 * HourMs);
            state = step.Next;
            if (step.Proposal is { } proposal)
            {
                Assert.Equal(ProposalCause.Raise, proposal.Cause);
                state = state.Decided(proposal.Next, day * 24 * HourMs);
                changes++;
            }
        }

        Assert.InRange(changes, 1, 2 * rules.Steps.Length);
    }

    [Fact]
    public void The_reserve_is_the_group_whose_loss_takes_most()
    {
        ImmutableArray<CapacitySource> capacity =
        [
            Source("a", 100, "chips"), Source("b", 120), Source("c", 90, "chips"),
        ];
        FollowingStep step = LimitController.Step(Inputs(capacity, Demand("t", 1)), FollowingState.Initial, AtOnce, 0);
        Assert.Contains("  reserve        190 for the loss of chips", step.Arithmetic);
        Assert.Contains("  usable         120 = total - reserve", step.Arithmetic);
    }
}
