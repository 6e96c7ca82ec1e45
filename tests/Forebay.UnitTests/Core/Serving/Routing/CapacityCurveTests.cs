using Forebay.Core.Serving.Routing;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

public sealed class CapacityCurveTests
{
    /// <summary>20 ms to begin, 10,000 prompt tokens a second, 10 ms a token and 0.1 ms more for each that runs.</summary>
    private static readonly RouteCell Engine = new()
    {
        FirstTokenNs = 20e6f, QueuedTokenNs = 100e3f, InFlightNs = 0.2e6f, OutputTokenNs = 10e6f, BatchNs = 0.1e6f,
    };

    private static readonly RequestShape Chat = new(1000, 200);

    private static double At(double firstMs, double tokenMs, int places = 1000, RequestShape? shape = null) =>
        CapacityCurve.RequestsPerSecond(
            Engine, shape ?? Chat, new LatencyObjective(firstMs * 1e6, tokenMs * 1e6), places);

    [Fact]
    public void The_looser_the_objective_the_higher_the_rate_up_to_what_can_be_computed()
    {
        double[] rates = [.. ((double[])[125, 200, 500, 2000, 60_000]).Select(ms => At(ms, 100))];

        Assert.Equal(rates.Order(), rates);
        Assert.True(rates[0] > 0 && rates[^1] > rates[0] * 3, string.Join(" ", rates));

        // 1,000 tokens of 0.1 ms each: never more than ten a second.
        Assert.InRange(rates[^1], 9, 10);
    }

    [Fact]
    public void An_objective_that_one_request_alone_misses_leaves_nothing()
    {
        Assert.Equal(0, At(119, 100));
        Assert.Equal(0, At(10_000, 10));
        Assert.Equal(0, At(10_000, 100, places: 0));
    }

    [Fact]
    public void The_time_per_token_bounds_how_many_run()
    {
        // 12 ms a token: twenty run, each for 0.38 s (100 ms of prompt, 72% busy) and then 200 tokens of 12 ms.
        double rate = At(10_000, 12);

        Assert.InRange(rate, 20 / 2.85, 20 / 2.7);
    }

    [Fact]
    public void Places_bound_it_and_longer_prompts_lower_it()
    {
        Assert.InRange(At(10_000, 100, places: 4), 4 / 2.6, 4 / 2.1);
        Assert.True(At(2000, 100, shape: new RequestShape(8000, 200)) < At(2000, 100) / 5);
    }
}
