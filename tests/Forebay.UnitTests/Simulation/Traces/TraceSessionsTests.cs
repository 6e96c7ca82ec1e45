using Forebay.Simulation.Traces;
using Xunit;

namespace Forebay.UnitTests.Simulation.Traces;

public sealed class TraceSessionsTests
{
    private static TraceRequest Request(double at, int tokens, params int[] blocks) =>
        new(at, tokens, 10) { Blocks = [.. blocks] };

    [Fact]
    public void A_request_that_repeats_a_whole_earlier_prompt_is_its_next_turn()
    {
        IReadOnlyList<TraceRequest> grouped = TraceSessions.Group(
            [
                Request(0, 1100, 0, 1, 2),
                Request(1, 1100, 0, 3, 4),
                Request(2, 1700, 0, 1, 5, 6),
                Request(3, 2100, 0, 1, 5, 7, 8),
                Request(4, 1100, 0, 9, 10),
            ],
            thinkSeconds: 2);

        Assert.Equal([0, 1, 4], grouped.Select(c => c.ArrivalSeconds));
        Assert.Equal([3, 1, 1], grouped.Select(c => c.Turns));
        Assert.Equal([2, 3], grouped[0].LaterTurns.Select(t => t.ArrivalSeconds));
        Assert.All(grouped[0].LaterTurns, t => Assert.Equal(2, t.ThinkSeconds));
    }

    [Fact]
    public void A_shared_system_prompt_makes_no_conversation_and_a_turn_is_continued_once()
    {
        IReadOnlyList<TraceRequest> grouped = TraceSessions.Group(
            [
                Request(0, 1024, 0, 1),
                Request(1, 600, 0, 2),
                Request(2, 1600, 0, 1, 3, 4),
                Request(3, 1600, 0, 1, 5, 6),
            ],
            thinkSeconds: 0);

        Assert.Equal([2, 1, 1], grouped.Select(c => c.Turns));
    }

    [Fact]
    public void The_published_conversation_trace_has_the_conversations_that_the_workload_cites()
    {
        TraceRequest[] trace = MooncakeTraceTests.ReadShared();
        IReadOnlyList<TraceRequest> grouped = TraceSessions.Group(trace, 0);
        double[] gaps =
        [
            .. grouped.SelectMany(c => c.AllTurns.Zip(c.LaterTurns, (a, b) => b.ArrivalSeconds - a.ArrivalSeconds))
                .Order(),
        ];

        Assert.Equal(8723, grouped.Count);
        Assert.Equal(12_031, grouped.Sum(c => c.Turns));
        Assert.Equal(3308, gaps.Length);
        Assert.Equal(126, gaps[gaps.Length / 2], 1.0);
        Assert.Equal(486, gaps[gaps.Length * 9 / 10], 1.0);
    }
}
