using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Streams;

public sealed class OpenAiStreamTests
{
    private const string Role =
        """{"id":"c","model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}""";

    private const string Text =
        """{"id":"c","model":"up","choices":[{"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}""";

    private const string Finish = """{"model":"up","choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}""";

    private const string Usage =
        """{"model":"up","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25,"""
        + "\"prompt_tokens_details\":{\"cached_tokens\":8,\"cache_write_tokens\":4}}}";

    private static string Stream(params string[] chunks) => string.Concat(chunks.Select(chunk => $"data: {chunk}\n\n"));

    private static StreamRun Run(string stream, string model = "", bool removeUsage = false) =>
        StreamRun.Of(WireDialect.OpenAi, stream, new StreamRewrite(Encoding.UTF8.GetBytes(model), removeUsage));

    [Fact]
    public void A_stream_is_followed_from_start_to_end_and_passes_untouched()
    {
        string stream = Stream(Role, Text, Text, Finish, Usage, "[DONE]");
        StreamRun run = Run(stream);

        Assert.Equal(
            [
                StreamEventKind.Start, StreamEventKind.Content, StreamEventKind.Content, StreamEventKind.Other,
                StreamEventKind.Usage, StreamEventKind.Terminal,
            ],
            run.Kinds);
        Assert.Equal(stream, run.Sent);
        Assert.Equal(new WireUsage(true, 8, 8, 4, 5), run.Observer.Usage);
        Assert.Equal("stop", run.Observer.StopReason);
        Assert.Equal(2, run.Observer.ContentEvents);
        Assert.True(run.Observer.Terminated);
    }

    [Fact]
    public void What_asking_for_usage_added_is_taken_out_and_the_model_renamed_everywhere()
    {
        string Expected(string chunk) => chunk
            .Replace(",\"usage\":null", "", StringComparison.Ordinal)
            .Replace("\"up\"", "\"gpt\"", StringComparison.Ordinal);
        StreamRun run = Run(Stream(Role, Text, Finish, Usage, "[DONE]"), "\"gpt\"", removeUsage: true);

        Assert.Equal(Stream(Expected(Role), Expected(Text), Expected(Finish), "[DONE]"), run.Sent);
        Assert.Equal(new WireUsage(true, 8, 8, 4, 5), run.Observer.Usage);
    }

    [Theory]
    [InlineData("""{"usage":null}""", "{}")]
    [InlineData("""{ "usage" : null , "a":1}""", """{ "a":1}""")]
    [InlineData("""{"a":1 , "usage" : null }""", """{"a":1 }""")]
    [InlineData("""{"a":{"usage":null},"usage":null,"b":2}""", """{"a":{"usage":null},"b":2}""")]
    [InlineData("""{"us\u0061ge":null,"model":"up"}""", """{"model":"up"}""")]
    public void A_null_usage_goes_with_its_comma(string chunk, string expected) =>
        Assert.Equal(Stream(expected), Run(Stream(chunk), removeUsage: true).Sent);

    [Fact]
    public void Usage_beside_output_stays_and_counts()
    {
        string chunk = Text.Replace(
            "null}]", "\"length\"}]", StringComparison.Ordinal).Replace(
            "\"usage\":null", "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}", StringComparison.Ordinal);
        StreamRun run = Run(Stream(chunk), removeUsage: true);

        Assert.Equal([StreamEventKind.Content], run.Kinds);
        Assert.Equal(Stream(chunk), run.Sent);
        Assert.Equal(new WireUsage(true, 3, 0, 0, 1), run.Observer.Usage);
        Assert.Equal("length", run.Observer.StopReason);
    }

    [Theory]
    [InlineData("\"completion_tokens\":2,\"total_tokens\":354", 342)]
    [InlineData("\"completion_tokens\":342,\"total_tokens\":354", 342)]
    [InlineData("\"completion_tokens\":2", 2)]
    public void Reasoning_counts_as_output_wherever_the_server_puts_it(string counts, long output)
    {
        string usage =
            $$"""{"prompt_tokens":12,{{counts}},"completion_tokens_details":{"reasoning_tokens":340} }""";

        Assert.Equal(output, Run(Stream($$"""{"choices":[],"usage":{{usage}} }""")).Observer.Usage.Output);
    }

    [Fact]
    public void More_cached_than_prompted_is_clamped_and_flagged()
    {
        const string details = """{"cached_tokens":9,"cache_write_tokens":9}""";
        StreamRun run = Run(Stream(
            $$"""{"choices":[],"usage":{"prompt_tokens":5,"prompt_tokens_details":{{details}} } }"""));

        Assert.Equal(new WireUsage(true, 0, 5, 0, 0), run.Observer.Usage);
        Assert.True(run.Observer.IsUsageSuspect);
    }

    [Theory]
    [InlineData("""{"error":{"message":"no","type":"server_error"}}""", "server_error", "no")]
    [InlineData("""{"error":"no"}""", null, "no")]
    public void An_error_in_the_stream_is_read_and_passed(string error, string? type, string message)
    {
        StreamRun run = Run(Stream(Text, error));

        Assert.Equal(StreamEventKind.Error, run.Kinds[^1]);
        Assert.Equal(type, run.Observer.ErrorType);
        Assert.Equal(message, run.Observer.ErrorMessage);
        Assert.Equal(Stream(Text, error), run.Sent);
    }

    [Theory]
    [InlineData("Internal Server Error")]
    [InlineData("""{"choices":[{"delta":{"content":"a"}}""")]
    [InlineData("""[{"choices":[]}]""")]
    [InlineData("[DONE")]
    public void What_is_not_the_dialect_is_told_and_changes_nothing(string data)
    {
        StreamRun run = Run(Stream(data), "\"m\"", removeUsage: true);

        Assert.Equal([StreamEventKind.Malformed], run.Kinds);
        Assert.Equal(Stream(data), run.Sent);
        Assert.False(run.Observer.Started);
    }

    [Theory]
    [InlineData("""{"tool_calls":[{"index":0}]}""", StreamEventKind.Content)]
    [InlineData("""{"reasoning_content":"x"}""", StreamEventKind.Content)]
    [InlineData("""{"refusal":null,"content":null,"tool_calls":[]}""", StreamEventKind.Start)]
    public void Output_is_whatever_a_delta_holds_beside_its_role(string delta, StreamEventKind kind) =>
        Assert.Equal([kind], Run(Stream($$"""{"choices":[{"delta":{{delta}}}]}""")).Kinds);

    [Fact]
    public void Nothing_follows_the_end()
    {
        StreamRun run = Run(Stream(Text, "[DONE]", Text, "[DONE]"));

        Assert.Equal(Stream(Text, "[DONE]"), run.Sent);
    }
}
