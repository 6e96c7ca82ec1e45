using System.Buffers;
using System.Text;
using Forebay.Protocols;
using Forebay.Protocols.Bedrock;
using Forebay.UnitTests.Protocols.Streams;
using Xunit;

namespace Forebay.UnitTests.Protocols.Bedrock;

public sealed class BedrockStreamTests
{
    private const string Start =
        """{"type":"message_start","message":{"id":"msg_1","model":"m","content":[],"usage":{"input_tokens":7,"output_tokens":1}}}""";

    private const string Text = """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a \u00e9"}}""";
    private const string Delta = """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}""";
    private const string Bare = """{"type":"message_delta","delta":{"stop_reason":"end_turn"}}""";

    private const string Metrics =
        """{"inputTokenCount":7,"outputTokenCount":3,"invocationLatency":1,"cacheReadInputTokenCount":5}""";

    private const string Stop = "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":" + Metrics + "}";

    [Fact]
    public void Chunks_become_the_events_that_Anthropic_sends()
    {
        string sse = Sse(Chunks(Start, Text, Delta, Stop));

        Assert.Equal(
            $"event: message_start\ndata: {Start}\n\nevent: content_block_delta\ndata: {Text}\n\n"
                + $"event: message_delta\ndata: {Delta}\n\nevent: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n",
            sse);
        StreamRun run = StreamRun.Of(WireDialect.Anthropic, sse);
        Assert.True(run.Observer.Terminated);
        Assert.Equal(new WireUsage(true, 7, 0, 0, 3), run.Observer.Usage);
    }

    [Fact]
    public void However_the_bytes_are_cut_the_events_are_the_same()
    {
        byte[] stream = Chunks(Start, Text, Text, Delta, Stop);
        string whole = Sse(stream);
        var random = new Random(5);
        for (int run = 0; run < 300; run++)
        {
            Assert.Equal(whole, Sse(stream, random));
        }
    }

    [Theory]
    [InlineData("{\"amazon-bedrock-invocationMetrics\":METRICS,\"type\":\"message_stop\"}", "{\"type\":\"message_stop\"}")]
    [InlineData("{\"type\":\"message_stop\" , \"amazon-bedrock-invocationMetrics\" : METRICS , \"x\":1}",
        "{\"type\":\"message_stop\" , \"x\":1}")]
    [InlineData("{\"type\":\"message_stop\"}", "{\"type\":\"message_stop\"}")]
    public void The_measurements_stay_behind_wherever_they_stand(string stop, string expected)
    {
        string sse = Sse(Chunks(Start, Delta, stop.Replace("METRICS", Metrics, StringComparison.Ordinal)));

        Assert.EndsWith($"event: message_stop\ndata: {expected}\n\n", sse);
    }

    [Fact]
    public void Where_the_message_told_no_usage_the_measurements_are_its_usage()
    {
        string start = Start.Replace(",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}", "", StringComparison.Ordinal);
        StreamRun run = StreamRun.Of(WireDialect.Anthropic, Sse(Chunks(start, Text, Bare, Stop)));

        Assert.Equal(new WireUsage(true, 7, 5, 0, 3), run.Observer.Usage);
        Assert.Equal(
            [StreamEventKind.Start, StreamEventKind.Content, StreamEventKind.Usage, StreamEventKind.Terminal], run.Kinds);
        Assert.EndsWith($"data: {Bare}\n\n", Sse(Chunks(start, Bare)));
    }

    [Theory]
    [InlineData("throttlingException", "{\"message\":\"slow \\\"down\\\"\"}", "rate_limit_error", "slow \"down\"")]
    [InlineData("modelTimeoutException", "{\"message\":\"late\"}", "timeout_error", "late")]
    [InlineData("internalServerException", "{}", "api_error", "")]
    [InlineData("serviceUnavailableException", "{\"message\":\"x\"}", "overloaded_error", "x")]
    [InlineData("validationException", "{\"message\":\"bad\"}", "invalid_request_error", "bad")]
    [InlineData("modelStreamErrorException", "{\"message\":\"m\",\"originalStatusCode\":429,\"originalMessage\":\"o\"}",
        "rate_limit_error", "m")]
    [InlineData("modelStreamErrorException", "{\"originalStatusCode\":500,\"originalMessage\":\"o\"}", "api_error", "o")]
    [InlineData("anythingElse", "not json", "api_error", "")]
    public void An_exception_in_the_stream_is_an_error_of_its_meaning(string name, string payload, string type, string message)
    {
        StreamRun run = StreamRun.Of(WireDialect.Anthropic, Sse([.. Chunks(Start), .. Exception(name, payload)]));

        Assert.Equal([StreamEventKind.Start, StreamEventKind.Error], run.Kinds);
        Assert.Equal((type, message), (run.Observer.ErrorType, run.Observer.ErrorMessage));
        Assert.False(run.Observer.Terminated);
    }

    [Fact]
    public void An_error_without_a_model_is_told_by_its_headers()
    {
        var output = new ArrayBufferWriter<byte>();
        new EventStreamWriter().Add(":message-type", "error").Add(":error-code", "InternalFailure")
            .Add(":error-message", "oh \"no\"\n").Write([], output);
        StreamRun run = StreamRun.Of(WireDialect.Anthropic, Sse(output.WrittenSpan.ToArray()));

        Assert.Equal(("api_error", "oh \"no\"\n"), (run.Observer.ErrorType, run.Observer.ErrorMessage));
    }

    [Theory]
    [InlineData("{\"bytes\":\"!!\"}")]
    [InlineData("{\"bytes\":5}")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"bytes\":\"e30=\"} x")]
    [InlineData("{\"bytes\":\"e30=\"}")]
    [InlineData("{\"bytes\":\"bm90IGpzb24=\"}")]
    public void A_chunk_without_an_event_is_a_fault(string payload)
    {
        var stream = new BedrockStream(BedrockStreamKind.Invoke);
        var output = new ArrayBufferWriter<byte>();

        Assert.False(stream.Push([.. Chunks(Start), .. Event("chunk", payload)], output));
        Assert.Equal(EventStreamFault.BadPayload, stream.Fault);
        Assert.Contains("message_start", Encoding.UTF8.GetString(output.WrittenSpan), StringComparison.Ordinal);
    }

    [Fact]
    public void Base64_may_be_escaped_and_unknown_events_are_passed_over()
    {
        string escaped = Convert.ToBase64String(Encoding.UTF8.GetBytes("{\"type\":\"ping\",\"x\":\"???>>>\"}"))
            .Replace("/", "\\/", StringComparison.Ordinal);
        Assert.Contains("\\/", escaped, StringComparison.Ordinal);

        Assert.Equal(
            "event: ping\ndata: {\"type\":\"ping\",\"x\":\"???>>>\"}\n\n",
            Sse([.. Event("later", "{}"), .. Event("chunk", $"{{\"p\":\"abc\",\"bytes\":\"{escaped}\"}}")]));
    }

    [Fact]
    public void A_stream_that_ends_within_a_message_is_cut_off()
    {
        byte[] whole = Chunks(Start, Text);
        var stream = new BedrockStream(BedrockStreamKind.Invoke);
        var output = new ArrayBufferWriter<byte>();

        Assert.True(stream.Push(whole.AsSpan(..^3), output));
        Assert.False(stream.End(output));
        Assert.Equal(EventStreamFault.Truncated, stream.Fault);
        stream.Reset();
        output.ResetWrittenCount();
        Assert.True(stream.Push(whole, output));
        Assert.True(stream.End(output));
    }

    [Fact]
    public void Converse_ends_where_its_stream_does()
    {
        byte[] stream = [
            .. Event("messageStart", "{\"role\":\"assistant\"}"),
            .. Event("messageStop", "{\n\"stopReason\":\"end_turn\"}"),
            .. Event("metadata", "{\"usage\":{\"inputTokens\":1}}")];

        Assert.Equal(
            "event: messageStart\ndata: {\"role\":\"assistant\"}\n\n"
                + "event: messageStop\ndata: { \"stopReason\":\"end_turn\"}\n\n"
                + "event: metadata\ndata: {\"usage\":{\"inputTokens\":1}}\n\nevent: streamEnd\ndata: {}\n\n",
            Sse(stream, kind: BedrockStreamKind.Converse));
        Assert.DoesNotContain(
            "streamEnd",
            Sse(Event("messageStart", "{}"), kind: BedrockStreamKind.Converse), StringComparison.Ordinal);
        Assert.False(new BedrockStream(BedrockStreamKind.Converse).Push(Event("a\nb", "{}"), new ArrayBufferWriter<byte>()));
    }

    private static byte[] Chunks(params string[] events) =>
    [
        .. events.SelectMany(e => Event(
            "chunk", $"{{\"bytes\":\"{Convert.ToBase64String(Encoding.UTF8.GetBytes(e))}\",\"p\":\"abcdef\"}}")),
    ];

    private static byte[] Event(string type, string payload)
    {
        var output = new ArrayBufferWriter<byte>();
        new EventStreamWriter().Add(":event-type", type).Add(":content-type", "application/json").Add(":message-type", "event")
            .Write(Encoding.UTF8.GetBytes(payload), output);
        return output.WrittenSpan.ToArray();
    }

    private static byte[] Exception(string name, string payload)
    {
        var output = new ArrayBufferWriter<byte>();
        new EventStreamWriter().Add(":exception-type", name).Add(":message-type", "exception")
            .Write(Encoding.UTF8.GetBytes(payload), output);
        return output.WrittenSpan.ToArray();
    }

    private static string Sse(byte[] bytes, Random? cuts = null, BedrockStreamKind kind = BedrockStreamKind.Invoke)
    {
        var stream = new BedrockStream(kind);
        var output = new ArrayBufferWriter<byte>();
        for (int at = 0; at < bytes.Length;)
        {
            int next = cuts is null ? bytes.Length : Math.Min(bytes.Length, at + cuts.Next(1, 90));
            Assert.True(stream.Push(bytes.AsSpan(at, next - at), output), stream.Fault.ToString());
            at = next;
        }

        Assert.True(stream.End(output));
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
