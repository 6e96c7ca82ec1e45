using Forebay.Simulation.Traces;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Simulation.Traces;

public sealed class MooncakeTraceTests
{
    internal const string SharedTrace = "traces/mooncake/conversation_trace.jsonl";

    private static TraceRequest[] Read(string text) => [.. TraceReader.Read(new StringReader(text), "t.jsonl")];

    internal static TraceRequest[] ReadShared()
    {
        string? path = SharedFiles.Find(SharedTrace);
        Assert.SkipWhen(path is null, SharedFiles.SkipReason(SharedTrace));
        using StreamReader reader = File.OpenText(path);
        return [.. TraceReader.Read(reader, path)];
    }

    [Fact]
    public void Lines_become_requests_with_their_blocks_and_times_from_the_first()
    {
        TraceRequest[] trace = Read("""
            {"timestamp": 5000, "input_length": 600, "output_length": 7, "hash_ids": [3, 9]}

            {"timestamp": 6500.5, "input_length": 512, "output_length": 0, "hash_ids": [3], "more": true}
            {"timestamp": 6500.5, "input_length": 0, "output_length": 1, "hash_ids": []}
            """);

        Assert.Equal([0, 1.5005, 1.5005], trace.Select(r => r.ArrivalSeconds));
        Assert.Equal([(600, 7), (512, 0), (0, 1)], trace.Select(r => (r.InputTokens, r.OutputTokens)));
        Assert.Equal([[3, 9], [3], []], trace.Select(r => r.Blocks.ToArray()));
    }

    [Fact]
    public void Every_problem_is_told_with_its_line()
    {
        TraceFormatException e = Assert.Throws<TraceFormatException>(() => Read("""
            {"timestamp": 5, "input_length": 5, "output_length": 1, "hash_ids": [1]}
            {"timestamp": 5, "input_length": 513, "output_length": 1, "hash_ids": [1]}
            {"timestamp": 4, "input_length": 5, "output_length": 1, "hash_ids": [1]}
            {"timestamp": 5, "output_length": 1}
            not json
            {"timestamp": "x", "input_length": 5, "output_length": 1, "hash_ids": [1]}
            {"timestamp": 5, "input_length": 5, "output_length": -1, "hash_ids": [1]}
            {"timestamp": 5, "input_length": 5, "output_length": 1, "hash_ids": [1.5]}
            [1]
            """));

        Assert.Equal([2, 3, 4, 5, 6, 7, 8, 9], e.Problems.Select(p => p.Line));
        Assert.Contains("t.jsonl:2: hash_ids has 1 ids; input_length takes 2", e.Message, StringComparison.Ordinal);
        Assert.Contains("t.jsonl:3: timestamp 4 is earlier", e.Message, StringComparison.Ordinal);
        Assert.Contains("t.jsonl:4: has no input_length, hash_ids", e.Message, StringComparison.Ordinal);
        Assert.Contains("t.jsonl:7: output_length -1 is not", e.Message, StringComparison.Ordinal);
        Assert.Contains("t.jsonl:8: hash_ids holds 1.5", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_are_bounded()
    {
        string wrong = string.Join('\n', Enumerable.Repeat("{}", 50));

        TraceFormatException e = Assert.Throws<TraceFormatException>(() => Read(wrong));

        Assert.Equal(TraceFormatException.MaxProblems, e.Problems.Count);
        Assert.Contains("there may be more", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_published_trace_has_its_published_figures()
    {
        TraceRequest[] trace = ReadShared();
        var summary = TraceSummary.Of("mooncake", trace);

        Assert.Equal(12_031, summary.Requests);
        Assert.Equal(12_035, (double)summary.InputTokens / summary.Requests, 1.0);
        Assert.Equal(343, (double)summary.OutputTokens / summary.Requests, 1.0);

        // The paper says about 40% of blocks; prefix by prefix in the order of the file it is 37% of tokens.
        Assert.Equal(0.3736, (double)summary.ReusableInputTokens!.Value / summary.InputTokens, 0.0001);
    }
}
