using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay.Reports;

public sealed class TimelineTests
{
    private static ReplayOutcome Outcome(ReplayEnd end, double firstMs) => new()
    {
        Dialect = ReplayDialect.OpenAi,
        Model = "m",
        AskedInputTokens = 1,
        AskedOutputTokens = 1,
        End = end,
        TimeToFirstTokenMs = firstMs,
        InputTokens = 10,
        OutputTokens = 3,
    };

    [Fact]
    public void Requests_fall_into_their_seconds_and_gauges_carry_over_quiet_ones()
    {
        var timeline = new Timeline();
        timeline.Sent(0.1);
        timeline.Sent(0.2);
        timeline.Started(0.5);
        timeline.Ended(Outcome(ReplayEnd.Succeeded, 400), started: true, 3.5);
        timeline.Ended(Outcome(ReplayEnd.Failed, 0), started: false, 4.5);

        TimelinePoint[] points = timeline.Points();

        Assert.Equal([0, 1, 2, 3, 4], points.Select(p => p.StartSeconds));
        Assert.Equal([2, 0, 0, 0, 0], points.Select(p => p.Sent));
        Assert.Equal([0, 0, 0, 1, 0], points.Select(p => p.Succeeded));
        Assert.Equal([0, 0, 0, 0, 1], points.Select(p => p.Failed));
        Assert.Equal([2, 2, 2, 2, 1], points.Select(p => p.InFlight));
        Assert.Equal([2, 1, 1, 1, 1], points.Select(p => p.Waiting));
        Assert.Equal([null, null, null, 400, null], points.Select(p => p.TimeToFirstTokenP50Ms));
        Assert.Equal([0, 0, 0, 3, 0], points.Select(p => p.OutputTokens));
    }

    [Fact]
    public void A_long_run_has_longer_stretches_never_more_and_loses_nothing()
    {
        var timeline = new Timeline();
        for (int i = 0; i < 5000; i++)
        {
            timeline.Sent(i);
            timeline.Ended(Outcome(ReplayEnd.Succeeded, i + 1), started: false, i + 0.5);
        }

        TimelinePoint[] points = timeline.Points();

        Assert.Equal(32, timeline.StretchSeconds);
        Assert.InRange(points.Length, Timeline.MaxStretches / 2, Timeline.MaxStretches);
        Assert.Equal(5000, points.Sum(p => p.Sent));
        Assert.Equal(15_000, points.Sum(p => p.OutputTokens));
        Assert.All(points, p => Assert.Equal(1, p.InFlight));
        Assert.InRange(points[10].TimeToFirstTokenP50Ms!.Value, 320, 352);
    }
}
