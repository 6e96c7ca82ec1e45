using System.Text.Json.Nodes;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

public sealed class AnswerTranslatorTests
{
    private const string NullUsage =
        """ "server_tool_use":null,"cache_creation":null,"service_tier":null,"inference_geo":null,"speed":null""";

    private static string Completion(string message, string finish, string extra = "", string usage = "") =>
        $$"""{"id":"x","object":"chat.completion","model":"up","choices":[{"index":0,"message":{"role":"assistant",{{message}}},"finish_reason":{{finish}}{{extra}}}]{{usage}}}""";

    private static string Message(string content, string stop, string extra = "") =>
        $$$"""{"id":"msg_9","type":"message","role":"assistant","model":"up","content":[{{{content}}}],"stop_reason":"{{{stop}}}","stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":5{{{extra}}} } }""";

    [Fact]
    public void A_completion_becomes_a_message_with_every_member_there()
    {
        string? message = Translate.Answer(WireDialect.OpenAi, Completion(
            """ "reasoning_content":"hm","content":"Hello \u00e9\n","refusal":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"t","arguments":"{\"a\":[1,\"\\n\"]}"}},{"type":"function","function":{"name":"u","arguments":""}}]""",
            "\"stop\"",
            usage: ""","usage":{"prompt_tokens":15,"completion_tokens":5,"total_tokens":20,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}"""));

        Translate.Same(
            $$$"""{"id":"msg_0123456789abcdef","type":"message","role":"assistant","model":"atlas","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"Hello é\n","citations":null},{"type":"tool_use","id":"call_1","name":"t","input":{"a":[1,"\n"]},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_0123456789abcdef_1","name":"u","input":{},"caller":{"type":"direct"}}],"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"container":null,"diagnostics":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":3,"output_tokens":5,"output_tokens_details":{"thinking_tokens":2},{{{NullUsage}}}}}""",
            message!);
    }

    [Fact]
    public void A_message_becomes_a_completion()
    {
        string? completion = Translate.Answer(WireDialect.Anthropic, Message(
            """{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Hel"},{"type":"text","text":"lo"},{"type":"tool_use","id":"toolu_1","name":"t","input":{"a":"\"\\", "b": 1}}""",
            "tool_use",
            ",\"output_tokens_details\":{\"thinking_tokens\":4}"));

        Translate.Same(
            """{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1760000000,"model":"atlas","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null,"reasoning_content":"hm","tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"t","arguments":"{\"a\":\"\\\"\\\\\", \"b\": 1}"}}],"annotations":[]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":15,"completion_tokens":5,"total_tokens":20,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":2,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"system_fingerprint":null}""",
            completion!);
    }

    [Theory]
    [InlineData("\"stop\"", "", "end_turn")]
    [InlineData("\"length\"", "", "max_tokens")]
    [InlineData("\"tool_calls\"", "", "end_turn")]
    [InlineData("\"content_filter\"", "", "refusal")]
    [InlineData("null", "", "end_turn")]
    [InlineData("\"stop\"", ",\"stop_reason\":\"END\"", "stop_sequence")]
    [InlineData("\"stop\"", ",\"stop_reason\":128009", "end_turn")]
    [InlineData("\"stop\"", ",\"matched_stop\":\"END\"", "stop_sequence")]
    public void Why_a_completion_ended_is_told(string finish, string extra, string expected)
    {
        JsonNode message = JsonNode.Parse(Translate.Answer(WireDialect.OpenAi, Completion("\"content\":\"x\"", finish, extra))!)!;

        Assert.Equal(expected, message["stop_reason"]!.GetValue<string>());
        Assert.Equal(expected == "stop_sequence" ? "END" : null, message["stop_sequence"]?.GetValue<string>());
    }

    [Theory]
    [InlineData("end_turn", "stop")]
    [InlineData("stop_sequence", "stop")]
    [InlineData("max_tokens", "length")]
    [InlineData("model_context_window_exceeded", "length")]
    [InlineData("refusal", "content_filter")]
    [InlineData("pause_turn", "stop")]
    [InlineData("tool_use", "stop")]
    public void Why_a_message_ended_is_told(string stop, string expected)
    {
        string completion = Translate.Answer(WireDialect.Anthropic, Message("""{"type":"text","text":"x"}""", stop))!;

        Assert.Equal(expected, JsonNode.Parse(completion)!["choices"]![0]!["finish_reason"]!.GetValue<string>());
    }

    [Fact]
    public void A_refusal_is_text_that_says_it_is_one()
    {
        JsonNode message = JsonNode.Parse(Translate.Answer(
            WireDialect.OpenAi, Completion("\"content\":null,\"refusal\":\"No.\"", "\"stop\""))!)!;

        Assert.Equal("No.", message["content"]![0]!["text"]!.GetValue<string>());
        Assert.Equal("refusal", message["stop_reason"]!.GetValue<string>());
        Assert.Equal(42, message["usage"]!["input_tokens"]!.GetValue<int>());
    }

    [Fact]
    public void Arguments_that_are_no_object_are_no_answer_unless_the_answer_was_cut()
    {
        const string cut = """ "content":null,"tool_calls":[{"id":"i","function":{"name":"t","arguments":"{\"a\":"}}]""";

        Assert.Null(Translate.Answer(WireDialect.OpenAi, Completion(cut, "\"tool_calls\"")));
        JsonNode message = JsonNode.Parse(Translate.Answer(WireDialect.OpenAi, Completion(cut, "\"length\""))!)!;
        Assert.Equal("{}", message["content"]![0]!["input"]!.ToJsonString());
        Assert.Equal("max_tokens", message["stop_reason"]!.GetValue<string>());
    }
}
