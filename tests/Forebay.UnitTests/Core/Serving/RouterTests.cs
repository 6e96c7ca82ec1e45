using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Serving;

public sealed class RouterTests
{
    private readonly FleetModel _model;
    private readonly FleetState _state = new();
    private readonly Deployment[] _eligible;

    /// <summary>One deployment per dialect, with two places each.</summary>
    public RouterTests()
    {
        FleetConfig config = SmallFleet.Config;
        _model = FleetModel.Build(
            config with
            {
                Deployments =
                [
                    config.Deployments[0] with { Dialects = [Dialect.OpenAi], MaxConcurrency = 2 },
                    config.Deployments[1] with { Dialects = [Dialect.Anthropic], MaxConcurrency = 2 },
                ],
            },
            new Dictionary<string, Uri>());
        _state.Model = _model;
        _eligible = new Deployment[2];
        Reason reason = Router.Police(
            _model.FindTenant("acme")!,
            _model.FindModel("deep")!,
            new RoutingRequest(false, false, false, false, 10, 10),
            _eligible,
            out int count);
        Assert.Equal((Reason.None, 2), (reason, count));
    }

    private string Enter(Dialect dialect, uint number = 0, params int[] tried) =>
        Router.Enter(_eligible, _state, dialect, tried, 1_000, number)?.Id ?? "none";

    [Theory]
    [InlineData(Dialect.OpenAi, "deep-real", "deep-cloud")]
    [InlineData(Dialect.Anthropic, "deep-cloud", "deep-real")]
    public void The_other_dialect_is_used_only_when_no_place_in_the_clients_is_free(
        Dialect dialect, string own, string other)
    {
        IEnumerable<string> entered = Enumerable.Range(0, 5).Select(i => Enter(dialect, (uint)i));

        Assert.Equal([own, own, other, other, "none"], entered);
    }

    [Fact]
    public void One_that_was_tried_makes_way_for_the_other_dialect() =>
        Assert.Equal("deep-cloud", Enter(Dialect.OpenAi, 0, _eligible[0].Index));

    [Fact]
    public void One_that_is_out_after_failures_makes_way_for_the_other_dialect()
    {
        _state.Of(_eligible[0]).Breaker.TakeOut(
            OutCause.Probes, Reason.UpstreamCut, 0, 0.5, new HealthRulesConfig());

        IEnumerable<string> entered = Enumerable.Range(0, 3).Select(i => Enter(Dialect.OpenAi, (uint)i));

        Assert.Equal(["deep-cloud", "deep-cloud", "deep-real"], entered);
    }
}
