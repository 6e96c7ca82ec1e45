namespace Forebay.Protocols.Translation;

/// <summary>Every field of an OpenAI Responses request, and what it means.</summary>
internal static class ResponsesFields
{
    public static FieldScope Request { get; } = new(
        "",
        new("model", Meaning.Model),
        new("input", Meaning.Messages),
        new("instructions", Meaning.System),
        new("stream", Meaning.Stream),
        new("stream_options", Meaning.StreamOptions),
        new("max_output_tokens", Meaning.MaxTokens),
        new("temperature", Meaning.Temperature),
        new("top_p", Meaning.TopP),
        new("top_k", Meaning.TopK, "-1", "0"),
        new("tools", Meaning.Tools),
        new("tool_choice", Meaning.ToolChoice),
        new("parallel_tool_calls", Meaning.ParallelTools),
        new("text", Meaning.OutputConfig),
        new("reasoning", Meaning.Reasoning),
        new("include", Meaning.Include),
        new("user", Meaning.UserId),
        new("safety_identifier", Meaning.SafetyIdentifier),
        new("service_tier", Meaning.ServiceTier),
        new("store", Meaning.Store, "false"),
        new("metadata", Meaning.Tags, "{}"),
        new("client_metadata", Meaning.Tags, "{}"),
        new("prompt_cache_key", Meaning.CacheKey),
        new("prompt_cache_retention", Meaning.CacheControl),
        new("prompt_cache_options", Meaning.CacheControl),
        new("truncation", Meaning.Truncation, "\"disabled\""),
        new("max_tool_calls", Meaning.MaxToolCalls),
        new("context_management", Meaning.ContextManagement, "[]"),
        new("top_logprobs", Meaning.Logprobs, "0"),
        new("previous_response_id", Meaning.PreviousResponse),
        new("conversation", Meaning.Conversation),
        new("prompt", Meaning.PromptTemplate),
        new("background", Meaning.Background, "false"),
        new("moderation", Meaning.Moderation));

    public static FieldScope StreamOptions { get; } = new(
        "stream_options", new FieldRow("include_obfuscation", Meaning.Obfuscation, "false"));

    public static FieldScope Reasoning { get; } = new(
        "reasoning",
        new("effort", Meaning.ReasoningEffort, "\"none\""),
        new("summary", Meaning.Structure),
        new("generate_summary", Meaning.Structure),
        new("mode", Meaning.ReasoningMode, "\"standard\""),
        new("context", Meaning.ReasoningMode, "\"auto\""));

    public static FieldScope Text { get; } = new(
        "text",
        new("format", Meaning.OutputFormat),
        new("verbosity", Meaning.Verbosity, "\"medium\""));

    public static FieldScope Format { get; } = new(
        "text.format",
        new("type", Meaning.Kind),
        new("schema", Meaning.Schema),
        new("name", Meaning.FormatName),
        new("description", Meaning.FormatDescription),
        new("strict", Meaning.Structure));

    public static KindScope FormatKind { get; } = new(
        "text.format.type",
        Meaning.OtherFormat,
        new("text", Meaning.Structure),
        new("json_schema", Meaning.OutputFormat),
        new("json_object", Meaning.JsonMode));

    public static FieldScope ToolChoice { get; } = new(
        "tool_choice",
        new("type", Meaning.Kind),
        new("name", Meaning.Name),
        new("mode", Meaning.ByKind),
        new("tools", Meaning.ByKind),
        new("server_label", Meaning.ByKind));

    public static KindScope ToolChoiceKind { get; } = new(
        "tool_choice.type",
        Meaning.ServerTools,
        new("function", Meaning.Name),
        new("allowed_tools", Meaning.AllowedTools),
        new("custom", Meaning.CustomTools));

    public static FieldScope Tool { get; } = new(
        "tools[]",
        new("type", Meaning.Kind),
        new("name", Meaning.Name),
        new("description", Meaning.Description),
        new("parameters", Meaning.Schema),
        new("strict", Meaning.Strict),
        new("tools", Meaning.Tools),
        new("format", Meaning.ByKind),
        new("defer_loading", Meaning.DeferLoading, "false"),
        new("allowed_callers", Meaning.AllowedCallers, """["direct"]"""),
        new("output_schema", Meaning.ToolOutputSchema));

    public static KindScope ToolKind { get; } = new(
        "tools[].type",
        Meaning.ServerTools,
        new("function", Meaning.Function),
        new("namespace", Meaning.NamespaceTools),
        new("custom", Meaning.CustomTools));

    public static FieldScope Item { get; } = new(
        "input[]",
        new("type", Meaning.Kind),
        new("role", Meaning.Role),
        new("content", Meaning.Content),
        new("id", Meaning.Structure),
        new("status", Meaning.Structure),
        new("phase", Meaning.Phase),
        new("call_id", Meaning.Id),
        new("name", Meaning.Name),
        new("namespace", Meaning.Namespace),
        new("arguments", Meaning.Input),
        new("parsed_arguments", Meaning.Structure),
        new("output", Meaning.ToolResult),
        new("summary", Meaning.ThinkingText),
        new("encrypted_content", Meaning.Signature),
        new("caller", Meaning.Caller, """{"type":"direct"}"""),
        new("created_by", Meaning.Structure));

    public static KindScope ItemKind { get; } = new(
        "input[].type",
        Meaning.ServerBlocks,
        new("message", Meaning.Messages),
        new("function_call", Meaning.ToolUse),
        new("function_call_output", Meaning.ToolResult),
        new("reasoning", Meaning.ThinkingText),
        new("custom_tool_call", Meaning.CustomTools),
        new("custom_tool_call_output", Meaning.CustomTools),
        new("item_reference", Meaning.StoredItem));

    /// <summary>Of a reasoning item.</summary>
    public static FieldScope ReasoningItem { get; } = new(
        "input[] of type reasoning", new FieldRow("encrypted_content", Meaning.EncryptedReasoning));

    public static FieldScope Part { get; } = new(
        "input[].content[]",
        new("type", Meaning.Kind),
        new("text", Meaning.Text),
        new("refusal", Meaning.Refusal),
        new("image_url", Meaning.Url),
        new("detail", Meaning.ImageDetail, "\"auto\""),
        new("filename", Meaning.Title),
        new("file_data", Meaning.Data),
        new("file_url", Meaning.DocumentUrl),
        new("file_id", Meaning.FileId),
        new("annotations", Meaning.Annotations, "[]"),
        new("logprobs", Meaning.Structure),
        new("parsed", Meaning.Structure),
        new("prompt_cache_breakpoint", Meaning.CacheControl),
        new("input_audio", Meaning.ByKind));

    public static KindScope PartKind { get; } = new(
        "input[].content[].type",
        Meaning.ServerBlocks,
        new("input_text", Meaning.Text),
        new("output_text", Meaning.Text),
        new("text", Meaning.Text),
        new("summary_text", Meaning.Text),
        new("reasoning_text", Meaning.Text),
        new("refusal", Meaning.Refusal),
        new("input_image", Meaning.Image),
        new("input_file", Meaning.Document),
        new("input_audio", Meaning.Audio));

    public static IReadOnlyList<FieldScope> Scopes { get; } =
    [
        Request, StreamOptions, Reasoning, Text, Format, ToolChoice, Tool, Item, ReasoningItem, Part,
    ];

    public static IReadOnlyList<KindScope> Kinds { get; } =
        [FormatKind, ToolChoiceKind, ToolKind, ItemKind, PartKind];
}
