namespace Forebay.TestKit.Providers.Scenes;

/// <summary>
/// One answer, said in both dialects; whole and streamed say the same. Usage is the same in all: 10 input tokens, 3
/// read from cache, 2 written, 7 of output, 4 of those for thinking where the scene thinks.
/// </summary>
/// <param name="Name">What it shows.</param>
/// <param name="AnthropicContent">JSON of the message's content.</param>
/// <param name="StopReason">Anthropic's word.</param>
/// <param name="OpenAiMessage">JSON of the choice's message.</param>
/// <param name="FinishReason">OpenAI's word.</param>
public sealed partial record Scene(
    string Name, string AnthropicContent, string StopReason, string OpenAiMessage, string FinishReason)
{
    /// <summary>What counting tokens gives.</summary>
    public int CountedTokens => 42;

    /// <summary>JSON of Anthropic's stop_sequence.</summary>
    public string StopSequence { get; init; } = "null";

    /// <summary>JSON of Anthropic's stop_details.</summary>
    public string StopDetails { get; init; } = "null";

    /// <summary>JSON of OpenAI's logprobs of the choice.</summary>
    public string LogProbs { get; init; } = "null";

    /// <summary>Tokens of output that were thinking.</summary>
    public int ThinkingTokens { get; init; }

    /// <summary>Members that no specification names, each with a comma before it; they stand in the whole message, and
    /// in the first event of a stream.</summary>
    public string UnknownMembers { get; init; } = "";

    /// <summary>Events of an Anthropic stream that no specification names, after its first.</summary>
    public IReadOnlyList<string> UnknownEvents { get; init; } = [];

    /// <summary>Whether these are words of a scene that thinks, with the signature it gave them.</summary>
    public static bool IsSigned(string thinking, string signature) =>
        thinking == ThinkingWords && signature == ThinkingSignature;

    /// <summary>The whole answer in Anthropic's dialect.</summary>
    public string AnthropicMessage(string model) =>
        $$"""{"id":"msg_01","type":"message","role":"assistant","model":"{{model}}","content":{{AnthropicContent}},"stop_reason":"{{StopReason}}","stop_sequence":{{StopSequence}},"stop_details":{{StopDetails}},"container":null{{UnknownMembers}},"usage":{{AnthropicUsage(7)}}}""";

    /// <summary>The JSON of each event of the streamed answer in Anthropic's dialect.</summary>
    public IReadOnlyList<string> AnthropicEvents(string model) => MessagePlayer.Events(this, model);

    /// <summary>The whole answer in OpenAI's dialect.</summary>
    public string OpenAiCompletion(string model) =>
        $$"""{"id":"chatcmpl-1","object":"chat.completion","created":1760000000,"model":"{{model}}"{{UnknownMembers}},"choices":[{"index":0,"message":{{OpenAiMessage}},"logprobs":{{LogProbs}},"finish_reason":"{{FinishReason}}"}],"usage":{{OpenAiUsage}}}""";

    /// <summary>The JSON of each chunk of the streamed answer in OpenAI's dialect, the closing mark left out.</summary>
    public IReadOnlyList<string> OpenAiChunks(string model, bool withUsage) =>
        CompletionPlayer.Chunks(this, model, withUsage);

    /// <summary>Anthropic's usage with so many output tokens so far.</summary>
    internal string AnthropicUsage(int output) =>
        $$"""{"input_tokens":10,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":0},"output_tokens":{{output}},"output_tokens_details":{{(ThinkingTokens == 0 ? "null" : $$"""{"thinking_tokens":{{ThinkingTokens}}}""")}},"server_tool_use":null,"service_tier":"standard","inference_geo":null}""";

    internal string OpenAiUsage =>
        $$$"""{"prompt_tokens":15,"completion_tokens":7,"total_tokens":22,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":{{{ThinkingTokens}}}}}""";
}
