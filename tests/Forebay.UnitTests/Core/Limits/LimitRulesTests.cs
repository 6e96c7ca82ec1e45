using System.Collections.Frozen;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Limits;

public sealed class LimitRulesTests
{
    private static readonly TierConfig Tier = new() { Id = "standard" };

    [Fact]
    public void A_rich_tier_is_accepted() => Assert.Empty(Check(
        Tier with
        {
            WeeklyWindow = new WindowConfig { Limit = 10, Unit = WindowUnit.Requests },
            Classes = [new ClassLimitsConfig { Class = "large", MonthlySpendUsd = 1 }],
        },
        new ModelClassConfig { Id = "large", Models = ["deep"] }));

    [Fact]
    public void A_model_in_two_classes_is_refused()
    {
        ConfigProblem problem = Assert.Single(Check(
            Tier,
            new ModelClassConfig { Id = "large", Models = ["deep", "swift"] },
            new ModelClassConfig { Id = "small", Models = ["swift"] }));

        Assert.Equal("model_classes[1].models[0]", problem.Path);
        Assert.Contains("swift is in class large and in class small", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_class_that_names_unknown_models_and_a_tier_that_names_an_unknown_class_are_refused()
    {
        IReadOnlyList<ConfigProblem> problems = Check(
            Tier with { Classes = [new ClassLimitsConfig { Class = "lage", RequestsPerMinute = 1 }] },
            new ModelClassConfig { Id = "large", Models = ["depe"] });

        Assert.Equal(
            ["model_classes[0].models[0]", "tiers[0].classes[0].class"], problems.Select(p => p.Path).Order());
    }

    [Fact]
    public void What_would_never_hold_is_refused()
    {
        IReadOnlyList<ConfigProblem> problems = Check(
            Tier with
            {
                MaxBatchRequests = 5,
                FiveHourWindow = new WindowConfig { Limit = 2.5m, Unit = WindowUnit.Tokens },
                Acceleration = new AccelerationConfig { FloorTokensPerMinute = 1, Factor = 12 },
                Classes =
                [
                    new ClassLimitsConfig { Class = "large" },
                    new ClassLimitsConfig { Class = "large", RequestsPerMinute = 1 },
                ],
            },
            new ModelClassConfig { Id = "large", Models = ["deep"] },
            new ModelClassConfig { Id = "none", Models = [] });

        Assert.Equal(
            [
                "model_classes[1].models", "tiers[0].acceleration.factor", "tiers[0].classes[0]",
                "tiers[0].classes[1].class", "tiers[0].five_hour_window.limit", "tiers[0].max_batch_requests",
            ],
            problems.Select(p => p.Path).Order(StringComparer.Ordinal));
        Assert.All(problems, p => Assert.NotEmpty(p.Fix));
    }

    private static IReadOnlyList<ConfigProblem> Check(TierConfig tier, params ModelClassConfig[] classes) =>
        FleetValidator.Validate(
            SmallFleet.Config with { Tiers = [tier], ModelClasses = classes, Deployments = [] },
            new[] { "H100-SXM" }.ToFrozenSet());
}
