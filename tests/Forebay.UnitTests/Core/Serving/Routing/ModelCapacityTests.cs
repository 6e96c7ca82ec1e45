using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

public sealed class ModelCapacityTests
{
    private static readonly LatencyObjective[] Objectives =
        [.. ((double[])[200, 500, 1000, 5000]).Select(ms => new LatencyObjective(ms * 1e6, 100e6, 0.9))];

    private static ModelCapacity Of(RouterFleet fleet) =>
        ModelCapacity.Of(fleet.State, fleet.Model.FindModel("atlas")!, Objectives, 0);

    [Fact]
    public void A_models_curve_is_the_sum_of_those_that_are_not_out()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("a"), RouterFleet.Engine("b"));
        ModelCapacity both = Of(fleet);
        fleet.StateOf("b").Breaker.TakeOut(OutCause.Probes, Reason.UpstreamCut, 0, 0.5, new HealthRulesConfig());
        ModelCapacity one = Of(fleet);

        Assert.Equal(both.Points.Select(p => p.RequestsPerSecond / 2), one.Points.Select(p => p.RequestsPerSecond));
        Assert.Equal([false, true], one.Deployments.Select(d => d.IsOut));
        Assert.All(both.Points, p => Assert.Equal(p.RequestsPerSecond * both.OutputTokens, p.OutputTokensPerSecond, 6));
        Assert.True(both.Points[0].RequestsPerSecond > 0);
    }

    /// <summary>Nine in ten within a time is harder than the mean within it, and nothing that is learned or reported makes
    /// a looser objective allow less.</summary>
    [Fact]
    public void The_curve_rises_with_the_objective_whatever_was_learned() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var fleet = new RouterFleet(RouterFleet.Engine("a"), RouterFleet.Engine("b"));
        for (uint i = 0; i < 30; i++)
        {
            if (fleet.Enter(Dialect.OpenAi, i, inputTokens: random.Next(1, 20_000)) != "none")
            {
                fleet.Last.Load.FirstTokenCame(fleet.Last, 0, random.NextInt64(1, 20_000_000_000));
                fleet.Last.Load.Completed(fleet.Last, new RouteOutcome(
                    0, Instant.NsPerSecond, random.NextInt64(1, 60) * Instant.NsPerSecond, 100, 10, random.Next(1, 2000)));
                fleet.End();
            }
        }

        ModelCapacity curve = Of(fleet);
        double[] rates = [.. curve.Points.Select(p => p.RequestsPerSecond)];
        LatencyObjective[] ofMean = [Objectives[2] with { FirstTokenShare = 0 }];
        double mean = ModelCapacity.Of(fleet.State, fleet.Model.FindModel("atlas")!, ofMean, 0).Points[0].RequestsPerSecond;
        return rates.All(r => double.IsFinite(r) && r >= 0)
            && rates.Zip(rates.Skip(1)).All(p => p.First <= p.Second * (1 + 1e-9))
            && rates[2] <= mean * (1 + 1e-9);
    }).QuickCheckThrowOnFailure();

    /// <summary>1,600 tokens of memory hold one request of 1,024 and half of 256.</summary>
    [Fact]
    public void Memory_bounds_how_many_run_at_once()
    {
        var fleet = new RouterFleet(RouterFleet.Engine("a"));
        int before = Of(fleet).Deployments[0].Places;
        RouteLoad load = fleet.LoadOf("a");
        var report = new EngineReport(0, 0, 0, 0, null, null, null) { KvCapacityTokens = 1600 };
        load.Reported(report, load.BeginReport(), Instant.NsPerSecond);

        Assert.Equal((1, true), (Of(fleet).Deployments[0].Places, before > 1));
    }
}
