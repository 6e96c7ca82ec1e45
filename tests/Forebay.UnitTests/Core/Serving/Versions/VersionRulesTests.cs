using System.Collections.Frozen;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Versions;
using Forebay.UnitTests.Core.Capacity.Placement;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Versions;

public sealed class VersionRulesTests
{
    private static readonly FleetConfig Fleet = PlacedFleet.Read();

    private static ModelBuildConfig Build => Fleet.Models[0].Versions[0].Builds[0];

    private static IReadOnlyList<ConfigProblem> Check(FleetConfig fleet) =>
        FleetValidator.Validate(fleet, AcceleratorCatalogue.BuiltIn.Names.ToFrozenSet());

    private static ConfigProblem[] With(ModelBuildConfig build) => [.. Check(Fleet with
    {
        Models =
        [
            Fleet.Models[0] with { Versions = [Fleet.Models[0].Versions[0] with { Builds = [build] }] },
            .. Fleet.Models[1..],
        ],
    })];

    [Fact]
    public void The_example_has_no_problem() => Assert.Empty(Check(Fleet));

    [Fact]
    public void Weights_that_do_not_fit_are_refused_with_the_arithmetic()
    {
        ConfigProblem[] problems = With(Build with { AcceleratorsPerReplica = 1 });
        Assert.Equal(
            "the weights take 121 GB, but 1 H100-SXM hold 1 x 80 GB x 0.9 usable = 72 GB", problems[0].Message);
        Assert.Equal("Raise accelerators_per_replica to 2 or more, or take the chip out of this build.", problems[0].Fix);
        Assert.Equal("models[0].versions[0].builds[0].accelerators[0]", problems[0].Path);
    }

    [Fact]
    public void A_chip_must_compute_in_the_precision()
    {
        ConfigProblem problem = With(Build with { Precision = WeightPrecision.Float4 })[0];
        Assert.Equal("H100-SXM does not compute in fp4", problem.Message);
    }

    [Fact]
    public void A_gang_stays_within_its_domain() => Assert.Contains(
        "only 8 H100-SXM share one interconnect domain", With(Build with { AcceleratorsPerReplica = 16 })[0].Message,
        StringComparison.Ordinal);

    [Fact]
    public void Speed_must_be_known_or_told()
    {
        FleetConfig slow = Fleet with
        {
            Models =
            [
                Fleet.Models[0] with { Placement = Fleet.Models[0].Placement with { TimePerOutputTokenMs = 1 } },
                Fleet.Models[1],
            ],
        };
        Assert.Contains(Check(slow), p => p.Message.Contains("time_per_output_token_ms", StringComparison.Ordinal));
        ModelBuildConfig told = Build with
        {
            Performance = new BuildPerformanceConfig
            {
                PrefillTokensPerSecond = Figure.Of(1000), DecodeTokensPerSecond = Figure.Of(100),
            },
        };
        Assert.DoesNotContain(With(told), p => p.Message.Contains("engine model", StringComparison.Ordinal));
    }

    [Fact]
    public void All_else_is_told_at_once()
    {
        BuildEngineConfig engine = Build.Engine with
        {
            Command = "serve", Image = "x", Dialects = [], StartSeconds = 10, StartTimeoutSeconds = 5, Environment = ["no"],
        };
        FleetConfig fleet = Fleet with
        {
            Pools = [.. Fleet.Pools, new PoolConfig
            {
                Id = "api", Site = Fleet.Sites[0].Id, Placement = PoolPlacement.Automatic,
                Quota = new PoolQuotaConfig { RequestsPerMinute = 1 },
            }],
            Models =
            [
                Fleet.Models[0] with
                {
                    Placement = new ModelPlacementConfig { MinimumGroups = 2, Markets = ["gone"] },
                    Versions =
                    [
                        Fleet.Models[0].Versions[0] with
                        {
                            Builds = [Build with { Engine = engine, Accelerators = ["H1OO-SXM"] }],
                        },
                        Fleet.Models[0].Versions[0] with { Builds = [] },
                    ],
                },
                Fleet.Models[1] with { Versions = [], Placement = new ModelPlacementConfig { MinimumReplicas = 1 } },
            ],
        };
        string[] paths = [.. Check(fleet).Select(p => p.Path)];
        Assert.Superset(
            new HashSet<string>
            {
                "pools[3].placement",
                "models[0].placement.minimum_groups",
                "models[0].placement.markets[0]",
                "models[0].versions[1].id",
                "models[0].versions[1].builds",
                "models[0].versions[0].builds[0].accelerators[0]",
                "models[0].versions[0].builds[0].engine",
                "models[0].versions[0].builds[0].engine.command",
                "models[0].versions[0].builds[0].engine.dialects",
                "models[0].versions[0].builds[0].engine.environment[0]",
                "models[0].versions[0].builds[0].engine.start_timeout_seconds",
                "models[1].placement.minimum_replicas",
            },
            paths.ToHashSet());
    }

    [Fact]
    public void Faster_chips_are_derived_to_be_faster_and_never_beyond_their_memory()
    {
        AcceleratorCatalogue catalogue = AcceleratorCatalogue.BuiltIn;
        BuildPerformance h100 = BuildPerformance.Of(Fleet.Models[0], Build, catalogue.Find("H100-SXM")!)!;
        BuildPerformance h200 = BuildPerformance.Of(Fleet.Models[0], Build, catalogue.Find("H200-SXM")!)!;
        Assert.True(h200.DecodeTokensPerSecond >= h100.DecodeTokensPerSecond);
        Assert.Equal(Basis.Computed, h100.Basis);
        Assert.Contains("4 x H100-SXM", h100.Source, StringComparison.Ordinal);
    }
}
