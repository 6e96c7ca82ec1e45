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

    /// <summary>One named event.</summary>
    public static string Named(string name, string json) => $"event: {name}\ndata: {json}\n\n";

    private static string Chunk(string choice, string tail) =>
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1760000000," +
        $"\"model\":\"upstream-model\",\"choices\":[{choice}]{tail}}}\n\n";
}
