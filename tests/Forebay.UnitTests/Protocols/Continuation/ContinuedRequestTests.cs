using System.Buffers;
using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Continuation;

public sealed class ContinuedRequestTests
{
    private const string User = """{"role":"user","content":"Hi"}""";

    [Theory]
    // A message of its own.
    [InlineData(WireDialect.Anthropic, false, "[" + User + "]",
        "[" + User + """,{"role":"assistant","content":"Hello"}]""")]
    [InlineData(WireDialect.Anthropic, false, "[" + User + " ] ",
        "[" + User + """ ,{"role":"assistant","content":"Hello"}] """)]
    // What the client began.
    [InlineData(WireDialect.Anthropic, false, "[" + User + """,{"role":"assistant","content":"So:"}]""",
        "[" + User + """,{"role":"assistant","content":"So:Hello"}]""")]
    [InlineData(WireDialect.Anthropic, false, "[" + User + """,{"content":[{"text":"So:","type":"text"}],"role":"assistant"}]""",
        "[" + User + """,{"content":[{"text":"So:Hello","type":"text"}],"role":"assistant"}]""")]
    [InlineData(WireDialect.OpenAi, false, "[" + User + """,{"role":"assistant","content":"So:"}]""",
        "[" + User + """,{"role":"assistant","content":"So:Hello"}]""")]
    // An engine that was not told to go on with the client's last message had begun another one.
    [InlineData(WireDialect.OpenAi, true, "[" + User + """,{"role":"assistant","content":"So:"}]""",
        "[" + User + """,{"role":"assistant","content":"So:"},{"role":"assistant","content":"Hello"}]""")]
    public void The_text_becomes_the_end_of_the_prompt(WireDialect dialect, bool asks, string messages, string expected)
    {
        string body = $$"""{"model":"m","max_tokens":10,"messages":{{messages}}}""";

        string written = Write(dialect, body, "Hello", asks);

        Assert.EndsWith($"\"messages\":{expected}}}", written);
        const string flags = "{\"continue_final_message\":true,\"add_generation_prompt\":false,";
        Assert.Equal(asks, written.StartsWith(flags, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"continue_final_message\":false")]
    [InlineData(",\"add_generation_prompt\":true")]
    [InlineData(",\"add_generation_prompt\":null,\"continue_final_message\":false")]
    public void An_engine_is_told_once_to_go_on(string extra)
    {
        string body = $$"""{"model":"m","messages":[{{User}}]{{extra}}}""";

        string written = Write(WireDialect.OpenAi, body, "Hello", asks: true);

        using var json = System.Text.Json.JsonDocument.Parse(written);
        Assert.True(json.RootElement.GetProperty("continue_final_message").GetBoolean());
        Assert.False(json.RootElement.GetProperty("add_generation_prompt").GetBoolean());
    }

    [Fact]
    public void A_client_that_has_the_engine_go_on_is_added_to()
    {
        string body = $$"""{"model":"m","messages":[{{User}},{"role":"assistant","content":"So:"}],"continue_final_message":true,"add_generation_prompt":false}""";

        Assert.Equal(
            body.Replace("So:", "So:Hello", StringComparison.Ordinal), Write(WireDialect.OpenAi, body, "Hello", asks: true));
    }

    [Fact]
    public void Every_limit_shrinks_and_text_is_escaped()
    {
        string body = $$"""{"model":"m","max_tokens":10,"max_completion_tokens":20,"messages":[{{User}}]}""";

        string written = Write(WireDialect.OpenAi, body, "a\\\"b\\u0001", asks: true);

        Assert.Contains("\"max_tokens\":19,\"max_completion_tokens\":19", written);
        Assert.Contains("\"content\":\"a\\\"b\\u0001\"", written);
    }

    [Fact]
    public void White_space_alone_asks_for_the_answer_again()
    {
        string body = $$"""{"model":"m","max_tokens":10,"messages":[{{User}}]}""";
        ContinuedRequest next = Plan(WireDialect.Anthropic, body, " \\n", asks: false);

        Assert.Equal(" \n", Encoding.UTF8.GetString(next.WhiteSpace.Span));
        var output = new ArrayBufferWriter<byte>();
        next.Write(Encoding.UTF8.GetBytes(body), output);
        Assert.Equal(body, Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Theory]
    [InlineData(",\"stop_sequences\":[\"END\"]", "the E", ContinuationBar.StopSequence)]
    [InlineData(",\"stop_sequences\":[\"x\",\"\\n\\nHuman\"]", "the\\n", ContinuationBar.StopSequence)]
    [InlineData(",\"stop_sequences\":[\"END\"]", "the end", ContinuationBar.None)]
    [InlineData(",\"tool_choice\":{\"type\":\"any\"}", "the", ContinuationBar.ToolCall)]
    [InlineData(",\"tool_choice\":{\"type\":\"auto\"}", "the", ContinuationBar.None)]
    [InlineData("", "the \\ud83d", ContinuationBar.Character)]
    [InlineData("", "the \\ud83d\\ude00", ContinuationBar.None)]
    public void What_a_request_asks_for_may_forbid_it(string extra, string raw, ContinuationBar bar)
    {
        string body = $$"""{"model":"m","max_tokens":10{{extra}},"messages":[{{User}}]}""";

        Assert.Equal(bar, Plan(WireDialect.Anthropic, body, raw, asks: false).Bar);
    }

    [Theory]
    [InlineData("""{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}]}""", ContinuationBar.Prefill)]
    [InlineData("""{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"image"}]}""", ContinuationBar.Prefill)]
    [InlineData("""{"role":"user","content":[{"type":"document","citations":{"enabled":true}}]}""", ContinuationBar.Citations)]
    [InlineData("""{"role":"user","content":[{"type":"document","citations":{"enabled":false}}]}""", ContinuationBar.None)]
    [InlineData("""{"role":"user","content":"say \"citations\": {\"enabled\": true}"}""", ContinuationBar.None)]
    public void What_its_messages_hold_may_forbid_it(string message, ContinuationBar bar)
    {
        string body = $$"""{"model":"m","max_tokens":10,"messages":[{{User}},{{message}}]}""";

        Assert.Equal(bar, Plan(WireDialect.Anthropic, body, "Hello", asks: false).Bar);
    }

    [Theory]
    // An event within the white space that is left out is made again, one that reaches into it too.
    [InlineData(new[] { "ab", " cd", " " }, 2)]
    [InlineData(new[] { "ab", " cd ", " " }, 1)]
    [InlineData(new[] { "ab", " cd" }, 2)]
    [InlineData(new[] { "a", " ", " ", " ", " ", " ", " ", " ", " ", " " }, 2)]
    public void Events_are_counted_as_far_as_their_text_is_sent(string[] events, int tokens)
    {
        string body = $$"""{"model":"m","messages":[{{User}}]}""";

        Assert.Equal(tokens, Plan(WireDialect.OpenAi, body, asks: true, events).TextTokens);
    }

    private static string Write(WireDialect dialect, string body, string raw, bool asks)
    {
        ContinuedRequest next = Plan(dialect, body, raw, asks);
        Assert.Equal(ContinuationBar.None, next.Bar);
        var output = new ArrayBufferWriter<byte>();
        next.Write(Encoding.UTF8.GetBytes(body), output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static ContinuedRequest Plan(WireDialect dialect, string body, string raw, bool asks) =>
        Plan(dialect, body, asks, raw);

    private static ContinuedRequest Plan(WireDialect dialect, string body, bool asks, params string[] events)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        bool read = RequestReader.TryRead(dialect, bytes, false, out RequestFacts facts, out RequestProblem problem);
        Assert.True(read, problem.Message);
        var text = new ArrayBufferWriter<byte>();
        var soFar = new AnswerSoFar(WireDialect.OpenAi, text);
        foreach (string one in events)
        {
            soFar.Follow(Encoding.UTF8.GetBytes(
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + one + "\"}}]}\n\n"));
        }

        return ContinuedRequest.Of(dialect, bytes, facts, soFar, text.WrittenSpan, asks);
    }
}
