using System.Collections.Immutable;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Time;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Placement;

public sealed class PlacerTests
{
    private static readonly Instant Now = new(0, RandomProblems.Start);

    private static readonly PlacementVersion Atlas = new()
    {
        Model = "atlas",
        Version = "1",
        WeightsBytes = 100e9,
        Builds =
        [
            new PlacementBuild
            {
                Id = "b", AcceleratorType = "a", AcceleratorsPerReplica = 8, PrefillTokensPerSecond = 10_000,
                DecodeTokensPerSecond = 1000, StartSeconds = 60,
            },
        ],
        MayRun = [true, true, true],
    };

    [Fact]
    public void The_loss_of_the_largest_group_leaves_the_minimum()
    {
        PlacementProblem problem = Problem([Atlas with { MinimumReplicas = 2, MinimumGroups = 2 }], output: 0) with
        {
            Pools = [Pool("p0", 0, 800, "one"), Pool("p1", 1, 800, "one"), Pool("p2", 2, 800, "two")],
        };
        PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, Now, 1);
        Assert.Empty(plan.UnmetMinimums);
        Assert.True(plan.Starts.Count(d => d.Pool == "p2") >= 2);
        Assert.True(plan.Starts.Count(d => d.Pool != "p2") >= 2);
        Assert.Equal(4, plan.Starts.Count());
    }

    [Fact]
    public void A_minimum_that_cannot_stand_apart_says_so()
    {
        PlacementProblem problem = Problem([Atlas with { MinimumReplicas = 1, MinimumGroups = 2 }], output: 0) with
        {
            Pools = [Pool("p0", 0, 80, "one"), Pool("p1", 1, 80, "one"), Pool("p2", 2, 4, "two")],
        };
        PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, Now, 1);
        UnmetMinimum short1 = Assert.Single(plan.UnmetMinimums);
        Assert.Contains("1 of 2 replicas that share no concentration group", short1.What, StringComparison.Ordinal);
        Assert.Single(plan.Starts);
    }

    [Fact]
    public void Paid_capacity_goes_first_and_what_costs_more_than_it_brings_is_left()
    {
        PlacementProblem problem = Problem([Atlas], output: 1500) with
        {
            Pools =
            [
                Pool("dear", 0, 800) with { UsdPerAcceleratorHour = 40 }, Pool("owned", 1, 8), Pool("rented", 2, 8) with
                {
                    UsdPerAcceleratorHour = 3,
                },
            ],
        };
        PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, Now, 1);
        Assert.Equal(["owned", "rented"], plan.Starts.Select(d => d.Pool).Order());
        problem = problem with { Demands = [Demand(3000)] };
        UnmetDemand unmet = Assert.Single(Placer.Step(problem, PlacementState.Empty, Now, 1).Unmet);
        Assert.Equal(PlacementExclusion.Cost, unmet.Binding);
    }

    [Fact]
    public void Users_get_the_near_site_each()
    {
        PlacementProblem problem = Problem([Atlas], output: 0) with
        {
            Sites =
            [
                new PlacementSite { Id = "s0", RoundTripMs = [10, 150] },
                new PlacementSite { Id = "s1", RoundTripMs = [150, 10] },
                new PlacementSite { Id = "s2", RoundTripMs = [90, 90] },
            ],
            Demands = [Demand(1600) with { Region = 0, Label = "r0" }, Demand(1600) with { Region = 1, Label = "r1" }],
        };
        PlacementPlan plan = Placer.Step(problem, PlacementState.Empty, Now, 1);
        Assert.Equal(2, plan.Starts.Count(d => d.Pool == "p0"));
        Assert.Equal(2, plan.Starts.Count(d => d.Pool == "p1"));
    }

    [Fact]
    public void A_pool_that_ends_soon_is_left_and_one_that_grows_is_waited_for()
    {
        PlacementProblem problem = Problem([Atlas], output: 900) with
        {
            Pools = [Pool("p0", 0, 0) with { AvailableByHour = [8, 0] }, Pool("p1", 1, 0) with { AvailableByHour = [0, 8] }],
        };
        var standing = new PlacementReplica
        {
            Id = "r", Model = "atlas", Version = "1", Build = "b", Pool = "p0", Phase = ReplicaPhase.Ready,
            LeasedAccelerators = 8, StartedUnixMs = RandomProblems.Start - 10 * PlacementOracle.HourMs,
        };
        var state = new PlacementState { Replicas = [standing] };
        PlacementDecision early = Assert.Single(Placer.Step(problem, state, Now, 1).Decisions);
        Assert.Equal(PlacementAction.Keep, early.Action);
        Assert.Equal(RandomProblems.Start + PlacementOracle.HourMs, early.LeaseUntilUnixMs);
        var late = new Instant(0, Now.WallUnixMs + 55 * 60_000);
        PlacementDecision drained = Assert.Single(Placer.Step(problem, state, late, 1).Decisions);
        Assert.Equal((PlacementAction.Drain, PlacementCause.CapacityEnds), (drained.Action, drained.Cause));
    }

    [Fact]
    public void Weights_take_their_time_on_the_link_unless_they_are_there()
    {
        PlacementProblem problem = Problem([Atlas], output: 1500) with
        {
            Sites = [new PlacementSite { Id = "s0", WeightBytesPerSecond = 1e9 }, new PlacementSite { Id = "s1" },
                new PlacementSite { Id = "s2" }],
        };
        PlacementDecision near = Assert.Single(Placer.Step(
            problem with { Demands = [Demand(900)] }, PlacementState.Empty, Now, 1).Starts);
        Assert.NotEqual("p0", near.Pool);
        problem = problem with { Pools = [Pool("p0", 0, 8)] };
        PlacementDecision cold = Assert.Single(Placer.Step(problem, PlacementState.Empty, Now, 1).Starts);
        Assert.Equal(100, cold.Terms.TransferSeconds, 6);
        var held = new PlacementState { Held = [new HeldWeights("atlas", "1", "s0")] };
        PlacementDecision warm = Assert.Single(Placer.Step(problem, held, Now, 1).Starts);
        Assert.Equal(0, warm.Terms.TransferSeconds);
    }

    [Fact]
    public void Export_rules_drain_at_once_and_dwell_holds_a_surplus_back()
    {
        PlacementProblem problem = Problem([Atlas], output: 0);
        PlacementReplica Standing(long minutes) => new()
        {
            Id = "r", Model = "atlas", Version = "1", Build = "b", Pool = "p0", Phase = ReplicaPhase.Ready,
            LeasedAccelerators = 8, StartedUnixMs = Now.WallUnixMs - minutes * 60_000,
        };
        PlacementDecision Of(PlacementProblem p, long minutes) =>
            Assert.Single(Placer.Step(p, new PlacementState { Replicas = [Standing(minutes)] }, Now, 1).Decisions);
        Assert.Equal(PlacementCause.Dwells, Of(problem, 5).Cause);
        Assert.Equal(PlacementAction.Keep, Of(problem, 5).Action);
        Assert.Equal((PlacementAction.Drain, PlacementCause.Surplus), (Of(problem, 60).Action, Of(problem, 60).Cause));
        PlacementProblem denied = problem with { Versions = [Atlas with { MayRun = [false, true, true] }] };
        Assert.Equal((PlacementAction.Drain, PlacementCause.Export), (Of(denied, 5).Action, Of(denied, 5).Cause));
    }

    [Fact]
    public void Another_version_gives_way_once_and_keeps_away()
    {
        PlacementVersion dear = Atlas with { Model = "dear", Weight = 10 };
        PlacementProblem problem = Problem([Atlas, dear], output: 900) with { Pools = [Pool("p0", 0, 8)] };
        PlacementReplica there = new()
        {
            Id = "r", Model = "atlas", Version = "1", Build = "b", Pool = "p0", Phase = ReplicaPhase.Ready,
            LeasedAccelerators = 8, StartedUnixMs = Now.WallUnixMs - 3_600_000,
        };
        var state = new PlacementState { Replicas = [there] };
        problem = problem with { Demands = [Demand(900), Demand(900) with { Model = "dear" }] };
        PlacementPlan plan = Placer.Step(problem, state, Now, 1);
        Assert.Equal(PlacementCause.GivesWay, Assert.Single(plan.Drains).Cause);
        Assert.Empty(plan.Starts);
        Assert.Equal("dear", Assert.Single(plan.Promises).Model);

        // While it drains nothing else goes for the same demand; once it is gone the promise holds.
        var draining = new PlacementState
        {
            Replicas = [there with { Phase = ReplicaPhase.Draining }], Promises = plan.Promises,
        };
        var soon = new Instant(0, Now.WallUnixMs + 60_000);
        PlacementPlan meanwhile = Placer.Step(problem, draining, soon, 1);
        Assert.Empty(meanwhile.Starts);
        Assert.Empty(meanwhile.Drains);
        PlacementPlan then = Placer.Step(problem, new PlacementState { Promises = meanwhile.Promises }, soon, 1);
        Assert.Equal("dear", Assert.Single(then.Starts).Model);
    }

    [Theory]
    [InlineData(8, 8, 8)]
    [InlineData(3, 8, 4)]
    [InlineData(8, 72, 8)]
    [InlineData(16, 72, 24)]
    [InlineData(16, 64, 16)]
    [InlineData(9, 8, 0)]
    [InlineData(1, 9216, 1)]
    public void A_gang_takes_a_slot_of_its_domain(int accelerators, int domain, int slot) =>
        Assert.Equal(slot, InterconnectSlots.For(accelerators, domain));

    /// <summary>Whatever sizes: if their slots' sum fits the whole domains and a part of one, so does a packing.</summary>
    [Fact]
    public void Slots_that_fit_by_their_sum_can_be_packed()
    {
        var random = new Random(3);
        for (int i = 0; i < 2000; i++)
        {
            int domain = 1 + random.Next(96);
            int available = random.Next(4 * domain);
            int left = available;
            var slots = new List<int>();
            while (slots.Count < 200)
            {
                int slot = InterconnectSlots.For(1 + random.Next(domain), domain);
                if (slot > left)
                {
                    break;
                }

                slots.Add(slot);
                left -= slot;
            }

            int[] free = [.. Enumerable.Repeat(domain, available / domain), available % domain];
            foreach (int slot in slots.OrderDescending())
            {
                int at = Array.FindIndex(free, f => f >= slot);
                Assert.True(at >= 0, $"domain {domain}, {available} available: {string.Join(' ', slots)}");
                free[at] -= slot;
            }
        }
    }

    private static PlacementProblem Problem(ImmutableArray<PlacementVersion> versions, double output) => new()
    {
        StartUnixMs = RandomProblems.Start,
        Sites = [.. Enumerable.Range(0, 3).Select(i => new PlacementSite { Id = $"s{i}" })],
        Pools = [.. Enumerable.Range(0, 3).Select(i => Pool($"p{i}", i, 800))],
        Versions = versions,
        Demands = [Demand(output)],
        Terms = new PlacementConfig { ReserveShare = 0 },
    };

    private static PlacementPool Pool(string id, int site, int accelerators, string group = "") => new()
    {
        Id = id, Site = site, AcceleratorType = "a", InterconnectDomain = 8, AvailableByHour = [accelerators],
        Groups = [group.Length == 0 ? id : group],
    };

    private static PlacementDemand Demand(double output) => new()
    {
        Model = "atlas", Label = "all", MayServe = [true, true, true], InputTokensPerSecond = [0],
        OutputTokensPerSecond = [output],
    };
}
