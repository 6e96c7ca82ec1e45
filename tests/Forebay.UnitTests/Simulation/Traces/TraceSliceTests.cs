using Forebay.Simulation.Traces;
using Xunit;

namespace Forebay.UnitTests.Simulation.Traces;

public sealed class TraceSliceTests
{
    private static readonly TraceRequest[] Trace =
    [
        new TraceRequest(0, 10, 1) { LaterTurns = [new TraceRequest(0, 20, 1), new TraceRequest(0, 30, 1)] },
        new TraceRequest(5, 10, 1),
        new TraceRequest(60, 10, 1),
    ];

    [Theory]
    [InlineData(null, null, 5)]
    [InlineData(2, null, 2)]
    [InlineData(4, null, 4)]
    [InlineData(null, 60.0, 4)]
    [InlineData(9, 5.0, 3)]
    public void A_slice_counts_every_turn_and_ends_before_its_time(int? requests, double? seconds, int expected) =>
        Assert.Equal(expected, TraceSlice.First(Trace, requests, seconds).Sum(r => r.Turns));

    [Fact]
    public void A_summary_counts_turns_conversations_and_what_an_ideal_cache_would_hold()
    {
        var summary = TraceSummary.Of("t", Trace);

        Assert.Equal((5, 3), (summary.Requests, summary.Conversations));
        Assert.Equal(80, summary.InputTokens);
        Assert.Equal(10 + 20, summary.ReusableInputTokens);

        // Blocks: the second prompt begins with the first's 512 tokens, the third repeats a cut block.
        TraceRequest[] blocks =
        [
            new(0, 600, 1) { Blocks = [1, 2] },
            new(0, 800, 1) { Blocks = [1, 3] },
            new(0, 600, 1) { Blocks = [1, 2] },
            new(0, 600, 1) { Blocks = [4, 2] },
        ];
        Assert.Equal(512 + 600, TraceSummary.Of("t", blocks).ReusableInputTokens);
    }
}
