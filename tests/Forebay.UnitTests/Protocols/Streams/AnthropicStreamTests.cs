using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Streams;

public sealed class AnthropicStreamTests
{
    private const string Start =
        """
        event: message_start
        data: {"type":"message_start","message":{"id":"m","model":"up/stream","content":[],
        """
        + "\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2,"
        + "\"output_tokens\":1}}}\n\n";

    private const string Delta = """
        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}


        """;

    private const string Ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

    private const string End = """
        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":25}}

        event: message_stop
        data: {"type":"message_stop"}


        """;

    private static StreamRun Run(string stream, string model = "") =>
        StreamRun.Of(WireDialect.Anthropic, stream, new StreamRewrite(Encoding.UTF8.GetBytes(model), true));

    [Fact]
    public void A_stream_is_followed_from_start_to_end_and_passes_untouched()
    {
        const string stream = ": hello\n\n" + Start + Ping + Delta + Delta + End;
        StreamRun run = Run(stream);

        Assert.Equal(
            [
                StreamEventKind.Comment, StreamEventKind.Start, StreamEventKind.Ping, StreamEventKind.Content,
                StreamEventKind.Content, StreamEventKind.Usage, StreamEventKind.Terminal,
            ],
            run.Kinds);
        Assert.Equal(stream, run.Sent);
        Assert.Equal(new WireUsage(true, 10, 3, 2, 25), run.Observer.Usage);
        Assert.True(run.Observer.Started && run.Observer.Terminated);
        Assert.Equal("end_turn", run.Observer.StopReason);
        Assert.Equal(2, run.Observer.ContentEvents);
        Assert.False(run.Observer.HasReset || run.Observer.IsUsageSuspect);
    }

    [Fact]
    public void The_model_is_the_only_thing_rewritten()
    {
        const string stream = Start + Ping + Delta + End;

        Assert.Equal(
            stream.Replace("up/stream", "claude", StringComparison.Ordinal), Run(stream, "\"claude\"").Sent);
    }

    [Fact]
    public void Data_over_several_lines_is_joined_only_where_it_changes()
    {
        const string stream =
            "event: message_start\r\ndata: {\"message\":\r\ndata: {\"model\":\"a\"}}\r\n\r\n";

        Assert.Equal(stream, Run(stream).Sent);
        Assert.Equal(
            "event: message_start\ndata: {\"message\": {\"model\":\"b\"}}\n\n", Run(stream, "\"b\"").Sent);
    }

    [Fact]
    public void The_last_word_on_each_count_holds()
    {
        const string late = "event: message_delta\ndata: {\"delta\":{},\"usage\":{\"input_tokens\":61,"
            + "\"cache_read_input_tokens\":null,\"output_tokens\":2}}\n\n";

        Assert.Equal(new WireUsage(true, 61, 3, 2, 2), Run(Start + late).Observer.Usage);
        Assert.Equal(new WireUsage(true, 61, 3, 2, 25), Run(Start + late + End).Observer.Usage);
    }

    [Theory]
    [InlineData("-5", 0)]
    [InlineData("1e300", 1_000_000_000)]
    [InlineData("99999999999999999999", 1_000_000_000)]
    [InlineData("2.5", 1)]
    [InlineData("\"7\"", 1)]
    public void Absurd_counts_are_clamped_and_flagged(string count, long output)
    {
        StreamRun run = Run(Start + End.Replace("25", count, StringComparison.Ordinal));

        Assert.Equal(output, run.Observer.Usage.Output);
        Assert.True(run.Observer.IsUsageSuspect);
    }

    [Fact]
    public void A_message_that_begins_again_is_passed_on_and_told()
    {
        StreamRun run = Run(Start + Delta + Start + Delta + End);

        Assert.True(run.Observer.HasReset);
        Assert.Equal(StreamEventKind.Start, run.Kinds[2]);
        Assert.Equal(new WireUsage(true, 10, 3, 2, 25), run.Observer.Usage);
    }

    [Fact]
    public void An_error_in_the_stream_is_read_and_passed()
    {
        const string error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
            + "\"message\":\"Overloaded\"}}\n\n";
        StreamRun run = Run(Start + error);

        Assert.Equal(StreamEventKind.Error, run.Kinds[^1]);
        Assert.Equal("overloaded_error", run.Observer.ErrorType);
        Assert.Equal("Overloaded", run.Observer.ErrorMessage);
        Assert.False(run.Observer.Terminated);
        Assert.EndsWith(error, run.Sent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data: {\"type\":\"content_block_delta\"}\n\n")]
    [InlineData("event: content_block_delta\ndata: {\"type\"\n\n")]
    [InlineData("event: content_block_delta\ndata: {} x\n\n")]
    [InlineData("event: content_block_delta\ndata: {\ndata: \"a\n\n")]
    [InlineData("event: message_delta\ndata: [1]\n\n")]
    [InlineData("<html>bad gateway</html>\n\n")]
    [InlineData("event: message_start\ndata: {}\n\n")]
    [InlineData("event: message_stop\ndata: <html>\n\n")]
    public void What_is_not_the_dialect_is_told_and_changes_nothing(string ev)
    {
        StreamRun run = Run(Start + ev);

        Assert.Equal(StreamEventKind.Malformed, run.Kinds[^1]);
        Assert.Equal(Start + ev, run.Sent);
        Assert.Equal(0, run.Observer.ContentEvents);
        Assert.False(run.Observer.Terminated || run.Observer.HasReset);
    }

    [Fact]
    public void Output_before_the_start_is_malformed_and_nothing_follows_the_end()
    {
        Assert.Equal(StreamEventKind.Malformed, Run(Delta).Kinds[0]);

        StreamRun run = Run(Start + End + Delta + ": bye\n\n");
        Assert.Equal([StreamEventKind.Malformed, StreamEventKind.Comment], run.Kinds[^2..]);
        Assert.Equal(Start + End + ": bye\n\n", run.Sent);
    }

    [Fact]
    public void A_pooled_observer_forgets()
    {
        StreamObserver observer = Run(Start + Delta + End).Observer;

        observer.Reset(WireDialect.OpenAi, default);

        Assert.Equal(default, observer.Usage);
        Assert.False(observer.Started || observer.Terminated);
        Assert.Null(observer.StopReason);
    }
}
