using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit.OpenApi;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>Answers and streams of other dialects as Responses clients get them, held against the vendor's OpenAPI
/// document; and those of a Responses upstream as others get them.</summary>
public sealed class ResponsesAnswerTests
{
    private const string AnthropicAnswer =
        """{"id":"msg_1","type":"message","role":"assistant","model":"u","content":[{"type":"thinking","thinking":"hm\u00e9","signature":"Sig+/="},{"type":"redacted_thinking","data":"Red="},{"type":"text","text":"Hello"},{"type":"text","text":" there"},{"type":"tool_use","id":"toolu_1","name":"fs__read","input":{"a":"\"x"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":3,"cache_creation_input_tokens":2,"output_tokens":5}}""";

    private const string Asked =
        """{"model":"atlas","input":"q","instructions":"Be brief","max_output_tokens":99,"temperature":0.5,"metadata":{"a":"b"},"tools":[{"type":"namespace","name":"fs","description":"files","tools":[{"type":"function","name":"read"}]},{"type":"function","name":"t","parameters":{},"strict":false}]}""";

    private static readonly string[] AnthropicEvents =
    [
        Answers.Named("message_start", """{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"u","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}}"""),
        Answers.Named("content_block_start", """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"""),
        Answers.Named("content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"""),
        Answers.Named("content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Sig="}}"""),
        Answers.Named("content_block_stop", """{"type":"content_block_stop","index":0}"""),
        Answers.Named("content_block_start", """{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"Red="}}"""),
        Answers.Named("content_block_stop", """{"type":"content_block_stop","index":1}"""),
        Answers.Named("content_block_start", """{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"""),
        Answers.Named("content_block_delta", """{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Hel"}}"""),
        Answers.Named("content_block_delta", """{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"lo\n"}}"""),
        Answers.Named("content_block_stop", """{"type":"content_block_stop","index":2}"""),
        Answers.Named("content_block_start", """{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"fs__read","input":{}}}"""),
        Answers.Named("content_block_delta", """{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"""),
        Answers.Named("content_block_delta", """{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"1}"}}"""),
        Answers.Named("content_block_stop", """{"type":"content_block_stop","index":3}"""),
        Answers.Named("content_block_start", """{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_2","name":"t","input":{}}}"""),
        Answers.Named("content_block_stop", """{"type":"content_block_stop","index":4}"""),
        Answers.Named("message_delta", """{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"""),
        Answers.Named("message_stop", """{"type":"message_stop"}"""),
    ];

    private static AnswerFrame Framed() => Translate.Frame() with
    {
        Request = Encoding.UTF8.GetBytes(Asked),
        NamespacedTools =
        [
            new NamespacedTool("fs__read"u8.ToArray(), "fs"u8.ToArray(), "read"u8.ToArray()),
        ],
    };

    private static OpenApiDocument Document()
    {
        if (OpenApiDocument.OfOpenAi is not { } document)
        {
            Assert.Skip(SharedFiles.SkipReason(OpenApiDocument.OpenAi));
            return null!;
        }

        return document;
    }

    private static string[] StringsOf(IEnumerable<JsonNode?> nodes) => [.. nodes.Select(n => n!.GetValue<string>())];

    [Fact]
    public void An_Anthropic_message_becomes_a_response()
    {
        string text = Translate.Answer(
            WireDialect.Anthropic, Encoding.UTF8.GetBytes(AnthropicAnswer), WireDialect.Responses, Framed())!;
        JsonNode response = JsonNode.Parse(text)!;

        JsonArray output = response["output"]!.AsArray();
        Assert.Equal(["reasoning", "reasoning", "message", "function_call"], StringsOf(output.Select(o => o!["type"])));
        Assert.Equal("hmé", output[0]!["summary"]![0]!["text"]!.GetValue<string>());
        Assert.Equal("forebay.a.Sig+/=", output[0]!["encrypted_content"]!.GetValue<string>());
        Assert.Equal("forebay.x.Red=", output[1]!["encrypted_content"]!.GetValue<string>());
        Assert.Equal(["Hello", " there"], StringsOf(output[2]!["content"]!.AsArray().Select(c => c!["text"])));
        Assert.Equal(("fs", "read", "toolu_1", "{\"a\":\"\\\"x\"}"), (
            output[3]!["namespace"]!.GetValue<string>(),
            output[3]!["name"]!.GetValue<string>(),
            output[3]!["call_id"]!.GetValue<string>(),
            output[3]!["arguments"]!.GetValue<string>()));
        Assert.Equal(("completed", false, "Be brief", 99, "b"), (
            response["status"]!.GetValue<string>(),
            response["store"]!.GetValue<bool>(),
            response["instructions"]!.GetValue<string>(),
            response["max_output_tokens"]!.GetValue<int>(),
            response["metadata"]!["a"]!.GetValue<string>()));
        Assert.Equal((15, 3, 5, 20), (
            response["usage"]!["input_tokens"]!.GetValue<int>(),
            response["usage"]!["input_tokens_details"]!["cached_tokens"]!.GetValue<int>(),
            response["usage"]!["output_tokens"]!.GetValue<int>(),
            response["usage"]!["total_tokens"]!.GetValue<int>()));
        Assert.True(ResponseReader.TryRead(WireDialect.Responses, Encoding.UTF8.GetBytes(text), out ResponseFacts facts));
        Assert.Equal(new WireUsage(true, 10, 3, 2, 5), facts.Usage);
        Assert.Empty(Document().Check("Response", response));
    }

    [Theory]
    [InlineData("max_tokens", "incomplete", "max_output_tokens")]
    [InlineData("refusal", "incomplete", "content_filter")]
    [InlineData("end_turn", "completed", null)]
    public void Why_an_answer_ended_is_told(string stop, string status, string? reason)
    {
        string answer = Answers.AnthropicMessage.Replace("end_turn", stop, StringComparison.Ordinal);
        JsonNode response = JsonNode.Parse(Translate.Answer(WireDialect.Anthropic, answer, WireDialect.Responses)!)!;

        Assert.Equal(status, response["status"]!.GetValue<string>());
        Assert.Equal(reason, response["incomplete_details"]?["reason"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void Streams_become_events_in_order_that_the_vendors_document_allows(WireDialect from)
    {
        string[] events = from == WireDialect.Anthropic ? AnthropicEvents : [.. Answers.OpenAiStream(withUsage: true)];
        byte[] stream = Encoding.UTF8.GetBytes(string.Concat(events));
        List<JsonNode> said = Translate.DataOf(
            Translate.Stream(from, stream, to: WireDialect.Responses, frame: Framed()));

        Assert.Equal(Enumerable.Range(0, said.Count), said.Select(e => e["sequence_number"]!.GetValue<int>()));
        ResponsesOrder.Check(said);
        JsonNode last = said[^1]["response"]!;
        Assert.Equal("completed", last["status"]!.GetValue<string>());
        Assert.Equal(
            StringsOf(said.Where(e => e["type"]!.GetValue<string>() == "response.output_item.done")
                .Select(e => (JsonNode)e["item"]!.ToJsonString())),
            last["output"]!.AsArray().Select(o => o!.ToJsonString()));
        OpenApiDocument document = Document();
        foreach (JsonNode ev in said)
        {
            Assert.Empty(document.Check("ResponseStreamEvent", ev).Select(p => $"{p} in {ev.ToJsonString()}"));
        }
    }

    [Fact]
    public void A_stream_says_what_the_whole_answer_says()
    {
        byte[] stream = Encoding.UTF8.GetBytes(string.Concat(AnthropicEvents));
        JsonNode response = Translate.DataOf(
            Translate.Stream(WireDialect.Anthropic, stream, to: WireDialect.Responses, frame: Framed()))[^1]["response"]!;

        JsonArray output = response["output"]!.AsArray();
        Assert.Equal(
            ["reasoning", "reasoning", "message", "function_call", "function_call"],
            StringsOf(output.Select(o => o!["type"])));
        Assert.Equal("forebay.a.Sig=", output[0]!["encrypted_content"]!.GetValue<string>());
        Assert.Equal("forebay.x.Red=", output[1]!["encrypted_content"]!.GetValue<string>());
        Assert.Equal("Hello\n", output[2]!["content"]![0]!["text"]!.GetValue<string>());
        Assert.Equal("{\"a\":1}", output[3]!["arguments"]!.GetValue<string>());
        Assert.Equal("fs", output[3]!["namespace"]!.GetValue<string>());
        Assert.Equal("{}", output[4]!["arguments"]!.GetValue<string>());
        Assert.Equal((10, 9), (
            response["usage"]!["input_tokens"]!.GetValue<int>(), response["usage"]!["output_tokens"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void A_stream_of_a_Responses_upstream_says_the_same_in_others(WireDialect to)
    {
        byte[] stream = Encoding.UTF8.GetBytes(string.Concat(Reasoned));
        List<JsonNode> said = Translate.DataOf(Translate.Stream(WireDialect.Responses, stream, to: to));

        if (to == WireDialect.Anthropic)
        {
            JsonNode[] deltas =
                [.. said.Where(e => e["type"]!.GetValue<string>() == "content_block_delta").Select(e => e["delta"]!)];
            Assert.Equal("hm\n\nso", string.Concat(deltas.Select(d => d["thinking"]?.GetValue<string>())));
            Assert.Equal("forebay.r.gAAA=", string.Concat(deltas.Select(d => d["signature"]?.GetValue<string>())));
            Assert.Equal("Hi", string.Concat(deltas.Select(d => d["text"]?.GetValue<string>())));
            Assert.Equal("{\"a\":1}", string.Concat(deltas.Select(d => d["partial_json"]?.GetValue<string>())));
            Assert.Equal("tool_use", said[^2]["delta"]!["stop_reason"]!.GetValue<string>());
            Assert.Equal(12, said[^2]["usage"]!["input_tokens"]!.GetValue<int>());
            return;
        }

        JsonNode[] choices = [.. said.SkipLast(2).Select(c => c["choices"]![0]!)];
        Assert.Equal("Hi", string.Concat(choices.Select(c => c["delta"]!["content"]?.GetValue<string>())));
        Assert.Equal("hm\n\nso", string.Concat(choices.Select(c => c["delta"]!["reasoning_content"]?.GetValue<string>())));
        Assert.Equal(
            "{\"a\":1}",
            string.Concat(choices.Select(c => c["delta"]!["tool_calls"]?[0]?["function"]!["arguments"]!.GetValue<string>())));
        Assert.Equal("tool_calls", choices[^1]["finish_reason"]!.GetValue<string>());
        Assert.Equal(15, said[^2]["usage"]!["prompt_tokens"]!.GetValue<int>());
    }

    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void However_a_Responses_stream_is_cut_the_client_gets_the_same(WireDialect to)
    {
        byte[] stream = Encoding.UTF8.GetBytes(string.Concat(Reasoned));
        string whole = Translate.Stream(WireDialect.Responses, stream, to: to);
        for (int seed = 0; seed < 200; seed++)
        {
            Assert.Equal(whole, Translate.Stream(WireDialect.Responses, stream, new Random(seed), to: to));
        }
    }

    [Fact]
    public void A_response_becomes_a_message_and_a_completion_and_its_reasoning_comes_back()
    {
        JsonNode reasoned = Translate.DataOf(string.Concat(Reasoned))[^1]["response"]!;

        string message = Translate.Answer(WireDialect.Responses, reasoned.ToJsonString(), WireDialect.Anthropic)!;
        JsonNode completion = JsonNode.Parse(
            Translate.Answer(WireDialect.Responses, reasoned.ToJsonString(), WireDialect.OpenAi)!)!;

        JsonArray content = JsonNode.Parse(message)!["content"]!.AsArray();
        Assert.Equal(["thinking", "thinking", "text", "tool_use"], StringsOf(content.Select(b => b!["type"])));
        Assert.Equal("forebay.r.gAAA=", content[1]!["signature"]!.GetValue<string>());
        Assert.Equal("hmso", completion["choices"]![0]!["message"]!["reasoning_content"]!.GetValue<string>());
        Assert.Equal("tool_calls", completion["choices"]![0]!["finish_reason"]!.GetValue<string>());
        string back = Translate.Request(
            WireDialect.Anthropic,
            $$"""{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":{{content.ToJsonString()}}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"r"}]}]}""",
            WireDialect.Responses).Body;
        Assert.Equal("gAAA=", JsonNode.Parse(back)!["input"]![1]!["encrypted_content"]!.GetValue<string>());
    }

    [Fact]
    public void A_call_with_what_is_no_JSON_object_is_no_answer()
    {
        string bad = Answers.ResponseObject(
            "completed", """{"type":"function_call","id":"fc","call_id":"c","name":"t","arguments":"{\"a\""}""", "null");

        Assert.Null(Translate.Answer(WireDialect.Responses, bad, WireDialect.Anthropic));
    }

    /// <summary>All of an answer is held until its end, and still costs no more than a few times its own bytes.
    /// </summary>
    [Fact]
    public void A_translated_stream_allocates_at_most_four_times_its_bytes()
    {
        byte[] stream = Encoding.UTF8.GetBytes(string.Concat(
            [
                .. AnthropicEvents[..9], .. Enumerable.Repeat(AnthropicEvents[8], 1_000), .. AnthropicEvents[10..11],
                .. AnthropicEvents[^2..],
            ]));
        var output = new System.Buffers.ArrayBufferWriter<byte>(16 * stream.Length);
        var passed = new System.Buffers.ArrayBufferWriter<byte>();
        AnswerFrame frame = Framed();
        Run();
        output.ResetWrittenCount();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.InRange(allocated, 1, 4L * stream.Length);
        Assert.EndsWith("}\n\n", Encoding.UTF8.GetString(output.WrittenSpan), StringComparison.Ordinal);

        void Run()
        {
            var observer = new StreamObserver(WireDialect.Anthropic, default);
            var translator = new StreamTranslator(WireDialect.Anthropic, WireDialect.Responses, observer, frame);
            for (int at = 0; SseFraming.TryReadEvent(stream.AsSpan(at), 0, atEnd: true, out int length); at += length)
            {
                _ = observer.Observe(stream.AsSpan(at, length), passed, out _);
                Assert.True(translator.Translate(stream.AsSpan(at, length), output));
            }
        }
    }

    /// <summary>Engines that tell items, texts or arguments only once they are done.</summary>
    [Fact]
    public void What_comes_only_at_its_end_is_said_all_the_same()
    {
        string item = """{"type":"message","id":"m","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi","annotations":[]}]}""";
        string call = """{"type":"function_call","id":"fc","call_id":"c","name":"t","arguments":"{\"a\":1}","status":"completed"}""";
        string both = Answers.ResponseObject("completed", $"{item},{call}", "null");
        IReadOnlyList<string> items = Answers.Numbered(
            ("response.created", Answers.Within("response", Answers.ResponseObject("in_progress", "", "null"))),
            ("response.output_item.done", "{\"output_index\":0," + Answers.Within("item", item)[1..]),
            ("response.output_item.done", "{\"output_index\":1," + Answers.Within("item", call)[1..]),
            ("response.completed", Answers.Within("response", both)));
        foreach (string[] events in (string[][])[[.. items], [items[0], items[^1]]])
        {
            List<JsonNode> said = Translate.DataOf(Translate.Stream(
                WireDialect.Responses, Encoding.UTF8.GetBytes(string.Concat(events)), to: WireDialect.OpenAi));
            JsonNode[] deltas = [.. said.SkipLast(2).Select(c => c["choices"]![0]!["delta"]!)];
            Assert.Equal("Hi", string.Concat(deltas.Select(d => d["content"]?.GetValue<string>())));
            Assert.Equal(
                "{\"a\":1}",
                string.Concat(deltas.Select(d => d["tool_calls"]?[0]?["function"]!["arguments"]!.GetValue<string>())));
        }
    }

    /// <summary>A stream with encrypted reasoning told in two parts, text and a call.</summary>
    private static IReadOnlyList<string> Reasoned { get; } = Answers.Numbered(
        ("response.created", Answers.Within("response", Answers.ResponseObject("in_progress", "", "null"))),
        ("response.output_item.added", """{"output_index":0,"item":{"id":"rs","type":"reasoning","summary":[]}}"""),
        ("response.reasoning_summary_part.added", """{"item_id":"rs","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"""),
        ("response.reasoning_summary_text.delta", """{"item_id":"rs","output_index":0,"summary_index":0,"delta":"hm"}"""),
        ("response.reasoning_summary_part.added", """{"item_id":"rs","output_index":0,"summary_index":1,"part":{"type":"summary_text","text":""}}"""),
        ("response.reasoning_summary_text.delta", """{"item_id":"rs","output_index":0,"summary_index":1,"delta":"so"}"""),
        ("response.output_item.done", """{"output_index":0,"item":{"id":"rs","type":"reasoning","summary":[{"type":"summary_text","text":"hm"},{"type":"summary_text","text":"so"}],"encrypted_content":"gAAA="}}"""),
        ("response.output_item.added", """{"output_index":1,"item":{"id":"msg","type":"message","status":"in_progress","role":"assistant","content":[]}}"""),
        ("response.output_text.delta", """{"item_id":"msg","output_index":1,"content_index":0,"delta":"Hi","logprobs":[]}"""),
        ("response.output_item.done", """{"output_index":1,"item":{"id":"msg","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}}"""),
        ("response.output_item.added", """{"output_index":2,"item":{"id":"fc","type":"function_call","status":"in_progress","call_id":"call_1","name":"t","arguments":""}}"""),
        ("response.function_call_arguments.delta", """{"item_id":"fc","output_index":2,"delta":"{\"a\":"}"""),
        ("response.function_call_arguments.delta", """{"item_id":"fc","output_index":2,"delta":"1}"}"""),
        ("response.function_call_arguments.done", """{"item_id":"fc","output_index":2,"arguments":"{\"a\":1}"}"""),
        ("response.output_item.done", """{"output_index":2,"item":{"id":"fc","type":"function_call","status":"completed","call_id":"call_1","name":"t","arguments":"{\"a\":1}"}}"""),
        ("response.completed", Answers.Within("response", Answers.ResponseObject(
            "completed",
            """{"id":"rs","type":"reasoning","summary":[{"type":"summary_text","text":"hm"},{"type":"summary_text","text":"so"}],"encrypted_content":"gAAA="},{"id":"msg","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]},{"id":"fc","type":"function_call","status":"completed","call_id":"call_1","name":"t","arguments":"{\"a\":1}"}""",
            """{"input_tokens":15,"input_tokens_details":{"cached_tokens":3},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":24}"""))));
}
