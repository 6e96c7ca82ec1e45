using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>Requests toward Bedrock's Converse, and its answers and streams in the dialects of clients.</summary>
public sealed class ConverseTranslationTests
{
    private const string AiSdkFixtures = "api/data/ai-sdk-fixtures";

    [Fact]
    public void An_Anthropic_request_is_said_in_Converse()
    {
        string body = Request(WireDialect.Anthropic, """
            {"model":"atlas","max_tokens":100,"stream":true,"temperature":0.5,"top_p":0.9,"stop_sequences":["END"],
            "system":[{"type":"text","text":"be \u00e9"}],"messages":[
            {"role":"user","content":[{"type":"text","text":"look"},
              {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
              {"type":"document","title":"a_b  c.pdf","source":{"type":"base64","media_type":"application/pdf","data":"cGRm"}}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig=="},
              {"type":"text","text":"ok"},{"type":"tool_use","id":"t.1","name":"f","input":{"x":"\n"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t.1","is_error":true,"content":"no"}]},
            {"role":"system","content":"mind"},
            {"role":"user","content":"go"}],
            "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true},
              {"name":"g","input_schema":{}}],
            "tool_choice":{"type":"tool","name":"f"}}
            """);

        Translate.Same("""
            {"messages":[
            {"role":"user","content":[{"text":"look"},{"image":{"format":"png","source":{"bytes":"aGk="}}},
              {"document":{"format":"pdf","name":"a-b c-pdf-1","source":{"bytes":"cGRm"}}}]},
            {"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig=="}}},{"text":"ok"},
              {"toolUse":{"toolUseId":"t_1","name":"f","input":{"x":"\n"}}}]},
            {"role":"user","content":[{"toolResult":{"toolUseId":"t_1","content":[{"text":"no"}],"status":"error"}},
              {"text":"<system>\nmind\n</system>"},{"text":"go"}]}],
            "system":[{"text":"be é"}],
            "inferenceConfig":{"maxTokens":100,"temperature":0.5,"topP":0.9,"stopSequences":["END"]},
            "toolConfig":{"tools":[
              {"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object"}},"strict":true}},
              {"toolSpec":{"name":"g","inputSchema":{"json":{"type":"object","properties":{}}}}}],
              "toolChoice":{"tool":{"name":"f"}}}}
            """, body);
    }

    [Fact]
    public void An_OpenAI_request_is_said_in_Converse()
    {
        string body = Request(WireDialect.OpenAi, """
            {"model":"atlas","messages":[{"role":"system","content":"be"},{"role":"user","content":[{"type":"text","text":"look"},
              {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,aGk="}}]},
            {"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function",
              "function":{"name":"f","arguments":"{\"a\":\"\\u00e9\"}"}},
              {"id":"c2","type":"function","function":{"name":"f","arguments":""}}]},
            {"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":""},
            {"role":"user","content":" \n"},{"role":"user","content":"go"}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"required",
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","title":"\"q\""}}}}
            """);

        Translate.Same("""
            {"messages":[{"role":"user","content":[{"text":"look"},{"image":{"format":"jpeg","source":{"bytes":"aGk="}}}]},
            {"role":"assistant","content":[{"toolUse":{"toolUseId":"c1","name":"f","input":{"a":"é"}}},
              {"toolUse":{"toolUseId":"c2","name":"f","input":{}}}]},
            {"role":"user","content":[{"toolResult":{"toolUseId":"c1","content":[{"text":"1"}]}},
              {"toolResult":{"toolUseId":"c2","content":[]}},{"text":"go"}]}],
            "system":[{"text":"be"}],"inferenceConfig":{"maxTokens":4096},
            "toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}},
            "outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"answer",
              "schema":"{\"type\":\"object\",\"title\":\"\\\"q\\\"\"}"}}}}}
            """, body);
    }

    [Theory]
    [InlineData("\"temperature\":1.5", "temperature: is above 1")]
    [InlineData("\"parallel_tool_calls\":false,\"tools\":[TOOL]", "tool_choice: Converse cannot")]
    [InlineData("\"n\":2", "n: asks for more")]
    [InlineData("\"logprobs\":true", "logprobs: ")]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", "response_format.type: json_object: Converse has no JSON")]
    [InlineData("\"unheard_of\":1", "unheard_of: is not known here")]
    public void What_Converse_cannot_say_is_refused_by_name(string field, string problem)
    {
        field = field.Replace(
            "TOOL", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", StringComparison.Ordinal);
        RequestTranslation result = Result(
            WireDialect.OpenAi, $$"""{"model":"a","messages":[{"role":"user","content":"x"}],{{field}}}""").Result;

        Assert.StartsWith(problem, Assert.Single(result.Problems));
    }

    [Fact]
    public void Images_by_address_and_calls_without_tools_are_refused()
    {
        RequestTranslation result = Result(WireDialect.OpenAi, """
            {"model":"a","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]},
            {"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c","content":"x"}]}
            """).Result;

        Assert.Equal(["messages", "tools"], result.Problems.Select(p => p.Split(':')[0]));
    }

    [Fact]
    public void What_only_advises_is_dropped_and_named()
    {
        (string body, RequestTranslation result) = Result(WireDialect.Anthropic, """
            {"model":"a","max_tokens":5,"top_k":3,"metadata":{"user_id":"u"},"thinking":{"type":"adaptive"},
            "output_config":{"effort":"low"},"service_tier":"auto",
            "messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]},
            {"role":"assistant","content":[{"type":"redacted_thinking","data":"ZZ"},{"type":"text","text":"y"}]},
            {"role":"user","content":"z"}]}
            """);

        Assert.Equal(
            ["cache_control", "effort", "redacted_thinking", "thinking", "top_k", "user_id"], result.Dropped.Order());
        Translate.Same("""
            {"messages":[{"role":"user","content":[{"text":"x"}]},{"role":"assistant","content":[{"text":"y"}]},
            {"role":"user","content":[{"text":"z"}]}],"inferenceConfig":{"maxTokens":5}}
            """, body);
        Assert.True(result.Facts.ModelValue.IsEmpty);
    }

    [Fact]
    public void Forbidding_tools_leaves_them_out() => Translate.Same(
        """{"messages":[{"role":"user","content":[{"text":"x"}]}],"inferenceConfig":{"maxTokens":4096}}""",
        Request(WireDialect.OpenAi, """
            {"model":"a","messages":[{"role":"user","content":"x"}],"tool_choice":"none",
            "tools":[{"type":"function","function":{"name":"f"}}]}
            """));

    /// <summary>Documents of one name in one conversation would be refused.</summary>
    [Fact]
    public void Documents_of_one_name_become_two()
    {
        string pdf = """{"type":"document","title":"é","source":{"type":"base64","media_type":"application/pdf","data":"cA=="}}""";
        string body = Request(WireDialect.Anthropic,
            $$"""{"model":"a","max_tokens":5,"messages":[{"role":"user","content":[{{pdf}},{{pdf}}]}]}""");
        string[] names = [.. JsonNode.Parse(body)!["messages"]![0]!["content"]!.AsArray()
            .Select(c => (string)c!["document"]!["name"]!)];

        Assert.Equal(["----1", "----2"], names.Select(n => n.PadLeft(5, '-')));
    }

    [Fact]
    public void Recorded_answers_keep_their_text_tools_and_usage()
    {
        int answers = 0;
        foreach (string file in Fixtures("*.json"))
        {
            byte[] body = File.ReadAllBytes(file);
            JsonNode source = JsonNode.Parse(body)!;
            if (source["output"] is null)
            {
                continue;
            }

            answers++;
            JsonArray blocks = source["output"]!["message"]!["content"]!.AsArray();
            Assert.True(ResponseReader.TryRead(WireDialect.Converse, body, out ResponseFacts facts));
            Assert.Equal((long)source["usage"]!["outputTokens"]!, facts.Usage.Output);
            JsonNode anthropic = Answer(WireDialect.Anthropic, body);
            JsonNode openAi = Answer(WireDialect.OpenAi, body)["choices"]![0]!;
            string text = string.Concat(blocks.Select(b => (string?)b!["text"]));
            JsonNode[] inputs = [.. blocks.Where(b => b!["toolUse"] is not null).Select(b => b!["toolUse"]!["input"]!)];

            Assert.Equal(text, string.Concat(anthropic["content"]!.AsArray().Select(b => (string?)b!["text"])));
            Assert.Equal(text.Length == 0 ? null : text, (string?)openAi["message"]!["content"]);
            Assert.Equal(
                inputs.Select(i => i.ToJsonString()),
                anthropic["content"]!.AsArray().Where(b => b!["input"] is not null).Select(b => b!["input"]!.ToJsonString()));
            Assert.Equal(
                inputs.Select(i => i.ToJsonString()),
                (openAi["message"]!["tool_calls"]?.AsArray() ?? [])
                    .Select(c => JsonNode.Parse((string)c!["function"]!["arguments"]!)!.ToJsonString()));
            Assert.Equal((string?)source["stopReason"], (string?)anthropic["stop_reason"]);
            Assert.Equal(
                blocks.Select(b => (string?)b!["reasoningContent"]?["reasoningText"]?["signature"]).Where(s => s is not null),
                anthropic["content"]!.AsArray().Select(b => (string?)b!["signature"]).Where(s => s is not null));
        }

        Assert.Equal(11, answers);
    }

    [Fact]
    public void Recorded_streams_keep_their_text_tools_and_signatures()
    {
        int streams = 0;
        foreach (string file in Fixtures("*.chunks.txt"))
        {
            JsonNode[] events = [.. File.ReadLines(file).Where(l => l.Length > 0).Select(l => JsonNode.Parse(l)!)];
            byte[] sse = Sse(events);
            JsonNode[] deltas = [.. events.Select(e => e["contentBlockDelta"]?["delta"]).OfType<JsonNode>()];
            string text = string.Concat(deltas.Select(d => (string?)d["text"]));
            string input = string.Concat(deltas.Select(d => (string?)d["toolUse"]?["input"]));
            string signature = string.Concat(deltas.Select(d => (string?)d["reasoningContent"]?["signature"]));
            streams++;
            for (int seed = 0; seed < 5; seed++)
            {
                Random? cuts = seed == 0 ? null : new Random(seed);
                List<JsonNode> anthropic = Translate.DataOf(Stream(WireDialect.Anthropic, sse, cuts));
                List<JsonNode> openAi = Translate.DataOf(Stream(WireDialect.OpenAi, sse, cuts));

                Assert.Equal(text, string.Concat(anthropic.Select(e => (string?)e["delta"]?["text"])));
                Assert.Equal(input, string.Concat(anthropic.Select(e => (string?)e["delta"]?["partial_json"])));
                Assert.Equal(signature, string.Concat(anthropic.Select(e => (string?)e["delta"]?["signature"])));
                Assert.Equal("message_stop", (string?)anthropic[^1]["type"]);
                JsonNode[] choices = [.. openAi.OfType<JsonObject>().SelectMany(e => e["choices"]!.AsArray()).OfType<JsonNode>()];
                Assert.Equal(text, string.Concat(choices.Select(c => (string?)c["delta"]!["content"])));
                Assert.Equal("[DONE]", (string?)openAi[^1]);
            }
        }

        Assert.Equal(12, streams);
    }

    [Fact]
    public void An_answer_of_malformed_output_is_none()
    {
        const string body = """{"output":{"message":{"content":[{"text":"x"}]}},"stopReason":"malformed_tool_use","usage":{}}""";
        var observer = new StreamObserver(WireDialect.Converse, default);
        var translator = new StreamTranslator(WireDialect.Converse, WireDialect.Anthropic, observer, Translate.Frame());

        Assert.False(AnswerTranslator.TryTranslate(
            WireDialect.Converse,
            WireDialect.OpenAi,
            Encoding.UTF8.GetBytes(body),
            Translate.Frame(),
            new ArrayBufferWriter<byte>()));
        Assert.False(translator.Translate(
            "event: messageStop\ndata: {\"stopReason\":\"malformed_model_output\"}\n\n"u8, new ArrayBufferWriter<byte>()));
        Assert.NotNull(translator.Problem);
    }

    [Fact]
    public void The_observer_counts_by_the_metadata_and_ends_with_the_stream()
    {
        var run = Streams.StreamRun.Of(
            WireDialect.Converse,
            "event: messageStart\ndata: {}\n\nevent: contentBlockDelta\ndata: {}\n\n"
            + "event: messageStop\ndata: {\"stopReason\":\"end_turn\"}\n\n"
            + "event: metadata\ndata: {\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"cacheReadInputTokens\":3,"
            + "\"cacheWriteInputTokens\":4}}\n\n"
            + "event: streamEnd\ndata: {}\n\nevent: contentBlockDelta\ndata: {}\n\n");

        Assert.Equal(new WireUsage(true, 1, 3, 4, 2), run.Observer.Usage);
        Assert.Equal("end_turn", run.Observer.StopReason);
        Assert.Equal(
            [StreamEventKind.Start, StreamEventKind.Content, StreamEventKind.Other, StreamEventKind.Usage,
                StreamEventKind.Terminal, StreamEventKind.Malformed],
            run.Kinds);
    }

    private static List<string> Fixtures(string pattern)
    {
        string? path = SharedFiles.Find(AiSdkFixtures);
        Assert.SkipWhen(path is null, SharedFiles.SkipReason(AiSdkFixtures));
        return
        [
            .. Directory.EnumerateFiles(path!, $"amazon-bedrock__src____fixtures____{pattern}").Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>The events as the upstream's stream becomes them: each under its name, then the end.</summary>
    private static byte[] Sse(JsonNode[] events)
    {
        var sse = new StringBuilder();
        foreach (KeyValuePair<string, JsonNode?> named in events.Select(e => e.AsObject().First()))
        {
            sse.Append($"event: {named.Key}\ndata: {named.Value!.ToJsonString()}\n\n");
        }

        return Encoding.UTF8.GetBytes(sse.Append("event: streamEnd\ndata: {}\n\n").ToString());
    }

    private static string Request(WireDialect from, string body)
    {
        (string translated, RequestTranslation result) = Result(from, body);
        Assert.Empty(result.Problems);
        return translated;
    }

    private static (string Body, RequestTranslation Result) Result(WireDialect from, string body)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        Assert.True(
            RequestReader.TryRead(from, bytes, false, out RequestFacts facts, out RequestProblem problem), problem.Message);
        var output = new ArrayBufferWriter<byte>();
        RequestTranslation result = RequestTranslator.Translate(
            from, WireDialect.Converse, bytes, in facts, Translate.MaxOutputTokens, output);
        return (Encoding.UTF8.GetString(output.WrittenSpan), result);
    }

    private static JsonNode Answer(WireDialect to, byte[] body)
    {
        var output = new ArrayBufferWriter<byte>();
        Assert.True(AnswerTranslator.TryTranslate(WireDialect.Converse, to, body, Translate.Frame(), output));
        return JsonNode.Parse(output.WrittenSpan)!;
    }

    private static string Stream(WireDialect to, byte[] sse, Random? cuts) =>
        Translate.Stream(WireDialect.Converse, to, sse, cuts);
}
