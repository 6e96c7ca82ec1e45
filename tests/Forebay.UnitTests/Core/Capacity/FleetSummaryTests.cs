using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity;

public sealed class FleetSummaryTests
{
    private static readonly Uri Endpoint = new("http://127.0.0.1:1");

    /// <summary>One deployment of the model <c>m{Model}</c> at a site of its own under provider <c>p{Provider}</c>.
    /// </summary>
    private sealed record Spec(int Model, int Provider, int Places, bool InGroup = false, string Jurisdiction = "us");

    private static FleetModel Fleet(bool served, params Spec[] specs)
    {
        var config = new FleetConfig
        {
            ConcentrationGroups = [new ConcentrationGroupConfig { Id = "shared" }],
            Providers = [.. specs.Select(s => s.Provider).Distinct().Select(p => new ProviderConfig { Id = $"p{p}" })],
            Sites =
            [
                .. specs.Select((s, i) => new SiteConfig
                {
                    Id = $"s{i}",
                    Provider = $"p{s.Provider}",
                    Jurisdiction = s.Jurisdiction,
                    Country = "US",
                    ConcentrationGroups = s.InGroup ? ["shared"] : [],
                }),
            ],
            Pools =
            [
                .. specs.Select((_, i) => new PoolConfig
                {
                    Id = $"k{i}",
                    Site = $"s{i}",
                    Accelerators = new PoolAcceleratorsConfig
                    {
                        Type = "H100-SXM", Count = new Figure { Min = 8, Max = 10 },
                    },
                }),
            ],
            Models =
            [
                .. specs.Select(s => s.Model).Distinct().Select(m => new ModelConfig
                {
                    Id = $"m{m}", ContextTokens = 2, MaxOutputTokens = 1, ParametersBillion = Figure.Of(1),
                }),
            ],
            Deployments =
            [
                .. specs.Select((s, i) => new DeploymentConfig
                {
                    Id = $"d{i}", Model = $"m{s.Model}", Pool = $"k{i}", MaxConcurrency = s.Places,
                }),
            ],
            ResidencyPolicies = [new ResidencyPolicyConfig { Id = "eu-only", Jurisdictions = ["eu"] }],
        };
        return FleetModel.Build(
            config, served ? specs.Select((_, i) => $"d{i}").ToDictionary(id => id, _ => Endpoint) : []);
    }

    private static GroupLoss Loss(FleetSummary summary, string group) => summary.Losses.Single(l => l.Group == group);

    [Fact]
    public void Counts_and_headroom_are_sums()
    {
        FleetSummary summary = FleetSummary.Of(
            Fleet(true, new(0, 0, 10), new(0, 1, 20), new(1, 1, 5)), [3, 4, 5]);

        Assert.Equal((2, 3, 3, 3, 0), (
            summary.Providers, summary.Sites, summary.Pools, summary.Deployments, summary.NotServed));
        Assert.Equal(3, summary.ServedByBacking[Backing.Emulated]);
        Assert.Equal(0, summary.ServedByBacking[Backing.Cloud]);
        Assert.Equal([("p0", 8m), ("p1", 16m)], summary.AcceleratorsByProvider);
        Assert.Equal([new("m0", 30, 7), new("m1", 5, 5)], summary.Models);
        Assert.Equal(23, summary.Free);
    }

    [Fact]
    public void A_model_with_one_provider_is_lost_with_it()
    {
        FleetSummary summary = FleetSummary.Of(Fleet(true, new(0, 0, 10), new(0, 1, 10), new(1, 1, 10)), []);

        Assert.True(Loss(summary, "p0").Survived);
        Assert.Equal(["m1"], Loss(summary, "p1").LostModels);
        Assert.False(summary.SurvivesAnyLoss);
    }

    [Fact]
    public void A_group_takes_its_sites_whatever_their_provider()
    {
        FleetSummary summary = FleetSummary.Of(
            Fleet(true, new(0, 0, 10, InGroup: true), new(0, 1, 10, InGroup: true)), []);

        Assert.True(Loss(summary, "p0").Survived);
        GroupLoss shared = Loss(summary, "shared");
        Assert.Equal(["m0"], shared.LostModels);
        Assert.Equal((2, 20L, false), (shared.Deployments, shared.Places, shared.IsProvider));
    }

    [Fact]
    public void What_is_in_flight_must_fit_what_remains()
    {
        FleetModel fleet = Fleet(true, new(0, 0, 10), new(0, 1, 10));

        Assert.True(FleetSummary.Of(fleet, [5, 5]).SurvivesAnyLoss);
        FleetSummary full = FleetSummary.Of(fleet, [5, 6]);
        Assert.Equal(["m0"], Loss(full, "p0").ShortModels);
        Assert.False(full.SurvivesAnyLoss);
    }

    [Fact]
    public void A_policy_that_loses_its_last_site_is_a_loss_though_others_are_served()
    {
        FleetSummary summary = FleetSummary.Of(
            Fleet(true, new(0, 0, 10, Jurisdiction: "eu"), new(0, 1, 10), new(0, 2, 10)), []);

        Assert.Equal([new ResidencyGap("eu-only", "m0")], Loss(summary, "p0").ResidencyGaps);
        Assert.True(Loss(summary, "p1").Survived);
    }

    [Fact]
    public void Where_nothing_is_served_nothing_is_survived()
    {
        FleetSummary summary = FleetSummary.Of(Fleet(false, new Spec(0, 0, 10)), []);

        Assert.Equal(1, summary.NotServed);
        Assert.Empty(summary.Losses);
        Assert.False(summary.SurvivesAnyLoss);
    }

    [Fact]
    public void A_loss_is_survived_exactly_when_the_fleet_without_the_group_serves_the_same_demand()
    {
        Prop.ForAll<(byte Model, byte Provider, byte Places, byte InFlight, bool InGroup)[]>(raw =>
        {
            Spec[] specs = [.. raw.Select(r => new Spec(r.Model % 3, r.Provider % 4, r.Places % 8 + 1, r.InGroup))];
            int[] inFlight = [.. raw.Select((r, i) => r.InFlight % (specs[i].Places + 1))];
            FleetSummary summary = FleetSummary.Of(Fleet(true, specs), inFlight);

            return summary.Losses.All(loss =>
            {
                bool Lost(Spec s) => loss.IsProvider ? loss.Group == $"p{s.Provider}" : s.InGroup;
                bool survives = specs.Select(s => s.Model).Distinct().All(model =>
                {
                    int demand = specs.Select((s, i) => s.Model == model ? inFlight[i] : 0).Sum();
                    Spec[] left = [.. specs.Where(s => s.Model == model && !Lost(s))];
                    return left.Length > 0 && left.Sum(s => s.Places) >= demand;
                });
                return loss.Survived == survives && loss.Deployments == specs.Count(Lost);
            }) && summary.Losses.Count(l => l.IsProvider) == specs.Select(s => s.Provider).Distinct().Count();
        }).QuickCheckThrowOnFailure();
    }
}
