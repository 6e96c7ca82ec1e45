using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>What is allowed but unusual, and what is meant to harm: deep, many, and cut short.</summary>
public sealed class HostileTranslationTests
{
    [Fact]
    public void Documents_within_documents_are_read_or_refused_however_deep()
    {
        string content = """[{"type":"text","text":"x"}]""";
        for (int depth = 0; depth < 8; depth++)
        {
            content = $$$"""[{"type":"document","source":{"type":"content","content":{{{content}}}}}]""";
        }

        (string body, RequestTranslation result) = Translate.Request(
            WireDialect.Anthropic,
            $$"""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":{{content}}}]}]}""");
        Assert.True(result.Problems.Count > 0 || body.Contains("\"x\"", StringComparison.Ordinal));
    }

    /// <summary>Each result looked at once: were it once per result before it, this would take minutes.</summary>
    [Fact]
    public void Two_hundred_thousand_results_cost_as_many_steps()
    {
        var body = new StringBuilder("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}""");
        for (int i = 0; i < 200_000; i++)
        {
            body.Append(""",{"role":"tool","tool_call_id":"a","content":"b"}""");
        }

        (_, RequestTranslation result) = Translate.Request(WireDialect.OpenAi, body.Append("]}").ToString());
        Assert.Empty(result.Problems);
    }

    [Theory]
    [InlineData(""" "messages":[{"role":"assistant","tool_calls":[{},{}]},{"role":"user","content":"a"}]""", "messages[0].tool_calls[0].function.name")]
    [InlineData(""" "messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{}}]""", "tools[0].function.name")]
    [InlineData(""" "messages":[{"role":"user","content":"a"}],"stop":[1,2]""", "stop")]
    public void What_names_nothing_is_refused_by_place(string rest, string place)
    {
        (_, RequestTranslation result) = Translate.Request(WireDialect.OpenAi, "{\"model\":\"m\"," + rest + "}");
        Assert.Contains(result.Problems, p => p.StartsWith(place, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{ }")]
    public void A_schema_that_says_nothing_is_that_of_an_object(string schema)
    {
        (string body, RequestTranslation result) = Translate.Request(
            WireDialect.OpenAi,
            """{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","parameters":SCHEMA}}]}"""
                .Replace("SCHEMA", schema, StringComparison.Ordinal));
        Assert.Empty(result.Problems);
        Assert.Equal("object", JsonNode.Parse(body)!["tools"]![0]!["input_schema"]!["type"]!.GetValue<string>());
    }

    [Fact]
    public void More_calls_than_can_be_meant_end_the_stream()
    {
        string calls = string.Join(
            ',', Enumerable.Range(0, 200).Select(i => $$$"""{"index":{{{i}}},"id":"c{{{i}}}","function":{"name":"f","arguments":"{"}}"""));
        (bool goesOn, string? problem) = Feed($$"""{"choices":[{"index":0,"delta":{"tool_calls":[{{calls}}]},"finish_reason":null}]}""");
        Assert.False(goesOn);
        Assert.NotNull(problem);
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("error")]
    public void An_answer_that_was_broken_off_does_not_look_complete(string reason)
    {
        string choice = $$"""{"choices":[{"index":0,"delta":{"content":"ha"},"finish_reason":"{{reason}}"}]}""";
        Assert.False(Feed(choice).GoesOn);
        Assert.Null(Translate.Answer(
            WireDialect.OpenAi,
            $$"""{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ha"},"finish_reason":"{{reason}}"}]}"""));
    }

    [Fact]
    public void A_tool_that_takes_nothing_is_called_with_an_empty_object()
    {
        List<JsonNode> chunks = Translate.DataOf(Translate.Stream(
            WireDialect.Anthropic,
            Answers.AnthropicStream[0],
            Answers.Named("content_block_start", """{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"now","input":{}}}"""),
            Answers.Named("content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"""),
            Answers.Named("content_block_stop", """{"type":"content_block_stop","index":0}"""),
            Answers.Named("message_delta", """{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":7}}"""),
            Answers.Named("message_stop", """{"type":"message_stop"}""")));
        string arguments = string.Concat(chunks.OfType<JsonObject>()
            .SelectMany(c => c["choices"]!.AsArray())
            .Select(c => c!["delta"]?["tool_calls"]?[0]?["function"]?["arguments"]?.GetValue<string>()));
        Assert.Equal("{}", arguments);
    }

    [Fact]
    public void An_id_made_up_for_each_piece_makes_no_other_call()
    {
        string stream = Translate.Stream(
            WireDialect.OpenAi,
            Piece("A", ",\"name\":\"f\"", "{\\\"a\\\""),
            Piece("B", "", ":1}"),
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
            "data: [DONE]\n\n");
        string arguments = string.Concat(Translate.DataOf(stream)
            .Select(e => e["delta"]?["partial_json"]?.GetValue<string>()));
        Assert.Equal("{\"a\":1}", arguments);
    }

    [Fact]
    public void Text_in_parts_is_text()
    {
        string stream = Translate.Stream(
            WireDialect.OpenAi,
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}," +
                "\"finish_reason\":\"stop\"}]}\n\n",
            "data: [DONE]\n\n");
        Assert.Contains("\"text_delta\",\"text\":\"hi\"", stream, StringComparison.Ordinal);
        string? whole = Translate.Answer(
            WireDialect.OpenAi,
            """{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":[{"type":"text","text":"hi"}]},"finish_reason":"stop"}]}""");
        Assert.Equal("hi", JsonNode.Parse(whole!)!["content"]![0]!["text"]!.GetValue<string>());
    }

    private static string Piece(string id, string name, string arguments) =>
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"" + id + "\"," +
        "\"function\":{\"arguments\":\"" + arguments + "\"" + name + "}}]},\"finish_reason\":null}]}\n\n";

    private static (bool GoesOn, string? Problem) Feed(string chunk)
    {
        var observer = new StreamObserver(WireDialect.OpenAi, default);
        var translator = new StreamTranslator(WireDialect.OpenAi, WireDialect.Anthropic, observer, Translate.Frame());
        byte[] ev = Encoding.UTF8.GetBytes($"data: {chunk}\n\n");
        _ = observer.Observe(ev, new System.Buffers.ArrayBufferWriter<byte>(), out _);
        return (translator.Translate(ev, new System.Buffers.ArrayBufferWriter<byte>()), translator.Problem);
    }
}
