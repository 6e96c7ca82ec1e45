namespace Forebay.TestKit.Upstreams;

/// <summary>Well-formed answers of both dialects, as the vendors' clients accept them.</summary>
public static class Answers
{
    public const string AnthropicMessage =
        """{"id":"msg_01","type":"message","role":"assistant","model":"upstream-model","content":[{"type":"text","text":"Hello there","citations":null}],"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"container":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"cache_creation":null,"output_tokens":5,"output_tokens_details":null,"server_tool_use":null,"service_tier":"standard","inference_geo":null}}""";

    public const string OpenAiCompletion =
        """{"id":"chatcmpl-1","object":"chat.completion","created":1760000000,"model":"upstream-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":15,"completion_tokens":5,"total_tokens":20,"prompt_tokens_details":{"cached_tokens":3}}}""";

    /// <summary>A whole Anthropic stream: 15 prompt tokens (3 read, 2 written) and 5 output tokens.</summary>
    public static IReadOnlyList<string> AnthropicStream { get; } =
    [
        Named("message_start", """{"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"upstream-model","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"container":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"cache_creation":null,"output_tokens":1,"output_tokens_details":null,"server_tool_use":null,"service_tier":"standard","inference_geo":null}}}"""),
        Named("content_block_start", """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":null}}"""),
        Named("ping", """{"type":"ping"}"""),
        Named("content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"""),
        Named("content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" there"}}"""),
        Named("content_block_stop", """{"type":"content_block_stop","index":0}"""),
        Named("message_delta", """{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"container":null},"usage":{"output_tokens":5,"input_tokens":null,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"output_tokens_details":null,"server_tool_use":null}}"""),
        Named("message_stop", """{"type":"message_stop"}"""),
    ];

    /// <summary>A whole OpenAI stream; with usage it ends with the usage chunk that include_usage asks for.</summary>
    public static IReadOnlyList<string> OpenAiStream(bool withUsage)
    {
        string usageNull = withUsage ? ""","usage":null""" : "";
        var events = new List<string>
        {
            Chunk("""{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}""", usageNull),
            Chunk("""{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}""", usageNull),
            Chunk("""{"index":0,"delta":{"content":" there"},"logprobs":null,"finish_reason":null}""", usageNull),
            Chunk("""{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}""", usageNull),
        };
        if (withUsage)
        {
            events.Add(Chunk("", ""","usage":{"prompt_tokens":15,"completion_tokens":5,"total_tokens":20,"prompt_tokens_details":{"cached_tokens":3}}"""));
        }

        events.Add("data: [DONE]\n\n");
        return events;
    }

    /// <summary>A whole response: 15 input tokens (3 cached) and 5 output tokens.</summary>
    public static string Response { get; } = ResponseObject("completed", ResponseMessage("completed"), ResponseUsage);

    private const string ResponseUsage =
        """{"input_tokens":15,"input_tokens_details":{"cached_tokens":3,"cache_write_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":20}""";

    /// <summary>A whole Responses stream: 15 input tokens (3 cached) and 5 output tokens.</summary>
    public static IReadOnlyList<string> ResponseStream { get; } = Numbered(
        ("response.created", Within("response", ResponseObject("in_progress", "", "null"))),
        ("response.in_progress", Within("response", ResponseObject("in_progress", "", "null"))),
        ("response.output_item.added", """{"output_index":0,""" + Within("item", ResponseMessage("in_progress"))[1..]),
        ("response.content_part.added", """{"item_id":"msg_up","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}}"""),
        ("response.output_text.delta", """{"item_id":"msg_up","output_index":0,"content_index":0,"delta":"Hello","logprobs":[]}"""),
        ("response.output_text.delta", """{"item_id":"msg_up","output_index":0,"content_index":0,"delta":" there","logprobs":[]}"""),
        ("response.output_text.done", """{"item_id":"msg_up","output_index":0,"content_index":0,"text":"Hello there","logprobs":[]}"""),
        ("response.content_part.done", """{"item_id":"msg_up","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Hello there","annotations":[],"logprobs":[]}}"""),
        ("response.output_item.done", """{"output_index":0,""" + Within("item", ResponseMessage("completed"))[1..]),
        ("response.completed", Within("response", Response)));

    /// <summary>Events of a Responses stream, numbered from 0: names, and an object of the members of each besides type
    /// and number.</summary>
    public static IReadOnlyList<string> Numbered(params (string Name, string Members)[] events) =>
    [
        .. events.Select((e, i) =>
            Named(e.Name, $$"""{"type":"{{e.Name}}","sequence_number":{{i}},""" + e.Members[1..])),
    ];

    /// <summary>An object of one member.</summary>
    public static string Within(string member, string json) => "{\"" + member + "\":" + json + "}";

    /// <summary>A response object of an upstream's.</summary>
    public static string ResponseObject(string status, string output, string usage, string id = "resp_up") =>
        $$$"""{"id":"{{{id}}}","object":"response","created_at":1760000000,"status":"{{{status}}}","background":false,"error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"model":"upstream-model","output":[{{{output}}}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"service_tier":"default","store":true,"temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":{{{usage}}},"user":null,"metadata":{}}""";

    private static string ResponseMessage(string status)
    {
        string part = status == "completed"
            ? """{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello there"}"""
            : "";
        return $$"""{"id":"msg_up","type":"message","status":"{{status}}","role":"assistant","content":[{{part}}]}""";
    }

    /// <summary>One named event.</summary>
    public static string Named(string name, string json) => $"event: {name}\ndata: {json}\n\n";

    private static string Chunk(string choice, string tail) =>
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1760000000," +
        $"\"model\":\"upstream-model\",\"choices\":[{choice}]{tail}}}\n\n";
}
