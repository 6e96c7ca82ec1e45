using Forebay.Simulation.Traces;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Simulation.Traces;

public sealed class AzureLlmTraceTests
{
    private const string SharedTrace = "traces/azure-llm-2023/AzureLLMInferenceTrace_conv.csv";

    private static List<TraceRequest> Read(string text) => [.. AzureLlmTrace.Read(new StringReader(text), "trace.csv")];

    [Fact]
    public void Arrivals_count_from_the_first_request_and_line_ends_may_be_of_either_kind()
    {
        List<TraceRequest> requests = Read(
            "TIMESTAMP,ContextTokens,GeneratedTokens\r\n" +
            "2023-11-16 23:59:59.5000000,374,44\r\n" +
            "2023-11-17 00:00:01.25,0,109\n" +
            "\n" +
            "2023-11-17 00:00:01.25,879,55");

        Assert.Equal([new(0, 374, 44), new(1.75, 0, 109), new(1.75, 879, 55)], requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData("timestamp,input_length\n1,2")]
    public void A_file_of_another_kind_is_refused_by_its_first_line(string text)
    {
        TraceFormatException e = Assert.Throws<TraceFormatException>(() => Read(text));

        Assert.Equal("trace.csv:1: the first line must be 'TIMESTAMP,ContextTokens,GeneratedTokens'", e.Message);
    }

    [Fact]
    public void Every_bad_line_is_told_with_its_number_and_good_lines_still_come()
    {
        var seen = new List<TraceRequest>();
        const string text = """
            TIMESTAMP,ContextTokens,GeneratedTokens
            2023-11-16 18:15:46.6805900,374
            2023-11-16 18:15:47.0000000,374,44
            yesterday,374,44
            2023-11-16 18:15:48.0000000,-1,44
            2023-11-16 18:15:48.0000000,1,4.5
            2023-11-16 18:15:46.0000000,1,4
            2023-11-16 18:15:48.0000000,1,4,9
            """;

        TraceFormatException e = Assert.Throws<TraceFormatException>(() =>
        {
            foreach (TraceRequest request in AzureLlmTrace.Read(new StringReader(text), "trace.csv"))
            {
                seen.Add(request);
            }
        });

        Assert.Equal([new(0, 374, 44)], seen);
        Assert.Equal([2, 4, 5, 6, 7, 8], e.Problems.Select(p => p.Line));
        Assert.Contains("trace.csv:4: 'yesterday' is not a timestamp", e.Message, StringComparison.Ordinal);
        Assert.Contains("trace.csv:5: ContextTokens '-1' is not", e.Message, StringComparison.Ordinal);
        Assert.Contains("sort the file by TIMESTAMP", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_nothing_but_bad_lines_is_given_up_at_the_tenth()
    {
        string text = AzureLlmTrace.Header + "\n" + string.Concat(Enumerable.Repeat("x,1,1\n", 500));

        TraceFormatException e = Assert.Throws<TraceFormatException>(() => Read(text));

        Assert.Equal(TraceFormatException.MaxProblems, e.Problems.Count);
    }

    [Fact]
    public void A_file_without_requests_is_refused()
    {
        TraceFormatException e = Assert.Throws<TraceFormatException>(() => Read(AzureLlmTrace.Header + "\n"));

        Assert.Contains("no requests", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_published_trace_has_its_published_figures()
    {
        string? path = SharedFiles.Find(SharedTrace);
        Assert.SkipWhen(path is null, SharedFiles.SkipReason(SharedTrace));
        using StreamReader reader = File.OpenText(path);

        var summary = TraceSummary.Of("conversation", AzureLlmTrace.Read(reader, path));

        Assert.Equal(19_366, summary.Requests);
        Assert.Equal(58, summary.DurationSeconds / 60, 0.5);
        Assert.Equal(1155, (double)summary.InputTokens / summary.Requests, 0.5);
        Assert.Equal(211, (double)summary.OutputTokens / summary.Requests, 0.5);
    }
}
