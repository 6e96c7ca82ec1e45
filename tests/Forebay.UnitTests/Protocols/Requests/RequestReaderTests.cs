using System.Text;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Requests;

public sealed class RequestReaderTests
{
    private const WireDialect Anthropic = WireDialect.Anthropic;
    private const WireDialect OpenAi = WireDialect.OpenAi;

    private static RequestFacts Read(WireDialect dialect, string body, bool countTokens = false)
    {
        bool good = RequestReader.TryRead(
            dialect, Encoding.UTF8.GetBytes(body), countTokens, out RequestFacts facts, out RequestProblem problem);
        Assert.True(good, problem.Message);
        return facts;
    }

    private static RequestProblem Refused(WireDialect dialect, string body, bool countTokens = false)
    {
        bool good = RequestReader.TryRead(
            dialect, Encoding.UTF8.GetBytes(body), countTokens, out _, out RequestProblem problem);
        Assert.False(good);
        return problem;
    }

    [Fact]
    public void The_facts_of_an_Anthropic_request_are_found_whatever_the_order()
    {
        const string body = """
            { "stream" : true, "messages": [{"role":"user","content":"héllo"},{"role":"system","content":[
              {"type":"text","text":"now","cache_control":{"type":"ephemeral"}}]}],
              "metadata":{"user_id":"u\u00e9"}, "service_tier":"auto", "inference_geo":"eu", "max_tokens": 1e2,
              "system":"be brief", "tools":[{"name":"t","input_schema":{"type":"object"}}],
              "thinking":{"type":"adaptive"}, "output_config":{"format":{"type":"json_schema"}}, "model":"claude" }
            """;

        RequestFacts facts = Read(Anthropic, body);

        byte[] bytes = Encoding.UTF8.GetBytes(body);
        Assert.Equal("claude", facts.Model);
        Assert.Equal("\"claude\"", Encoding.UTF8.GetString(facts.ModelValue.Of(bytes)));
        Assert.True(facts.Stream);
        Assert.Equal(100, facts.MaxTokens);
        Assert.Equal(2, facts.MessageCount);
        Assert.Equal("\"be brief\"", Encoding.UTF8.GetString(facts.System.Of(bytes)));
        Assert.Equal((byte)'[', facts.Messages.Of(bytes)[0]);
        Assert.Equal((byte)']', facts.Tools.Of(bytes)[^1]);
        Assert.Equal(
            RequestFeatures.Tools | RequestFeatures.Thinking | RequestFeatures.StructuredOutput
            | RequestFeatures.CacheControl,
            facts.Features);
        Assert.Equal("ué", facts.UserId);
        Assert.Equal("auto", facts.ServiceTier);
        Assert.Equal("eu", facts.InferenceGeo);
    }

    [Fact]
    public void The_facts_of_an_OpenAI_request_are_found()
    {
        const string body = """
            {"model":"gpt","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":
            {"data":"AAAA","format":"wav"}},{"type":"file","file":{"file_id":"file-1"}}]}],"max_tokens":5,
            "max_completion_tokens":7,"stream":true,"stream_options":{"include_usage":false},
            "reasoning_effort":"low","response_format":{"type":"json_object"},"user":"a","safety_identifier":"b",
            "inference_geo":"eu"}
            """;

        RequestFacts facts = Read(OpenAi, body);

        Assert.Equal(7, facts.MaxTokens);
        Assert.False(facts.IncludeUsage);
        Assert.Equal("false", Encoding.UTF8.GetString(facts.IncludeUsageValue.Of(Encoding.UTF8.GetBytes(body))));
        Assert.Equal(("b", "eu"), (facts.UserId, facts.InferenceGeo));
        Assert.Equal(
            RequestFeatures.Audio | RequestFeatures.Documents | RequestFeatures.ServerState | RequestFeatures.Thinking
            | RequestFeatures.StructuredOutput,
            facts.Features);
    }

    [Theory]
    [InlineData(""" "12345678" """, 2)]
    [InlineData(""" "1234\n\n\u00e9\ud83d\ude42" """, 3)]
    [InlineData("""[{"text":"1234","type":"text"}]""", 1)]
    [InlineData("""[{"source":{"data":"AAAA","media_type":"image/png","type":"base64"}, "type":"image"}]""", 1600)]
    [InlineData("""[{"type":"tool_result","tool_use_id":"t_0123456789","content":[{"type":"image"}]}]""", 1600)]
    [InlineData("""[{"type":"document","source":{"type":"base64","data":"0123456789abcdef"}}]""", 2)]
    [InlineData("""[{"type":"document","source":{"type":"text","data":"0123456789abcdef"}}]""", 4)]
    [InlineData("""[{"type":"tool_use","id":"x","name":"abcd","input":{"ab":["cd"]}}]""", 2)]
    [InlineData("""[{"type":"thinking","thinking":"abcd","signature":"0123456789"}]""", 1)]
    [InlineData("""[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA", "detail":"low"}}]""", 1600)]
    [InlineData("""[{"type":"brand_new","novelty":{"deep":"12345678"}}]""", 2)]
    [InlineData("null", 0)]
    public void Input_tokens_are_estimated_from_text_and_by_the_piece_for_the_rest(string content, long tokens)
    {
        RequestFacts facts = Read(Anthropic, Body($$"""{"content":{{content}},"role":"user"}"""));

        Assert.Equal(tokens, facts.EstimatedInputTokens);
    }

    [Theory]
    [InlineData("""{"type":"image","source":{"type":"base64","data":"AA"}}""", RequestFeatures.Images)]
    [InlineData("""{"type":"document","source":{"type":"text","data":"AA"}}""", RequestFeatures.Documents)]
    [InlineData("""{"type":"document","source":{"type":"file","file_id":"f"}}""",
        RequestFeatures.Documents | RequestFeatures.ServerState)]
    [InlineData("""{"type":"container_upload","file_id":"f"}""", RequestFeatures.ServerState)]
    [InlineData("""{"type":"thinking","thinking":"","signature":"AA"}""", RequestFeatures.SignedHistory)]
    [InlineData("""{"type":"thinking","thinking":"x","signature":""}""", RequestFeatures.UnsignedHistory)]
    [InlineData("""{"type":"redacted_thinking","data":"AA"}""", RequestFeatures.SignedHistory)]
    [InlineData("""{"type":"tool_use","id":"a","name":"b","input":{"type":"image","cache_control":{}}}""",
        RequestFeatures.None)]
    [InlineData("""{"type":"text","text":"a","cache_control":null}""", RequestFeatures.None)]
    [InlineData("""{"t\u0079pe":"im\u0061ge","source":{}}""", RequestFeatures.Images)]
    public void Features_are_told_from_blocks_and_not_from_what_tools_carry(string block, RequestFeatures features)
    {
        Assert.Equal(features, Read(Anthropic, Body($$"""{"role":"user","content":[{{block}}]}""")).Features);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"max_tokens":1}""", "model",
        "model: is required; name the model to call.")]
    [InlineData("""{"model":"m","messages":[{"role":"user"}]}""", "max_tokens",
        "max_tokens: is required; say how many tokens may be produced at most.")]
    [InlineData("""{"model":"m","max_tokens":1}""", "messages",
        "messages: is required; send an array with at least one message.")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[]}""", "messages",
        "messages: must hold at least one message (found an empty array)")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":"hi"}""", "messages",
        "messages: must be an array of messages (found a string)")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"role":"user"},"hi"]}""", "messages.1",
        "messages.1: must be an object (found a string)")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"role":7}]}""", "messages.0.role",
        "messages.0.role: must be a string (found a number)")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"content":true}]}""", "messages.0.content",
        "messages.0.content: must be a string or an array of content blocks (found a boolean)")]
    [InlineData("""{"model":null}""", "model", "model: must be a string (found null)")]
    [InlineData("""{"model":""}""", "model", "model: must be 1 to 256 bytes long (found 0)")]
    [InlineData("""{"model":"\ud800"}""", "model", "model: holds half a surrogate pair, which is no character")]
    [InlineData("""{"model":"a","mod\u0065l":"b"}""", "model", "model: stands more than once; send it once.")]
    [InlineData("""{"max_tokens":"5"}""", "max_tokens",
        "max_tokens: must be a whole number of at least 0 (found a string)")]
    [InlineData("""{"max_tokens":-1}""", "max_tokens", "max_tokens: must be a whole number of at least 0 (found -1)")]
    [InlineData("""{"max_tokens":1.5}""", "max_tokens",
        "max_tokens: must be a whole number of at least 0 (found a fraction)")]
    [InlineData("""{"stream":"yes"}""", "stream", "stream: must be true or false (found a string)")]
    [InlineData("""{"system":{}}""", "system", "system: must be a string or an array of text blocks (found an object)")]
    [InlineData("""{"tools":{}}""", "tools", "tools: must be an array (found an object)")]
    [InlineData("[]", null, "The request body must be a JSON object (found an array).")]
    [InlineData("", null, "The request body is not valid JSON: it ends early at byte 0.")]
    [InlineData("{\"model\":\"m\",}", null,
        "The request body is not valid JSON: expected a member name in double quotes at byte 13.")]
    [InlineData("{\"model\":\"m\"} x", null,
        "The request body is not valid JSON: text after the end of the value at byte 14.")]
    public void What_is_wrong_is_named_precisely(string body, string? param, string message)
    {
        RequestProblem problem = Refused(Anthropic, body);

        Assert.Equal(message, problem.Message);
        Assert.Equal(param, problem.Param);
    }

    [Theory]
    [InlineData("""{"model":"m","messages":[1]}""", "messages[0]")]
    [InlineData("""{"max_completion_tokens":0}""", "max_completion_tokens")]
    [InlineData("""{"stream_options":{"include_usage":"yes"}}""", "stream_options.include_usage")]
    [InlineData("""{"stream_options":{"include_usage":true,"include_usage":false}}""", "stream_options.include_usage")]
    [InlineData("""{"stream_options":{},"stream_options":{}}""", "stream_options")]
    public void OpenAI_problems_name_the_parameter_its_way(string body, string param)
    {
        Assert.Equal(param, Refused(OpenAi, body).Param);
    }

    [Fact]
    public void Zero_max_tokens_warms_the_Anthropic_cache_and_counting_needs_none()
    {
        Assert.Equal(0, Read(Anthropic, """{"model":"m","max_tokens":0,"messages":[{}]}""").MaxTokens);
        Assert.Null(Read(Anthropic, """{"model":"m","messages":[{}]}""", countTokens: true).MaxTokens);
        Assert.Null(Read(OpenAi, """{"model":"m","messages":[{}],"max_tokens":null}""").MaxTokens);
    }

    [Fact]
    public void A_byte_order_mark_is_skipped_and_bad_UTF8_refused()
    {
        Assert.Equal("m", Read(OpenAi, "\uFEFF{\"model\":\"m\",\"messages\":[{}]}").Model);

        Assert.False(RequestReader.TryRead(OpenAi, [(byte)'{', 0xFF], false, out _, out RequestProblem problem));
        Assert.Contains("UTF-8", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesting_is_bounded()
    {
        string Nested(int levels) =>
            $$"""{"model":"m","messages":[{}],"x":{{new string('[', levels)}}{{new string(']', levels)}}}""";

        _ = Read(OpenAi, Nested(63));
        Assert.Contains("nested deeper than 64 levels", Refused(OpenAi, Nested(64)).Message, StringComparison.Ordinal);
        _ = Refused(OpenAi, $$"""{"x":{{new string('[', 1_000_000)}}""");
    }

    [Fact]
    public void A_field_that_stands_twice_without_ambiguity_is_read_last()
    {
        RequestFacts facts = Read(
            Anthropic,
            """{"model":"m","max_tokens":1,"messages":[{}],"system":"a long one, counted no more","system":"1234"}""");

        Assert.Equal(1, facts.EstimatedInputTokens);
    }

    private static string Body(string message) => $$"""{"model":"m","max_tokens":9,"messages":[{{message}}]}""";

    [Theory]
    [InlineData("""[{"type":"thinking","thinking":"a","signature":"s1"},{"type":"redacted_thinking","data":"s2"}]""", "", "\"s2\"", "")]
    [InlineData("""[{"type":"thinking","thinking":"a","signature":"s1"},{"type":"thinking","thinking":"b","signature":""}]""", "", "\"s1\"", "")]
    [InlineData("""[{"type":"web_search_tool_result","content":[{"encrypted_content":"e"}]}]""", "", "", "")]
    [InlineData("""[{"type":"container_upload","file_id":"f1"}]""", "", "", "\"f1\"")]
    [InlineData("""[{"type":"container_upload","file_id":"f1"}]""", ",\"container\":\"c1\"", "", "\"c1\"")]
    [InlineData("[]", ",\"container\":{\"skills\":[],\"id\":\"c1\"}", "", "\"c1\"")]
    [InlineData("[]", ",\"container\":null", "", "")]
    public void What_an_account_issued_is_found(string content, string extra, string signature, string stateId)
    {
        byte[] body = Encoding.UTF8.GetBytes(
            $$"""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":{{content}}}]{{extra}}}""");

        Assert.True(RequestReader.TryRead(WireDialect.Anthropic, body, false, out RequestFacts facts, out _));

        Assert.Equal(signature, Encoding.UTF8.GetString(facts.Signature.Of(body)));
        Assert.Equal(stateId, Encoding.UTF8.GetString(facts.StateId.Of(body)));
    }
}
