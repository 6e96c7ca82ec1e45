using System.Text.Json.Nodes;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

public sealed class RequestTranslatorTests
{
    /// <summary>An Anthropic body beside the OpenAI body that means the same.</summary>
    public static TheoryData<string, string, string> TowardOpenAi => new()
    {
        {
            "text, system, sampling",
            """{"model":"m","max_tokens":5,"temperature":0.5,"top_p":1,"stop_sequences":["\n\n","x"],"system":"Be \"brief\"","metadata":{"user_id":"u"},"service_tier":"standard_only","messages":[{"role":"user","content":"Hi \u00e9\n"}]}""",
            """{"model":"m","messages":[{"role":"system","content":"Be \"brief\""},{"role":"user","content":"Hi \u00e9\n"}],"max_completion_tokens":5,"temperature":0.5,"top_p":1,"stop":["\n\n","x"],"user":"u","service_tier":"default"}"""
        },
        {
            "system after messages, in blocks and in between; stream",
            """{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"content":[{"text":"Now French","type":"text","cache_control":{"type":"ephemeral"}}],"role":"system"}],"system":[{"type":"text","text":"one"},{"type":"text","text":"two"}],"stream":true,"max_tokens":9,"model":"m"}""",
            """{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"system","content":"Now French"}],"max_completion_tokens":9,"stream":true,"stream_options":{"include_usage":true}}"""
        },
        {
            "tools and their use",
            """{"model":"m","max_tokens":5,"tools":[{"name":"t","description":"d","input_schema":{"type":"object","x":[1]},"strict":true},{"type":"custom","name":"u","input_schema":{}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true},"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"text","text":"let "},{"type":"text","text":"me"},{"type":"tool_use","id":"toolu_1","name":"t","input":{"a":"\"\\\n","b":[1, 2]}},{"type":"tool_use","id":"toolu_2","name":"u","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"},{"type":"tool_result","tool_use_id":"toolu_2","is_error":true,"content":[{"type":"text","text":"bad"}]},{"type":"text","text":"go on"}]}]}""",
            """{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"let me","tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"t","arguments":"{\"a\":\"\\\"\\\\\\n\",\"b\":[1, 2]}"}},{"id":"toolu_2","type":"function","function":{"name":"u","arguments":"{}"}}]},{"role":"tool","tool_call_id":"toolu_1","content":"ok"},{"role":"tool","tool_call_id":"toolu_2","content":"Error: bad"},{"role":"user","content":[{"type":"text","text":"go on"}]}],"max_completion_tokens":5,"tools":[{"type":"function","function":{"name":"t","description":"d","parameters":{"type":"object","x":[1]},"strict":true}},{"type":"function","function":{"name":"u","parameters":{}}}],"tool_choice":"required","parallel_tool_calls":false}"""
        },
        {
            "images and documents, in results too",
            """{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"image","source":{"type":"url","url":"https://x/y.png"}},{"type":"document","title":"T","source":{"type":"base64","media_type":"application/pdf","data":"BBBB"}},{"type":"document","title":"N","context":"C","source":{"type":"text","media_type":"text/plain","data":"plain"}}]},{"role":"assistant","content":[{"type":"tool_use","id":"i","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"CCCC"}}]}]}]}""",
            """{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"image_url","image_url":{"url":"https://x/y.png"}},{"type":"file","file":{"filename":"T","file_data":"data:application/pdf;base64,BBBB"}},{"type":"text","text":"N"},{"type":"text","text":"C"},{"type":"text","text":"plain"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"i","type":"function","function":{"name":"t","arguments":"{}"}}]},{"role":"tool","tool_call_id":"i","content":[{"type":"text","text":"see"},{"type":"text","text":"(attached in the next user message)"}]},{"role":"user","content":[{"type":"text","text":"From the result of tool call i:"},{"type":"image_url","image_url":{"url":"data:image/png;base64,CCCC"}}]}],"max_completion_tokens":5}"""
        },
        {
            "thinking, structured output, a named tool",
            """{"model":"m","max_tokens":5,"thinking":{"type":"disabled"},"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},"tools":[{"name":"t","input_schema":{}}],"tool_choice":{"type":"tool","name":"t"},"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"a"}]},{"role":"user","content":"r"}]}""",
            """{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","reasoning_content":"hm"},{"role":"user","content":"r"}],"max_completion_tokens":5,"tools":[{"type":"function","function":{"name":"t","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"t"}},"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object"}}}}"""
        },
    };

    /// <summary>An OpenAI body beside the Anthropic body that means the same.</summary>
    public static TheoryData<string, string, string> TowardAnthropic => new()
    {
        {
            "text, system and developer anywhere, defaults that do no harm",
            """{"model":"m","messages":[{"role":"system","content":"one"},{"role":"developer","content":[{"type":"text","text":"two"}]},{"role":"user","content":"Hi"},{"role":"system","content":"three"},{"role":"user","content":""}],"n":1,"logprobs":false,"presence_penalty":0,"frequency_penalty":0.0,"logit_bias":{},"store":false,"audio":null,"modalities":[ "text" ],"top_logprobs":null}""",
            """{"model":"m","max_tokens":4096,"system":[{"type":"text","text":"one"},{"type":"text","text":"two"}],"messages":[{"role":"user","content":"Hi"},{"role":"system","content":"three"},{"role":"user","content":""}]}"""
        },
        {
            "sampling, limits, user, tier, stream",
            """{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":7,"max_tokens":9,"temperature":1,"top_p":0.9,"top_k":40,"stop":"x","safety_identifier":"s","user":"u","service_tier":"auto","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}""",
            """{"model":"m","max_tokens":7,"stream":true,"messages":[{"role":"user","content":"Hi"}],"temperature":1,"top_p":0.9,"top_k":40,"stop_sequences":["x"],"metadata":{"user_id":"s"},"service_tier":"auto"}"""
        },
        {
            "tools, calls, results that become one turn with the words after them",
            """{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"functions.t:0","type":"function","function":{"name":"t","arguments":"{\"a\":\"\\u00e9\\\"\\ud83d\\ude00\"}"}},{"id":"call_2","type":"function","function":{"name":"u","arguments":""}}]},{"role":"tool","tool_call_id":"functions.t:0","content":"one"},{"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":"two"}]},{"role":"user","content":"go on"}],"tools":[{"type":"function","function":{"name":"t","description":"d","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"u"}}],"tool_choice":"auto","parallel_tool_calls":false}""",
            """{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"functions_t_0","name":"t","input":{"a":"é\"😀"}},{"type":"tool_use","id":"call_2","name":"u","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"functions_t_0","content":"one"},{"type":"tool_result","tool_use_id":"call_2","content":"two"},{"type":"text","text":"go on"}]}],"tools":[{"name":"t","description":"d","input_schema":{"type":"object"},"strict":true},{"name":"u","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"""
        },
        {
            "images, files, structured output",
            """{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,AAAA","detail":"auto"}},{"type":"image_url","image_url":{"url":"https:\/\/x/y"}},{"type":"file","file":{"filename":"f.pdf","file_data":"data:application\/pdf;base64,BB=="}}]}],"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","a":1}}}}""",
            """{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AAAA"}},{"type":"image","source":{"type":"url","url":"https://x/y"}},{"type":"document","title":"f.pdf","source":{"type":"base64","media_type":"application/pdf","data":"BB=="}}]}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object","a":1}}}}"""
        },
        {
            "a choice of one tool, of none, text as the format",
            """{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","refusal":null},{"role":"user","content":"r"}],"tools":[{"type":"function","function":{"name":"t","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"t"}},"response_format":{"type":"text"}}""",
            """{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}],"tools":[{"name":"t","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"tool","name":"t"}}"""
        },
    };

    [Theory]
    [MemberData(nameof(TowardOpenAi))]
    public void Anthropic_is_said_in_OpenAI(string what, string body, string expected)
    {
        (string translated, RequestTranslation result) = Translate.Request(WireDialect.Anthropic, body);

        Assert.True(result.Problems.Count == 0, what + ": " + string.Join("\n", result.Problems));
        Translate.Same(expected, translated);
    }

    [Theory]
    [MemberData(nameof(TowardAnthropic))]
    public void OpenAI_is_said_in_Anthropic(string what, string body, string expected)
    {
        (string translated, RequestTranslation result) = Translate.Request(WireDialect.OpenAi, body);

        Assert.True(result.Problems.Count == 0, what + ": " + string.Join("\n", result.Problems));
        Translate.Same(expected, translated);
    }

    [Fact]
    public void What_only_advises_is_dropped_and_named_once()
    {
        (string translated, RequestTranslation result) = Translate.Request(
            WireDialect.Anthropic,
            """{"model":"m","max_tokens":5,"top_k":3,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"context_management":{"edits":[{"type":"x"}]},"cache_control":{"type":"ephemeral"},"speed":"standard","metadata":{"user_id":"0123456789012345678901234567890123456789012345678901234567890123456789"},"tools":[{"name":"t","input_schema":{},"defer_loading":true,"eager_input_streaming":false,"cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"},"citations":[{}]}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"redacted_thinking","data":"x"},{"type":"text","text":"b","citations":null}]},{"role":"user","content":"c"}]}""");

        Assert.Empty(result.Problems);
        Assert.Equal(
            ["top_k", "thinking", "effort", "context_management", "cache_control", "defer_loading", "citations", "user_id"],
            result.Dropped);
        Assert.DoesNotContain("cache_control", translated, StringComparison.Ordinal);

        (_, result) = Translate.Request(
            WireDialect.OpenAi,
            """{"model":"m","seed":1,"reasoning_effort":"low","verbosity":"low","store":true,"metadata":{"a":"b"},"prompt_cache_key":"k","service_tier":"flex","messages":[{"role":"user","name":"Al","content":[{"type":"image_url","image_url":{"url":"u","detail":"low"}}]},{"role":"assistant","content":"x","reasoning_content":"y"},{"role":"user","content":"z"}]}""");

        Assert.Empty(result.Problems);
        Assert.Equal(
            [
                "seed", "reasoning_effort", "verbosity", "store", "metadata", "prompt_cache_key", "service_tier", "name",
                "detail", "reasoning_content",
            ],
            result.Dropped);
    }

    [Fact]
    public void What_would_change_the_meaning_is_refused_by_name_all_at_once()
    {
        (_, RequestTranslation result) = Translate.Request(
            WireDialect.Anthropic,
            """{"model":"m","max_tokens":5,"container":"c","inference_geo":"us","mcp_servers":[{}],"brand_new":1,"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3},{"name":"t","input_schema":{},"odd":0}],"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"u"},"citations":{"enabled":true}},{"type":"image","source":{"type":"file","file_id":"f"}},{"type":"tool_result","tool_use_id":"i","content":[{"type":"search_result","source":"s","title":"t","content":[]}]}]},{"role":"assistant","content":[{"type":"server_tool_use","id":"i","name":"n","input":{},"whatever":1}]},{"role":"ghost","content":"x"},{"role":"user","content":"z"}]}""");

        string[] paths = [.. result.Problems.Select(p => p[..p.IndexOf(':')])];
        Assert.Equal(
            [
                "container", "mcp_servers", "brand_new", "tools[0].type", "tools[1].odd",
                "messages[0].content[0].citations", "messages[0].content[0].source.url",
                "messages[0].content[1].source.type", "messages[0].content[2].content[0].type",
                "messages[1].content[0].type", "messages[2].role",
            ],
            paths);

        (_, result) = Translate.Request(
            WireDialect.OpenAi,
            """{"model":"m","n":2,"logprobs":true,"top_logprobs":2,"logit_bias":{"1":2},"presence_penalty":0.5,"modalities":["text","audio"],"functions":[{"name":"f"}],"function_call":"auto","web_search_options":{},"min_p":0.1,"response_format":{"type":"json_object"},"tool_choice":{"type":"allowed_tools","allowed_tools":{}},"tools":[{"type":"custom","custom":{"name":"c"}}],"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x"}},{"type":"file","file":{"file_id":"f"}},{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,AA"}}]},{"role":"assistant","tool_calls":[{"id":"i","type":"function","function":{"name":"t","arguments":"[1]"}}]},{"role":"function","name":"f","content":"x"},{"role":"user","content":"z"}],"temperature":1.5}""");

        paths = [.. result.Problems.Select(p => p[..p.IndexOf(':')])];
        Assert.Equal(
            [
                "n", "logprobs", "top_logprobs", "logit_bias", "presence_penalty", "modalities", "functions",
                "function_call", "web_search_options", "min_p", "response_format.type", "tool_choice.type", "tools[0].type",
                "messages[0].content[0].type", "messages[0].content[1].file.file_id",
                "messages[0].content[2].file.file_data", "messages[1].tool_calls[0].function.arguments", "messages[2].role",
                "temperature",
            ],
            paths);
    }

    [Theory]
    [InlineData(WireDialect.Anthropic, """{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"The answer is ("}]}""", "messages: the last message")]
    [InlineData(WireDialect.OpenAi, """{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""", "messages: the last message")]
    [InlineData(WireDialect.OpenAi, """{"model":"m","temperature":1.5,"messages":[{"role":"user","content":"q"}]}""", "temperature: is above 1")]
    [InlineData(WireDialect.Anthropic, """{"model":"m","max_tokens":5,"system":[{"type":"image","source":{"type":"file","file_id":"f"}}],"messages":[{"role":"user","content":"q"}]}""", "system[0].source.type: file")]
    [InlineData(WireDialect.Anthropic, """{"model":"m","max_tokens":5,"system":[{"type":"image","source":{"type":"url","url":"u"}}],"messages":[{"role":"user","content":"q"}]}""", "system: holds text only")]
    [InlineData(WireDialect.Anthropic, """{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"tool_use","id":"i","name":"n","input":{}}]}]}""", "messages[0].content: a user message")]
    [InlineData(WireDialect.Anthropic, """{"model":"m","max_tokens":5,"messages":[{"role":"assistant","content":[{"type":"tool_result","tool_use_id":"i"}]},{"role":"user","content":"q"}]}""", "messages[0].content: an assistant message")]
    [InlineData(WireDialect.OpenAi, """{"model":"m","messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"u"}}]},{"role":"user","content":"q"}]}""", "messages[0].content: a system message")]
    public void What_the_other_side_would_take_otherwise_is_refused(WireDialect from, string body, string expected)
    {
        (_, RequestTranslation result) = Translate.Request(from, body);

        Assert.StartsWith(expected, Assert.Single(result.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_of_which_nothing_is_left_is_left_out()
    {
        (string translated, _) = Translate.Request(
            WireDialect.Anthropic,
            """{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"}]},{"role":"user","content":"r"}]}""");

        Assert.Equal(
            ["q", "r"],
            JsonNode.Parse(translated)!["messages"]!.AsArray().Select(m => m!["content"]!.GetValue<string>()));
    }

    [Fact]
    public void A_byte_order_mark_and_escaped_names_and_words_are_read()
    {
        (string translated, RequestTranslation result) = Translate.Request(
            WireDialect.Anthropic,
            "\uFEFF" + """{"m\u006fdel":"m","max_tokens":5,"messages":[{"role":"us\u0065r","content":[{"type":"te\u0078t","text":"a"}]}]}""");

        Assert.Empty(result.Problems);
        Assert.Equal("a", JsonNode.Parse(translated)!["messages"]![0]!["content"]!.GetValue<string>());
    }

    [Fact]
    public void No_more_problems_are_told_than_can_be_read()
    {
        string fields = string.Concat(Enumerable.Range(0, 1000).Select(i => $"\"odd{i}\":1,"));
        (_, RequestTranslation result) = Translate.Request(
            WireDialect.OpenAi, $$"""{{{fields}}"model":"m","messages":[{"role":"user","content":"q"}]}""");

        Assert.Equal(20, result.Problems.Count);
    }
}
