using System.Buffers;
using System.Text;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Protocols.Continuation;

public sealed class AnswerSoFarTests
{
    private static AnswerSoFar Follow(WireDialect dialect, string events, ArrayBufferWriter<byte>? text = null)
    {
        var soFar = new AnswerSoFar(dialect, text ?? new ArrayBufferWriter<byte>());
        soFar.Follow(Encoding.UTF8.GetBytes(events));
        return soFar;
    }

    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void Text_is_put_together_and_nothing_is_forbidden(WireDialect dialect)
    {
        var text = new ArrayBufferWriter<byte>();
        string stream = string.Concat(dialect == WireDialect.Anthropic ? Answers.AnthropicStream : Answers.OpenAiStream(true));

        AnswerSoFar soFar = Follow(dialect, stream, text);

        Assert.Equal("Hello there", Encoding.UTF8.GetString(text.WrittenSpan));
        Assert.Equal(ContinuationBar.None, soFar.Bar);
        Assert.True(soFar is { Started: true, HasStopped: true, HasFinalUsage: true, TextEvents: 2 });
    }

    [Theory]
    [InlineData("""{"type":"thinking","thinking":"","signature":""}""", ContinuationBar.Thinking)]
    [InlineData("""{"type":"redacted_thinking","data":"x"}""", ContinuationBar.Thinking)]
    [InlineData("""{"type":"tool_use","id":"t","name":"n","input":{}}""", ContinuationBar.ToolCall)]
    [InlineData("""{"type":"server_tool_use","id":"t","name":"n","input":{}}""", ContinuationBar.ToolCall)]
    [InlineData("""{"type":"web_search_tool_result","content":[]}""", ContinuationBar.Blocks)]
    [InlineData("""{"type":"text","text":"","citations":[{"type":"x"}]}""", ContinuationBar.Citations)]
    [InlineData("""{"type":"text","text":"","citations":[]}""", ContinuationBar.None)]
    [InlineData("""{"text":"He","type":"text"}""", ContinuationBar.None)]
    public void A_block_that_is_more_than_text_forbids_it(string block, ContinuationBar bar) => Assert.Equal(
        bar,
        Follow(WireDialect.Anthropic, Answers.AnthropicStream[0] + Answers.Named(
            "content_block_start", $$"""{"type":"content_block_start","index":0,"content_block":{{block}}}""")).Bar);

    [Theory]
    [InlineData("""{"type":"citations_delta","citation":{}}""", ContinuationBar.Citations)]
    [InlineData("""{"type":"input_json_delta","partial_json":"{"}""", ContinuationBar.ToolCall)]
    [InlineData("""{"type":"of_tomorrow","text":"x"}""", ContinuationBar.Blocks)]
    public void So_does_a_delta(string delta, ContinuationBar bar) => Assert.Equal(
        bar,
        Follow(WireDialect.Anthropic, string.Concat(Answers.AnthropicStream.Take(2)) + Answers.Named(
            "content_block_delta", $$"""{"type":"content_block_delta","index":0,"delta":{{delta}}}""")).Bar);

    [Theory]
    [InlineData("""{"index":0,"delta":{"reasoning_content":"Hm"}}""", ContinuationBar.Thinking)]
    [InlineData("""{"index":0,"delta":{"tool_calls":[{"index":0}]}}""", ContinuationBar.ToolCall)]
    [InlineData("""{"index":1,"delta":{"content":"a"}}""", ContinuationBar.Choices)]
    [InlineData("""{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}""", ContinuationBar.Choices)]
    [InlineData("""{"index":0,"delta":{"content":"a"},"logprobs":{"content":[]}}""", ContinuationBar.LogProbabilities)]
    [InlineData("""{"index":0,"delta":{"refusal":"No."}}""", ContinuationBar.Blocks)]
    [InlineData("""{"index":0,"delta":{"content":"a","refusal":null,"tool_calls":[],"reasoning_content":""},"logprobs":null}""", ContinuationBar.None)]
    public void So_does_a_chunk(string choices, ContinuationBar bar) => Assert.Equal(
        bar, Follow(WireDialect.OpenAi, $"data: {{\"id\":\"c\",\"choices\":[{choices}]}}\n\n").Bar);

    [Fact]
    public void A_message_that_begins_twice_forbids_it() => Assert.Equal(
        ContinuationBar.Stream,
        Follow(WireDialect.Anthropic, Answers.AnthropicStream[0] + Answers.AnthropicStream[0]).Bar);

    [Fact]
    public void Following_text_allocates_nothing()
    {
        var text = new ArrayBufferWriter<byte>(1 << 20);
        var soFar = new AnswerSoFar(WireDialect.Anthropic, text);
        byte[][] events = [.. Answers.AnthropicStream.Select(Encoding.UTF8.GetBytes)];
        soFar.Follow(events[0]);
        soFar.Follow(events[1]);
        soFar.Follow(events[3]);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            soFar.Follow(events[3]);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(1001, soFar.TextEvents);
    }
}
