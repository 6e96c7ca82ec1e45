using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Concentration;

/// <summary>Shares, spend and caps by figures that can be worked out by hand.</summary>
public sealed class ConcentrationTests
{
    private static readonly DateTimeOffset From = new(2026, 11, 10, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Two providers; both run chips of one vendor at a site each, and one of them has another site.</summary>
    private static readonly FleetConfig Fleet = new()
    {
        ConcentrationGroups =
        [
            new ConcentrationGroupConfig
            {
                Id = "vendor",
                Caps = new ConcentrationCapsConfig
                {
                    LeasedShare = new ConcentrationCapConfig { Max = 0.5, Action = CapAction.Constrain },
                    ServedShare = new ConcentrationCapConfig { Max = 0.95 },
                },
            },
            new ConcentrationGroupConfig { Id = "owner" },
        ],
        Providers = [new ProviderConfig { Id = "a", ConcentrationGroups = ["owner"] }, new ProviderConfig { Id = "b" }],
        Sites =
        [
            Site("a1", "a", "vendor", "owner"), Site("a2", "a"), Site("b1", "b", "vendor"),
        ],
        Pools = [Pool("a1", 100), Pool("a2", 300), Pool("b1", 50)],
        Deployments =
        [
            Deployment("d1", "a1", 2), Deployment("d2", "a2", 6), Deployment("d3", "b1", 2),
        ],
    };

    [Fact]
    public void Shares_are_of_the_whole_and_groups_overlap_providers()
    {
        ConcentrationReport report = Report(
            new ServedTokens("d1", "a", 600, 3_000_000), new ServedTokens("d3", "b", 300, 1_000_000),
            new ServedTokens("left", "a", 90, 0), new ServedTokens("d3", "bought-up", 10, 0));

        Assert.Equal([40m, 1000m, 4m], report.Totals);
        Assert.Equal(0.8, report.Providers[0].Of(ConcentrationMeasure.Leased).Share);
        Assert.Equal(0.4, report.Group("vendor")!.Of(ConcentrationMeasure.Leased).Share);
        Assert.Equal(0.8, report.Group("owner")!.Of(ConcentrationMeasure.Leased).Share);
        // What left the fleet is its provider's; what another provider served under the same name is that one's.
        Assert.Equal(["a", "b", "bought-up"], report.Providers.Select(p => p.Id));
        Assert.Equal(0.9, report.Group("vendor")!.Of(ConcentrationMeasure.Served).Share);
        Assert.Equal(0.69, report.Group("owner")!.Of(ConcentrationMeasure.Served).Share);
        Assert.Equal(0.75, report.Group("owner")!.Of(ConcentrationMeasure.Spend).Share);
        Assert.Equal(0.68, report.Herfindahl(ConcentrationMeasure.Leased)!.Value, 12);
        Assert.Equal(0.5662, report.Herfindahl(ConcentrationMeasure.Served)!.Value, 12);
    }

    [Fact]
    public void An_empty_fleet_has_no_index_and_passes_no_cap()
    {
        ConcentrationReport report = ConcentrationShares.Of(Fleet, [], [], From, From.AddHours(1));

        Assert.Null(report.Herfindahl(ConcentrationMeasure.Leased));
        Assert.Empty(ConcentrationCaps.Passed(Fleet.ConcentrationGroups, report));
        Assert.Equal(0, ConcentrationCaps.Room(Fleet.ConcentrationGroups[0], report).Accelerators);
        Assert.Equal(50, ConcentrationCaps.Room(Fleet.ConcentrationGroups[0], report, 100).Accelerators);
    }

    [Fact]
    public void Caps_tell_and_leave_room()
    {
        ConcentrationReport report = Report(new ServedTokens("d1", "a", 960, 0), new ServedTokens("d2", "a", 40, 0));

        CapPassed passed = Assert.Single(ConcentrationCaps.Passed(Fleet.ConcentrationGroups, report));
        Assert.Equal(new CapPassed("vendor", ConcentrationMeasure.Served, 0.96, 0.95, CapAction.Alert), passed);
        // 16 of 40: with 8 more it is 24 of 48; of 60 in all it may have 30. A cap that only tells binds nothing.
        Assert.Equal(
            new CapRoom(8, ConcentrationMeasure.Leased), ConcentrationCaps.Room(Fleet.ConcentrationGroups[0], report));
        Assert.Equal(14, ConcentrationCaps.Room(Fleet.ConcentrationGroups[0], report, 60).Accelerators);
        Assert.Equal(CapRoom.Unbound, ConcentrationCaps.Room(Fleet.ConcentrationGroups[1], report));
    }

    [Fact]
    public void A_constraining_cap_on_what_is_served_leaves_none_until_it_is_kept()
    {
        ConcentrationGroupConfig group = Fleet.ConcentrationGroups[0] with
        {
            Caps = new ConcentrationCapsConfig
            {
                ServedShare = new ConcentrationCapConfig { Max = 0.5, Action = CapAction.Constrain },
            },
        };

        Assert.Equal(
            new CapRoom(0, ConcentrationMeasure.Served),
            ConcentrationCaps.Room(group, Report(new ServedTokens("d1", "a", 60, 0), new ServedTokens("d2", "a", 40, 0))));
        Assert.Equal(
            CapRoom.Unbound,
            ConcentrationCaps.Room(group, Report(new ServedTokens("d1", "a", 50, 0), new ServedTokens("d2", "a", 50, 0))));
    }

    public static TheoryData<PricePer, CommitmentUnit, string?, string?, double> Prices => new()
    {
        // A day: of a month's hours, for the 400 owed, for the 400 of its pools, of a term of 31 days, before it, after it.
        { PricePer.Month, CommitmentUnit.Accelerators, null, null, 1000 * 24 / 730.5 },
        { PricePer.AcceleratorHour, CommitmentUnit.Accelerators, null, null, 1000 * 24 * 400 },
        { PricePer.AcceleratorHour, CommitmentUnit.Megawatts, null, null, 1000 * 24 * 400.0 },
        { PricePer.Total, CommitmentUnit.Dollars, "2026-11-01", "2026-12-01", 1000 / 31.0 },
        { PricePer.Month, CommitmentUnit.Accelerators, "2026-11-11", null, 0 },
        { PricePer.Month, CommitmentUnit.Accelerators, null, "2026-11-09", 0 },
    };

    [Theory]
    [MemberData(nameof(Prices))]
    public void Commitments_cost_what_their_price_says_for_the_hours_of_their_term(
        PricePer per, CommitmentUnit unit, string? starts, string? ends, double expected)
    {
        FleetConfig fleet = Fleet with
        {
            Pools = [Pool("a1", 100) with { Commitment = "c" }, Pool("a2", 300) with { Commitment = "c" }, Pool("b1", 50)],
            Commitments = [Commitment(per, unit, starts, ends)],
        };

        ConcentrationReport report = ConcentrationShares.Of(fleet, [], [], From, From.AddDays(1));

        Assert.Equal(expected, (double)report.Total(ConcentrationMeasure.Spend), 6);
        Assert.Equal(expected / 4, (double)report.Group("vendor")!.Of(ConcentrationMeasure.Spend).Amount, 6);
        Assert.Empty(report.Unpriced);
    }

    [Fact]
    public void A_ramp_costs_what_it_owes_from_day_to_day_and_what_no_pool_names_is_its_providers()
    {
        FleetConfig fleet = Fleet with
        {
            Commitments =
            [
                Commitment(PricePer.AcceleratorHour, CommitmentUnit.Accelerators, null, null) with
                {
                    Ramp = [Step("2026-11-11", 10), Step("2026-11-12", 30)],
                },
            ],
        };

        ConcentrationReport report = ConcentrationShares.Of(fleet, [], [], From, From.AddDays(3));

        Assert.Equal(1000 * 24 * (10 + 30), report.Total(ConcentrationMeasure.Spend));
        Assert.Equal(1, report.Group("owner")!.Of(ConcentrationMeasure.Spend).Share);
        Assert.Equal(0, report.Group("vendor")!.Of(ConcentrationMeasure.Spend).Share);
    }

    [Fact]
    public void A_commitment_whose_spend_is_not_known_is_told()
    {
        FleetConfig fleet = Fleet with
        {
            Commitments =
            [
                Commitment(PricePer.Total, CommitmentUnit.Dollars, "2026-11-01", null),
                Commitment(PricePer.Month, CommitmentUnit.Dollars, null, null) with { Id = "free", Price = null },
            ],
        };

        ConcentrationReport report = ConcentrationShares.Of(fleet, [], [], From, From.AddDays(1));

        Assert.Equal(["c", "free"], report.Unpriced.Select(u => u.Commitment));
        Assert.Equal(0, report.Total(ConcentrationMeasure.Spend));
    }

    private static ConcentrationReport Report(params ServedTokens[] served) =>
        ConcentrationShares.Of(Fleet, ConcentrationShares.LeasesOf(Fleet), served, From, From.AddHours(1));

    private static SiteConfig Site(string id, string provider, params string[] groups) => new()
    {
        Id = id, Provider = provider, Jurisdiction = "us", Country = "US", ConcentrationGroups = groups,
    };

    private static PoolConfig Pool(string site, int accelerators) => new()
    {
        Id = site,
        Site = site,
        Accelerators = new PoolAcceleratorsConfig { Type = "H100-SXM", Count = Figure.Of(accelerators) },
    };

    private static DeploymentConfig Deployment(string id, string pool, int replicas) => new()
    {
        Id = id, Model = "m", Pool = pool, Replicas = replicas, AcceleratorsPerReplica = 4,
    };

    private static CommitmentConfig Commitment(PricePer per, CommitmentUnit unit, string? starts, string? ends) => new()
    {
        Id = "c",
        Provider = "a",
        Unit = unit,
        Quantity = new Figure { Min = 300, Max = 500, Basis = Basis.Assumed, Source = "a guess" },
        Starts = starts is null ? null : DateOnly.Parse(starts),
        Ends = ends is null ? null : DateOnly.Parse(ends),
        Price = new CommitmentPriceConfig { Usd = Figure.Of(1000), Per = per },
    };

    private static RampStepConfig Step(string from, int quantity) =>
        new() { From = DateOnly.Parse(from), Quantity = Figure.Of(quantity) };
}
