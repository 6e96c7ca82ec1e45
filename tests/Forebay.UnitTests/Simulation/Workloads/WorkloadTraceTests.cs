using Forebay.Simulation.Traces;
using Forebay.Simulation.Workloads;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Simulation.Workloads;

/// <summary>A large sample of each workload has the published statistics, within the bounds stated here.</summary>
public sealed class WorkloadTraceTests
{
    private const int Sample = 60_000;

    private static TraceRequest[] Generate(Workload workload, ulong seed, int requests = Sample) =>
        [.. TraceSlice.First(WorkloadTrace.Generate(workload, workload.RequestsPerSecond, seed), requests, null)];

    private static TraceRequest[] Turns(TraceRequest[] trace) => [.. trace.SelectMany(c => c.AllTurns)];

    private static double At(double share, IEnumerable<int> values)
    {
        int[] sorted = [.. values.Order()];
        return sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
    }

    private static void AssertWithin(double expected, double share, double actual) =>
        Assert.InRange(actual, expected * (1 - share), expected * (1 + share));

    [Theory]
    [InlineData(1)]
    [InlineData(42)]
    public void Conversation_lengths_are_those_of_the_azure_trace(ulong seed)
    {
        TraceRequest[] turns = Turns(Generate(PublishedWorkloads.Conversation, seed));

        AssertWithin(1154.7, 0.02, turns.Average(r => r.InputTokens));
        AssertWithin(211.1, 0.02, turns.Average(r => r.OutputTokens));
        AssertWithin(1020, 0.02, At(0.5, turns.Select(r => r.InputTokens)));
        AssertWithin(129, 0.03, At(0.5, turns.Select(r => r.OutputTokens)));
        AssertWithin(4142, 0.03, At(0.99, turns.Select(r => r.InputTokens)));
    }

    [Fact]
    public void Code_lengths_are_those_of_the_azure_trace()
    {
        TraceRequest[] turns = Turns(Generate(PublishedWorkloads.Code, 1));

        AssertWithin(1469, 0.02, At(0.5, turns.Select(r => r.InputTokens)));
        AssertWithin(2048, 0.05, turns.Average(r => r.InputTokens));
        AssertWithin(7436, 0.001, At(0.99, turns.Select(r => r.InputTokens)));
        AssertWithin(13, 0.08, At(0.5, turns.Select(r => r.OutputTokens)));
        AssertWithin(28, 0.05, turns.Average(r => r.OutputTokens));
        AssertWithin(249, 0.12, At(0.99, turns.Select(r => r.OutputTokens)));
        Assert.All(Generate(PublishedWorkloads.Code, 1, 1000), c => Assert.Equal(1, c.Turns));
    }

    [Fact]
    public void Agentic_lengths_turns_and_reuse_are_the_published_ones()
    {
        TraceRequest[] trace = Generate(PublishedWorkloads.Agentic, 1);
        TraceRequest[] turns = Turns(trace);
        var summary = TraceSummary.Of("agentic", trace);
        double[] think = [.. trace.SelectMany(c => c.LaterTurns).Select(t => t.ThinkSeconds).Order()];

        AssertWithin(8596, 0.02, turns.Average(r => r.InputTokens));
        AssertWithin(6346, 0.02, At(0.5, turns.Select(r => r.InputTokens)));
        AssertWithin(182, 0.06, turns.Average(r => r.OutputTokens));
        AssertWithin(30, 0.04, At(0.5, turns.Select(r => r.OutputTokens)));
        Assert.Equal(0.59, (double)summary.ReusableInputTokens!.Value / summary.InputTokens, 0.02);
        AssertWithin(1.0, 0.06, think[think.Length / 2]);
        AssertWithin(23.5, 0.08, think[think.Length * 9 / 10]);

        // A sixth of the turns does not chain by length and opens a conversation of its own.
        AssertWithin(3.54, 0.20, (double)turns.Length / trace.Length);
    }

    [Theory]
    [InlineData("conversation")]
    [InlineData("code")]
    [InlineData("agentic")]
    public void Arrivals_have_the_stated_rate_and_burstiness(string name)
    {
        Workload workload = PublishedWorkloads.All.Single(w => w.Name == name);
        TraceRequest[] trace = Generate(workload, 3);
        double[] at = [.. trace.Select(r => r.ArrivalSeconds)];
        double[] gaps = [.. at.Skip(1).Zip(at, (later, earlier) => later - earlier)];
        double mean = gaps.Average();
        double deviation = Math.Sqrt(gaps.Average(g => (g - mean) * (g - mean)));

        Assert.Equal(0, at[0]);
        Assert.All(gaps, g => Assert.True(g >= 0));
        AssertWithin(workload.ArrivalCv, 0.04, deviation / mean);
        AssertWithin(workload.RequestsPerSecond, 0.04, Sample / at[^1]);
    }

    [Theory]
    [InlineData("conversation")]
    [InlineData("agentic")]
    public void Every_turn_has_room_for_the_turns_before_it(string name)
    {
        TraceRequest[] trace = Generate(PublishedWorkloads.All.Single(w => w.Name == name), 5, 20_000);

        Assert.Contains(trace, c => c.Turns >= 3);
        foreach (TraceRequest conversation in trace)
        {
            TraceRequest[] turns = [.. conversation.AllTurns];
            for (int i = 1; i < turns.Length; i++)
            {
                Assert.True(turns[i].InputTokens > turns[i - 1].InputTokens + turns[i - 1].OutputTokens);
                Assert.True(turns[i].ThinkSeconds >= 0);
                Assert.Equal(conversation.ArrivalSeconds, turns[i].ArrivalSeconds);
                Assert.Empty(turns[i].Blocks);
            }
        }
    }

    [Fact]
    public void Seed_and_rate_replay_exactly_and_a_longer_slice_begins_with_the_shorter()
    {
        static string[] Words(ulong seed, double rate, int requests) =>
        [
            .. TraceSlice.First(WorkloadTrace.Generate(PublishedWorkloads.Agentic, rate, seed), requests, null)
                .SelectMany(c => c.AllTurns)
                .Select(t => $"{t.ArrivalSeconds:R} {t.InputTokens} {t.OutputTokens} {t.ThinkSeconds:R} " +
                    string.Join(',', t.Blocks)),
        ];

        string[] one = Words(7, 2, 500);
        Assert.Equal(one, Words(7, 2, 500));
        Assert.Equal(one[..200], Words(7, 2, 200));
        Assert.NotEqual(one, Words(8, 2, 500));
        Assert.NotEqual(one, Words(7, 3, 500));
    }

    [Fact]
    public void Percentiles_are_those_of_the_published_trace()
    {
        const string shared = "traces/azure-llm-2023/AzureLLMInferenceTrace_conv.csv";
        string? path = SharedFiles.Find(shared);
        Assert.SkipWhen(path is null, SharedFiles.SkipReason(shared));
        using StreamReader reader = File.OpenText(path);
        TraceRequest[] real = [.. TraceReader.Read(reader, path)];
        TraceRequest[] generated = Turns(Generate(PublishedWorkloads.Conversation, 1));

        foreach (double share in (double[])[0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
        {
            foreach (Func<TraceRequest, int> length in (Func<TraceRequest, int>[])
                [r => r.InputTokens, r => r.OutputTokens])
            {
                double expected = At(share, real.Select(length));
                Assert.InRange(At(share, generated.Select(length)), expected * 0.95 - 1, expected * 1.05 + 1);
            }
        }
    }
}
