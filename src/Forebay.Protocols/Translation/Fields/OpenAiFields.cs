namespace Forebay.Protocols.Translation;

/// <summary>Every field of an OpenAI chat completions request, and what it means.</summary>
internal static class OpenAiFields
{
    public static FieldScope Request { get; } = new(
        "",
        new("model", Meaning.Model),
        new("messages", Meaning.Messages),
        new("stream", Meaning.Stream),
        new("stream_options", Meaning.StreamOptions),
        new("max_tokens", Meaning.MaxTokens),
        new("max_completion_tokens", Meaning.MaxTokens),
        new("temperature", Meaning.Temperature),
        new("top_p", Meaning.TopP),
        new("top_k", Meaning.TopK, "-1", "0"),
        new("stop", Meaning.StopSequences),
        new("tools", Meaning.Tools),
        new("tool_choice", Meaning.ToolChoice),
        new("parallel_tool_calls", Meaning.ParallelTools),
        new("response_format", Meaning.OutputFormat),
        new("user", Meaning.UserId),
        new("safety_identifier", Meaning.SafetyIdentifier),
        new("service_tier", Meaning.ServiceTier),
        new("inference_geo", Meaning.InferenceGeo),
        new("seed", Meaning.Seed),
        new("reasoning_effort", Meaning.Effort, "\"none\""),
        new("verbosity", Meaning.Verbosity, "\"medium\""),
        new("prediction", Meaning.Prediction),
        new("store", Meaning.Store, "false"),
        new("metadata", Meaning.Tags, "{}"),
        new("prompt_cache_key", Meaning.CacheKey),
        new("prompt_cache_retention", Meaning.CacheControl),
        new("prompt_cache_options", Meaning.CacheControl),
        new("n", Meaning.Choices, "1"),
        new("logprobs", Meaning.Logprobs, "false"),
        new("top_logprobs", Meaning.Logprobs, "0"),
        new("logit_bias", Meaning.LogitBias, "{}"),
        new("presence_penalty", Meaning.Penalties, "0", "0.0"),
        new("frequency_penalty", Meaning.Penalties, "0", "0.0"),
        new("modalities", Meaning.Audio, """["text"]""", "[]"),
        new("audio", Meaning.Audio),
        new("functions", Meaning.Functions, "[]"),
        new("function_call", Meaning.Functions),
        new("web_search_options", Meaning.WebSearch),
        new("moderation", Meaning.Moderation));

    public static FieldScope StreamOptions { get; } = new(
        "stream_options",
        new("include_usage", Meaning.StreamUsage),
        new("include_obfuscation", Meaning.Obfuscation, "false"));

    public static FieldScope Format { get; } = new(
        "response_format",
        new("type", Meaning.Kind),
        new("json_schema", Meaning.Schema));

    public static KindScope FormatKind { get; } = new(
        "response_format.type",
        Meaning.OtherFormat,
        new("text", Meaning.Structure),
        new("json_schema", Meaning.OutputFormat),
        new("json_object", Meaning.JsonMode));

    public static FieldScope JsonSchema { get; } = new(
        "response_format.json_schema",
        new("schema", Meaning.Schema),
        new("name", Meaning.FormatName),
        new("description", Meaning.FormatDescription),
        new("strict", Meaning.Structure));

    public static FieldScope ToolChoice { get; } = new(
        "tool_choice",
        new("type", Meaning.Kind),
        new("function", Meaning.Function),
        new("allowed_tools", Meaning.ByKind),
        new("custom", Meaning.ByKind));

    public static KindScope ToolChoiceKind { get; } = new(
        "tool_choice.type",
        Meaning.CustomTools,
        new("function", Meaning.Name),
        new("allowed_tools", Meaning.AllowedTools),
        new("custom", Meaning.CustomTools));

    public static FieldScope NamedFunction { get; } = new(
        "tool_choice.function", new FieldRow("name", Meaning.Name));

    public static FieldScope Tool { get; } = new(
        "tools[]",
        new("type", Meaning.Kind),
        new("function", Meaning.Function),
        new("custom", Meaning.ByKind));

    public static KindScope ToolKind { get; } = new(
        "tools[].type",
        Meaning.ServerTools,
        new("function", Meaning.Function),
        new("custom", Meaning.CustomTools));

    public static FieldScope Function { get; } = new(
        "tools[].function",
        new("name", Meaning.Name),
        new("description", Meaning.Description),
        new("parameters", Meaning.Schema),
        new("strict", Meaning.Strict));

    public static FieldScope Message { get; } = new(
        "messages[]",
        new("role", Meaning.Role),
        new("content", Meaning.Content),
        new("tool_calls", Meaning.ToolUse),
        new("tool_call_id", Meaning.Id),
        new("refusal", Meaning.Refusal),
        new("name", Meaning.SpeakerName),
        new("reasoning_content", Meaning.ReasoningText, "\"\""),
        new("reasoning", Meaning.ReasoningText, "\"\""),
        new("annotations", Meaning.Annotations, "[]"),
        new("function_call", Meaning.Functions),
        new("audio", Meaning.Audio));

    public static FieldScope Part { get; } = new(
        "messages[].content[]",
        new("type", Meaning.Kind),
        new("text", Meaning.Text),
        new("refusal", Meaning.Refusal),
        new("image_url", Meaning.Image),
        new("file", Meaning.Document),
        new("input_audio", Meaning.ByKind),
        new("prompt_cache_breakpoint", Meaning.CacheControl),
        new("cache_control", Meaning.CacheControl));

    public static KindScope PartKind { get; } = new(
        "messages[].content[].type",
        Meaning.ServerBlocks,
        new("text", Meaning.Text),
        new("refusal", Meaning.Refusal),
        new("image_url", Meaning.Image),
        new("file", Meaning.Document),
        new("input_audio", Meaning.Audio));

    public static FieldScope Image { get; } = new(
        "messages[].content[].image_url",
        new("url", Meaning.Url),
        new("detail", Meaning.ImageDetail, "\"auto\""));

    public static FieldScope File { get; } = new(
        "messages[].content[].file",
        new("file_data", Meaning.Data),
        new("filename", Meaning.Title),
        new("file_id", Meaning.FileId));

    public static FieldScope ToolCall { get; } = new(
        "messages[].tool_calls[]",
        new("id", Meaning.Id),
        new("type", Meaning.Kind),
        new("function", Meaning.Function),
        new("index", Meaning.Structure),
        new("custom", Meaning.ByKind));

    public static KindScope ToolCallKind { get; } = new(
        "messages[].tool_calls[].type",
        Meaning.CustomTools,
        new("function", Meaning.Function),
        new("custom", Meaning.CustomTools));

    public static FieldScope CalledFunction { get; } = new(
        "messages[].tool_calls[].function",
        new("name", Meaning.Name),
        new("arguments", Meaning.Input));

    public static IReadOnlyList<FieldScope> Scopes { get; } =
    [
        Request, StreamOptions, Format, JsonSchema, ToolChoice, NamedFunction, Tool, Function, Message, Part, Image,
        File, ToolCall, CalledFunction,
    ];

    public static IReadOnlyList<KindScope> Kinds { get; } =
        [FormatKind, ToolChoiceKind, ToolKind, PartKind, ToolCallKind];
}
