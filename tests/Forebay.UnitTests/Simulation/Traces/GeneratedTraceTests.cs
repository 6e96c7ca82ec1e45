using Forebay.Simulation.Traces;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Simulation.Traces;

public sealed class GeneratedTraceTests
{
    private const string SharedTrace = "traces/azure-llm-2023/AzureLLMInferenceTrace_conv.csv";
    private static readonly TraceShape Shape = TraceShape.AzureConversation2023;

    private static TraceRequest[] Generate(ulong seed) => [.. GeneratedTrace.Generate(Shape, seed)];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(42)]
    [InlineData(ulong.MaxValue)]
    public void Whatever_the_seed_count_duration_and_means_are_the_published_ones(ulong seed)
    {
        TraceRequest[] trace = Generate(seed);

        Assert.Equal(19_366, trace.Length);
        Assert.Equal(0, trace[0].ArrivalSeconds);
        Assert.Equal(Shape.Duration.TotalSeconds, trace[^1].ArrivalSeconds, 1e-6);
        Assert.InRange(trace.Average(r => r.InputTokens), 1155 * 0.99, 1155 * 1.01);
        Assert.InRange(trace.Average(r => r.OutputTokens), 211 * 0.99, 211 * 1.01);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(42)]
    public void Arrivals_never_fall_and_are_as_bursty_as_stated(ulong seed)
    {
        double[] at = [.. Generate(seed).Select(r => r.ArrivalSeconds)];
        double[] gaps = [.. at.Skip(1).Zip(at, (later, earlier) => later - earlier)];
        double mean = gaps.Average();
        double deviation = Math.Sqrt(gaps.Average(g => (g - mean) * (g - mean)));

        Assert.All(gaps, g => Assert.True(g >= 0));

        // The sample's coefficient of variation is within 0.03 of the law's at four standard errors.
        Assert.Equal(Shape.InterarrivalCv, deviation / mean, 0.05);
    }

    [Fact]
    public void The_same_seed_gives_the_same_trace_and_another_seed_another()
    {
        TraceRequest[] one = Generate(7);

        Assert.Equal(one, Generate(7));
        Assert.NotEqual(one.Select(r => r.InputTokens), Generate(8).Select(r => r.InputTokens));
        Assert.NotEqual(one.Select(r => r.ArrivalSeconds), Generate(8).Select(r => r.ArrivalSeconds));
    }

    [Fact]
    public void Input_and_output_lengths_are_drawn_apart()
    {
        TraceRequest[] trace = Generate(3);
        double meanIn = trace.Average(r => r.InputTokens);
        double meanOut = trace.Average(r => r.OutputTokens);
        double covariance = trace.Average(r => (r.InputTokens - meanIn) * (r.OutputTokens - meanOut));
        double correlation = covariance
            / Math.Sqrt(trace.Average(r => Math.Pow(r.InputTokens - meanIn, 2)))
            / Math.Sqrt(trace.Average(r => Math.Pow(r.OutputTokens - meanOut, 2)));

        Assert.Equal(0, correlation, 0.05);
    }

    [Fact]
    public void Percentiles_are_those_of_the_published_trace()
    {
        string? path = SharedFiles.Find(SharedTrace);
        Assert.SkipWhen(path is null, SharedFiles.SkipReason(SharedTrace));
        using StreamReader reader = File.OpenText(path);
        TraceRequest[] real = [.. AzureLlmTrace.Read(reader, path)];
        TraceRequest[] generated = Generate(1);

        foreach (double share in (double[])[0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])
        {
            AssertNear(share, real, generated, r => r.InputTokens);
            AssertNear(share, real, generated, r => r.OutputTokens);
        }
    }

    private static void AssertNear(
        double share, TraceRequest[] real, TraceRequest[] generated, Func<TraceRequest, int> length)
    {
        double expected = At(share, real, length);
        Assert.InRange(At(share, generated, length), expected * 0.97 - 1, expected * 1.03 + 1);
    }

    private static int At(double share, TraceRequest[] trace, Func<TraceRequest, int> length) =>
        trace.Select(length).Order().ElementAt((int)Math.Ceiling(share * trace.Length) - 1);
}
