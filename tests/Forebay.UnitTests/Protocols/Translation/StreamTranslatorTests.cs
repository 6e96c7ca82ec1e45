using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

public sealed class StreamTranslatorTests
{
    private static string Chunk(string delta, string finish = "null", string tail = "") =>
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0," +
        $"\"delta\":{{{delta}}},\"finish_reason\":{finish}}}]{tail}}}\n\n";

    private static string Call(int index, string arguments, string? id = null, string? name = null)
    {
        string head = id is null ? "" : $"\"id\":\"{id}\",\"type\":\"function\",";
        string named = name is null ? "" : $"\"name\":\"{name}\",";
        string text = JsonValue.Create(arguments).ToJsonString();
        return Chunk($$"""
            "tool_calls":[{"index":{{index}},{{head}}"function":{ {{named}}"arguments":{{text}} } }]
            """.Trim());
    }

    private const string Done = "data: [DONE]\n\n";

    /// <summary>The events of an Anthropic stream, each as a short word or two.</summary>
    private static List<string> Outline(string stream)
    {
        var words = new List<string>();
        foreach (JsonNode ev in Translate.DataOf(stream))
        {
            string type = ev["type"]!.GetValue<string>();
            JsonNode? block = ev["content_block"];
            JsonNode? delta = ev["delta"];
            words.Add(type switch
            {
                "content_block_start" => $"start {ev["index"]} {block!["type"]} {block["name"]}".TrimEnd(),
                "content_block_delta" => $"{ev["index"]}+{delta!["text"] ?? delta["partial_json"] ?? delta["thinking"]}",
                "content_block_stop" => $"stop {ev["index"]}",
                "message_delta" => $"delta {delta!["stop_reason"]}",
                _ => type,
            });
        }

        return words;
    }

    [Fact]
    public void A_chat_stream_becomes_a_message_stream()
    {
        string stream = Translate.Stream(WireDialect.OpenAi, [.. Answers.OpenAiStream(withUsage: true)]);

        Assert.Equal(
            ["message_start", "start 0 text", "0+Hello", "0+ there", "stop 0", "delta end_turn", "message_stop"],
            Outline(stream));
        List<JsonNode> events = Translate.DataOf(stream);
        Assert.Equal("atlas", events[0]["message"]!["model"]!.GetValue<string>());
        Assert.Equal(42, events[0]["message"]!["usage"]!["input_tokens"]!.GetValue<int>());
        Assert.Equal((12, 3, 5), (
            events[^2]["usage"]!["input_tokens"]!.GetValue<int>(),
            events[^2]["usage"]!["cache_read_input_tokens"]!.GetValue<int>(),
            events[^2]["usage"]!["output_tokens"]!.GetValue<int>()));
        Assert.All(stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries), e => Assert.StartsWith("event: ", e));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_message_stream_becomes_a_chat_stream(bool includeUsage)
    {
        byte[] source = System.Text.Encoding.UTF8.GetBytes(string.Concat(Answers.AnthropicStream));
        string stream = Translate.Stream(WireDialect.Anthropic, source, null, includeUsage);
        List<JsonNode> chunks = Translate.DataOf(stream);

        Assert.Contains(": ping\n\n", stream, StringComparison.Ordinal);
        Assert.Equal("[DONE]", chunks[^1].GetValue<string>());
        Assert.Equal("assistant", chunks[0]["choices"]![0]!["delta"]!["role"]!.GetValue<string>());
        Assert.Equal(
            ["Hello", " there"],
            chunks.Skip(1).Take(2).Select(c => c["choices"]![0]!["delta"]!["content"]!.GetValue<string>()));
        Assert.Equal("stop", chunks[3]["choices"]![0]!["finish_reason"]!.GetValue<string>());
        Assert.Equal(includeUsage ? 6 : 5, chunks.Count);
        Assert.Equal(includeUsage, stream.Contains("\"usage\":null", StringComparison.Ordinal));
        if (includeUsage)
        {
            Assert.Empty(chunks[4]["choices"]!.AsArray());
            Assert.Equal(15, chunks[4]["usage"]!["prompt_tokens"]!.GetValue<int>());
            Assert.Equal(3, chunks[4]["usage"]!["prompt_tokens_details"]!["cached_tokens"]!.GetValue<int>());
        }
    }

    [Fact]
    public void Reasoning_text_and_calls_become_blocks_one_after_the_other()
    {
        string stream = Translate.Stream(
            WireDialect.OpenAi,
            Chunk("\"role\":\"assistant\",\"content\":\"\""),
            Chunk("\"reasoning\":\"a\",\"reasoning_content\":\"a\""),
            Chunk("\"reasoning_content\":\"b\""),
            Chunk("\"content\":\"c\""),
            Call(0, "", "call_1", "t"),
            Call(0, "{\"x\":"),
            Call(0, "\"}\"}"),
            Call(1, "{}", "call_2", "u"),
            Chunk("", "\"tool_calls\"", ",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}"),
            Done);

        Assert.Equal(
            [
                "message_start", "start 0 thinking", "0+a", "0+b", "stop 0", "start 1 text", "1+c", "stop 1",
                "start 2 tool_use t", "2+{\"x\":", "2+\"}\"}", "stop 2", "start 3 tool_use u", "3+{}", "stop 3",
                "delta tool_use", "message_stop",
            ],
            Outline(stream));
    }

    [Fact]
    public void Interleaved_calls_are_held_back_and_no_further_than_must_be()
    {
        string stream = Translate.Stream(
            WireDialect.OpenAi,
            Call(0, "{\"a\":", "call_1", "t"),
            Call(1, "{\"b\":", "call_2", "u"),
            Call(0, "1}"),
            Call(1, "2"),
            Chunk("\"content\":\"late\""),
            Call(1, "}"),
            Chunk("", "\"stop\""),
            Done);

        Assert.Equal(
            [
                "message_start", "start 0 tool_use t", "0+{\"a\":", "0+1}", "stop 0", "start 1 tool_use u", "1+{\"b\":",
                "1+2", "1+}", "stop 1", "start 2 text", "2+late", "stop 2", "delta tool_use", "message_stop",
            ],
            Outline(stream));
    }

    /// <summary>What engines send that the vendor does not.</summary>
    [Fact]
    public void Odd_chunks_are_understood()
    {
        // All calls under one index, told apart by id; a whole call at once; arguments as an object; no index; no id.
        Assert.Equal(
            [
                "message_start", "start 0 tool_use t", "0+{\"a\":1}", "stop 0", "start 1 tool_use u", "1+{\"b\":\"\\\"\"}",
                "stop 1", "start 2 tool_use v", "2+{}", "stop 2", "delta tool_use", "message_stop",
            ],
            Outline(Translate.Stream(
                WireDialect.OpenAi,
                Call(0, "{\"a\":1}", "x", "t"),
                Chunk("""
                    "tool_calls":[{"index":0,"id":"y","function":{"name":"u","arguments":{"b":"\""}}}]
                    """.Trim()),
                Chunk("""
                    "tool_calls":[{"id":"z","function":{"name":"v","arguments":"{}"}}]
                    """.Trim()),
                Done)));

        // Empty choices, usage with the last chunk, no finish reason at all.
        Assert.Equal(
            ["message_start", "start 0 text", "0+x", "stop 0", "delta end_turn", "message_stop"],
            Outline(Translate.Stream(
                WireDialect.OpenAi,
                "data: {\"choices\":[],\"id\":\"\",\"model\":\"\"}\n\n",
                Chunk("\"content\":\"x\"", "null", ",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}"),
                Done)));

        // The name after the id, and both said again and again; a call without a name is left out.
        Assert.Equal(
            ["message_start", "start 0 tool_use t", "0+{\"a\":", "0+1}", "stop 0", "delta tool_use", "message_stop"],
            Outline(Translate.Stream(
                WireDialect.OpenAi,
                Call(0, "{\"a\":", "x"),
                Call(0, "", "x", "t"),
                Call(0, "1}", "x", "t"),
                Call(5, "{}", "q"),
                Done)));

        Assert.Equal(
            ["message_start", "delta end_turn", "message_stop"],
            Outline(Translate.Stream(WireDialect.OpenAi, Done)));
    }

    [Fact]
    public void Calls_without_ids_get_one()
    {
        List<JsonNode> events = Translate.DataOf(Translate.Stream(WireDialect.OpenAi, Call(0, "{}", null, "t"), Done));

        Assert.Equal("toolu_0123456789abcdef_0", events[1]["content_block"]!["id"]!.GetValue<string>());
    }

    [Fact]
    public void A_met_stop_sequence_is_told()
    {
        List<JsonNode> events = Translate.DataOf(Translate.Stream(
            WireDialect.OpenAi,
            """data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop","stop_reason":"EN\"D"}]}""" + "\n\n",
            Done));

        Assert.Equal("stop_sequence", events[^2]["delta"]!["stop_reason"]!.GetValue<string>());
        Assert.Equal("EN\"D", events[^2]["delta"]!["stop_sequence"]!.GetValue<string>());
    }

    [Fact]
    public void Anthropic_calls_and_thinking_become_chunks()
    {
        static string Start(int index, string block) =>
            Answers.Named("content_block_start", $$"""{"type":"content_block_start","index":{{index}},"content_block":{{block}}}""");
        static string Delta(int index, string delta) =>
            Answers.Named("content_block_delta", $$"""{"type":"content_block_delta","index":{{index}},"delta":{{delta}}}""");
        List<JsonNode> chunks = Translate.DataOf(Translate.Stream(
            WireDialect.Anthropic,
            Answers.AnthropicStream[0],
            Start(0, """{"type":"thinking","thinking":"","signature":""}"""),
            Delta(0, """{"type":"thinking_delta","thinking":"hm"}"""),
            Delta(0, """{"type":"signature_delta","signature":"s"}"""),
            Start(1, """{"type":"server_tool_use","id":"s","name":"web","input":{}}"""),
            Delta(1, """{"type":"input_json_delta","partial_json":"{}"}"""),
            Start(2, """{"type":"tool_use","id":"toolu_1","name":"t","input":{}}"""),
            Delta(2, """{"type":"input_json_delta","partial_json":""}"""),
            Delta(2, """{"type":"input_json_delta","partial_json":"{\"a\":1}"}"""),
            Start(3, """{"type":"tool_use","id":"toolu_2","name":"u","input":{"w":"\""}}"""),
            Answers.Named("message_delta", """{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":7}}"""),
            Answers.Named("message_stop", """{"type":"message_stop"}""")));

        JsonNode[] deltas = [.. chunks.SkipLast(2).Select(c => c["choices"]![0]!["delta"]!)];
        Assert.Equal("hm", deltas[1]["reasoning_content"]!.GetValue<string>());
        Translate.Same("""{"tool_calls":[{"index":0,"id":"toolu_1","type":"function","function":{"name":"t","arguments":""}}]}""", deltas[2].ToJsonString());
        Translate.Same("""{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}""", deltas[3].ToJsonString());
        Translate.Same("""{"tool_calls":[{"index":1,"id":"toolu_2","type":"function","function":{"name":"u","arguments":"{\"w\":\"\\\"\"}"}}]}""", deltas[4].ToJsonString());
        Assert.Equal("tool_calls", chunks[5]["choices"]![0]!["finish_reason"]!.GetValue<string>());
        Assert.Equal(7, chunks[6]["usage"]!["completion_tokens"]!.GetValue<int>());
    }
}
