using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>Requests of the Responses dialect, said in the others and the other way round.</summary>
public sealed class ResponsesRequestTests
{
    /// <summary>A Responses body, the target, and the body there that means the same.</summary>
    public static TheoryData<string, WireDialect, string, string> Carried => new()
    {
        {
            "a text alone",
            WireDialect.Anthropic,
            """{"model":"m","input":"Hi \u00e9\n","instructions":"Be \"brief\"","max_output_tokens":20,"temperature":0.5,"top_p":1,"user":"u","service_tier":"auto","stream":true}""",
            """{"model":"m","max_tokens":20,"stream":true,"system":[{"type":"text","text":"Be \"brief\""}],"messages":[{"role":"user","content":"Hi \u00e9\n"}],"temperature":0.5,"top_p":1,"metadata":{"user_id":"u"},"service_tier":"auto"}"""
        },
        {
            "items: what the assistant said and called is one turn, and so are results and the words after them",
            WireDialect.Anthropic,
            """{"model":"m","input":[{"role":"developer","content":"one"},{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"let me","annotations":[],"logprobs":[]}]},{"type":"function_call","id":"fc_1","status":"completed","call_id":"call_1","name":"t","arguments":"{\"a\":1}","parsed_arguments":{"a":1}},{"type":"function_call","call_id":"call.2","name":"u","arguments":""},{"type":"function_call_output","call_id":"call_1","output":"ok"},{"type":"function_call_output","call_id":"call.2","output":[{"type":"input_text","text":"two"}]},{"role":"user","content":"go on"}],"tools":[{"type":"function","name":"t","description":"d","parameters":{"type":"object"},"strict":true},{"type":"function","name":"u","parameters":null}],"tool_choice":"required","parallel_tool_calls":false}""",
            """{"model":"m","max_tokens":4096,"system":[{"type":"text","text":"one"}],"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"text","text":"let me"},{"type":"tool_use","id":"call_1","name":"t","input":{"a":1}},{"type":"tool_use","id":"call_2","name":"u","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"ok"},{"type":"tool_result","tool_use_id":"call_2","content":"two"},{"type":"text","text":"go on"}]}],"tools":[{"name":"t","description":"d","input_schema":{"type":"object"},"strict":true},{"name":"u","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true}}"""
        },
        {
            "images, files, structured output, a named tool",
            WireDialect.Anthropic,
            """{"model":"m","input":[{"role":"user","content":[{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,AAAA"},{"type":"input_image","image_url":"https://x/y"},{"type":"input_file","filename":"f.pdf","file_data":"data:application/pdf;base64,BB=="},{"type":"input_file","file_url":"https://x/z.pdf"}]}],"text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}},"tools":[{"type":"function","name":"t","parameters":{}}],"tool_choice":{"type":"function","name":"t"}}""",
            """{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"image","source":{"type":"url","url":"https://x/y"}},{"type":"document","title":"f.pdf","source":{"type":"base64","media_type":"application/pdf","data":"BB=="}},{"type":"document","source":{"type":"url","url":"https://x/z.pdf"}}]}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},"tools":[{"name":"t","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"tool","name":"t"}}"""
        },
        {
            "reasoning that Anthropic signed goes back byte for byte",
            WireDialect.Anthropic,
            """{"model":"m","include":["reasoning.encrypted_content"],"input":[{"role":"user","content":"q"},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm\u00e9"}],"encrypted_content":"forebay.a.Sig+/=="},{"type":"reasoning","summary":[],"encrypted_content":"forebay.x.Red\/1="},{"type":"function_call","call_id":"c","name":"t","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"r"}]}""",
            """{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm\u00e9","signature":"Sig+/=="},{"type":"redacted_thinking","data":"Red/1="},{"type":"tool_use","id":"c","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"r"}]}]}"""
        },
        {
            "tools of a namespace get one name, in the history too",
            WireDialect.Anthropic,
            """{"model":"m","input":[{"role":"user","content":"q"},{"type":"function_call","call_id":"c","namespace":"fs","name":"read","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"r"}],"tools":[{"type":"namespace","name":"fs","description":"files","tools":[{"type":"function","name":"read","parameters":{"type":"object"},"strict":false}]}]}""",
            """{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"fs__read","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"r"}]}],"tools":[{"name":"fs__read","input_schema":{"type":"object"}}]}"""
        },
        {
            "chat completions: effort, verbosity, cache key, JSON mode, unsigned reasoning",
            WireDialect.OpenAi,
            """{"model":"m","store":false,"input":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"type":"reasoning","id":"rs","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},{"role":"assistant","content":"a"},{"role":"user","content":"r"}],"reasoning":{"effort":"low","summary":"auto"},"text":{"format":{"type":"json_object"},"verbosity":"low"},"prompt_cache_key":"k","max_output_tokens":30,"stream":true}""",
            """{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a","reasoning_content":"hm"},{"role":"user","content":"r"}],"max_completion_tokens":30,"stream":true,"stream_options":{"include_usage":true},"response_format":{"type":"json_object"},"reasoning_effort":"low","verbosity":"low","prompt_cache_key":"k"}"""
        },
    };

    /// <summary>A body of another dialect, and the Responses body that means the same.</summary>
    public static TheoryData<string, WireDialect, string, string> TowardResponses => new()
    {
        {
            "Anthropic: text, tools, results with images, signed reasoning of its own",
            WireDialect.Anthropic,
            """{"model":"m","max_tokens":50,"system":"s","thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"effort":"high"},"tools":[{"name":"t","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"},"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"forebay.r.Enc+="},{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"tool_use","id":"toolu_1","name":"t","input":{"a":"\"x"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]},{"type":"text","text":"go on"}]}]}""",
            """{"model":"m","input":[{"type":"message","role":"system","content":"s"},{"type":"message","role":"user","content":"q"},{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"Enc+="},{"type":"message","role":"assistant","content":"ab"},{"type":"function_call","call_id":"toolu_1","name":"t","arguments":"{\"a\":\"\\\"x\"}"},{"type":"function_call_output","call_id":"toolu_1","output":[{"type":"input_text","text":"Error: "},{"type":"input_text","text":"no"},{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,AA"}]},{"type":"message","role":"user","content":"go on"}],"store":false,"max_output_tokens":50,"tools":[{"type":"function","name":"t","description":"d","parameters":{"type":"object"},"strict":false}],"tool_choice":"auto","include":["reasoning.encrypted_content"],"reasoning":{"summary":"auto","effort":"high"}}"""
        },
        {
            "chat completions: roles, calls, formats, a file",
            WireDialect.OpenAi,
            """{"model":"m","max_completion_tokens":20,"stream":true,"stream_options":{"include_usage":true},"reasoning_effort":"low","verbosity":"high","prompt_cache_key":"k","user":"u","response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}},"tools":[{"type":"function","function":{"name":"t"}}],"tool_choice":{"type":"function","function":{"name":"t"}},"parallel_tool_calls":true,"messages":[{"role":"developer","content":"d"},{"role":"user","content":[{"type":"text","text":"see"},{"type":"file","file":{"filename":"f.pdf","file_data":"data:application/pdf;base64,BB=="}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"t","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}]}""",
            """{"model":"m","input":[{"type":"message","role":"system","content":"d"},{"type":"message","role":"user","content":[{"type":"input_text","text":"see"},{"type":"input_file","filename":"f.pdf","file_data":"data:application/pdf;base64,BB=="}]},{"type":"function_call","call_id":"c","name":"t","arguments":"{\"a\":1}"},{"type":"function_call_output","call_id":"c","output":"r"}],"store":false,"max_output_tokens":20,"stream":true,"tools":[{"type":"function","name":"t","parameters":{"type":"object","properties":{}},"strict":false}],"tool_choice":{"type":"function","name":"t"},"parallel_tool_calls":true,"text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}},"verbosity":"high"},"reasoning":{"effort":"low"},"prompt_cache_key":"k","safety_identifier":"u"}"""
        },
    };

    [Theory]
    [MemberData(nameof(Carried))]
    public void Responses_are_said_in_others(string what, WireDialect to, string body, string expected)
    {
        (string translated, RequestTranslation result) = Translate.Request(WireDialect.Responses, body, to);

        Assert.True(result.Problems.Count == 0, what + ": " + string.Join("\n", result.Problems));
        Assert.Empty(result.Dropped);
        Translate.Same(expected, translated);
    }

    [Theory]
    [MemberData(nameof(TowardResponses))]
    public void Others_are_said_in_Responses(string what, WireDialect from, string body, string expected)
    {
        (string translated, RequestTranslation result) = Translate.Request(from, body, WireDialect.Responses);

        Assert.True(result.Problems.Count == 0, what + ": " + string.Join("\n", result.Problems));
        Assert.Empty(result.Dropped);
        Translate.Same(expected, translated);
    }

    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void What_only_advises_is_dropped_and_named(WireDialect to)
    {
        (_, RequestTranslation result) = Translate.Request(
            WireDialect.Responses,
            """{"model":"m","store":true,"metadata":{"a":"b"},"client_metadata":{"x":"y"},"truncation":"auto","max_tool_calls":3,"stream_options":{"include_obfuscation":true},"service_tier":"flex","context_management":[{"type":"compaction"}],"input":[{"role":"user","content":[{"type":"input_image","image_url":"u","detail":"low"}]},{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAA"},{"role":"assistant","phase":"final_answer","content":[{"type":"output_text","text":"x","annotations":[{"type":"url_citation"}]}]},{"role":"user","content":"z"}]}""",
            to);

        Assert.Empty(result.Problems);
        Assert.Equal(
            [
                "store", "metadata", "truncation", "max_tool_calls", "include_obfuscation", "service_tier",
                "context_management", "detail", "reasoning", "phase", "annotations",
            ],
            result.Dropped);
    }

    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void What_would_change_the_meaning_is_refused_by_name_all_at_once(WireDialect to)
    {
        (_, RequestTranslation result) = Translate.Request(
            WireDialect.Responses,
            """{"model":"m","previous_response_id":"resp_1","conversation":"conv_1","prompt":{"id":"p"},"background":true,"include":["message.output_text.logprobs"],"brand_new":1,"tools":[{"type":"web_search","external_web_access":true},{"type":"custom","name":"c","format":{"type":"grammar"}},{"type":"function","name":"t","parameters":{},"odd":0},{"type":"mcp","server_label":"l","server_url":"u"}],"input":[{"role":"user","content":[{"type":"input_file","file_id":"file_1"},{"type":"input_audio","input_audio":{}}]},{"type":"item_reference","id":"msg_1"},{"type":"web_search_call","id":"ws","status":"completed","action":{}},{"type":"custom_tool_call","call_id":"c","name":"n","input":"x"},{"role":"ghost","content":"x"},{"role":"user","content":"z"}]}""",
            to);

        Assert.Equal(
            [
                "previous_response_id", "conversation", "prompt", "background", "include", "brand_new", "tools[0].type",
                "tools[1].type", "tools[2].odd", "tools[3].type", "input[0].content[0].file_id",
                "input[0].content[1].type", "input[1].type", "input[2].type", "input[3].type", "input[4].role",
            ],
            result.Problems.Select(p => p[..p.IndexOf(':')]));
        Assert.Contains("send the whole input", result.Problems[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(WireDialect.Anthropic, """{"model":"m","max_tokens":5,"stop_sequences":["x"],"messages":[{"role":"user","content":"z"}]}""", "stop_sequences")]
    [InlineData(WireDialect.OpenAi, """{"model":"m","n":2,"stop":"x","logprobs":true,"messages":[{"role":"user","content":"z"}]}""", "n,stop,logprobs")]
    public void What_Responses_cannot_say_is_refused(WireDialect from, string body, string expected)
    {
        (_, RequestTranslation result) = Translate.Request(from, body, WireDialect.Responses);

        Assert.Equal(expected, string.Join(",", result.Problems.Select(p => p[..p.IndexOf(':')])));
    }

    [Fact]
    public void Two_tools_that_come_to_one_name_are_refused()
    {
        (_, RequestTranslation result) = Translate.Request(
            WireDialect.Responses,
            """{"model":"m","input":"q","tools":[{"type":"namespace","name":"a","tools":[{"type":"function","name":"b"}]},{"type":"function","name":"a__b"}]}""",
            WireDialect.Anthropic);

        Assert.StartsWith("tools: two of the tools", Assert.Single(result.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Signed_reasoning_of_one_vendor_never_goes_to_the_other()
    {
        (string body, RequestTranslation result) = Translate.Request(
            WireDialect.Anthropic,
            """{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"EqQB"},{"type":"redacted_thinking","data":"zz"},{"type":"text","text":"a"}]},{"role":"user","content":"r"}]}""",
            WireDialect.Responses);

        Assert.Equal(["thinking"], result.Dropped);
        Assert.DoesNotContain("reasoning", body, StringComparison.Ordinal);
        Assert.Equal(3, JsonNode.Parse(body)!["input"]!.AsArray().Count);
    }

    /// <summary>Converse passes on what Anthropic signed, and has no place for what it sealed.</summary>
    [Fact]
    public void Signed_reasoning_goes_back_by_way_of_Converse()
    {
        (string body, RequestTranslation result) = Translate.Request(
            WireDialect.Responses,
            """{"model":"m","input":[{"role":"user","content":"q"},{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"forebay.a.Sig="},{"type":"reasoning","summary":[],"encrypted_content":"forebay.x.Red="},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]}""",
            WireDialect.Converse);

        Assert.Empty(result.Problems);
        Assert.Equal(["redacted_thinking"], result.Dropped);
        Assert.Contains("\"signature\":\"Sig=\"", body, StringComparison.Ordinal);
        Assert.DoesNotContain("Red=", body, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_told_apart_again_are_those_of_the_request()
    {
        (_, RequestTranslation result) = Translate.Request(
            WireDialect.Responses,
            """{"model":"m","input":"q","tools":[{"type":"namespace","name":"mcp__x","tools":[{"type":"function","name":"b"}]}]}""",
            WireDialect.Anthropic);

        NamespacedTool tool = Assert.Single(result.NamespacedTools);
        Assert.Equal(
            ("mcp__x__b", "mcp__x", "b"),
            (Encoding.UTF8.GetString(tool.FlatName.Span), Encoding.UTF8.GetString(tool.Namespace.Span),
                Encoding.UTF8.GetString(tool.Name.Span)));
    }
}
