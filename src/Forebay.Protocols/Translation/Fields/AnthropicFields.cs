namespace Forebay.Protocols.Translation;

/// <summary>Every field of an Anthropic Messages request, and what it means.</summary>
internal static class AnthropicFields
{
    public static FieldScope Request { get; } = new(
        "",
        new("model", Meaning.Model),
        new("max_tokens", Meaning.MaxTokens),
        new("messages", Meaning.Messages),
        new("system", Meaning.System),
        new("stream", Meaning.Stream),
        new("stop_sequences", Meaning.StopSequences),
        new("temperature", Meaning.Temperature),
        new("top_p", Meaning.TopP),
        new("top_k", Meaning.TopK),
        new("tools", Meaning.Tools),
        new("tool_choice", Meaning.ToolChoice),
        new("metadata", Meaning.Metadata),
        new("service_tier", Meaning.ServiceTier),
        new("output_config", Meaning.OutputConfig),
        new("output_format", Meaning.OutputFormat),
        new("thinking", Meaning.Thinking, """{"type":"disabled"}"""),
        new("cache_control", Meaning.CacheControl),
        new("context_management", Meaning.ContextManagement, "{}", """{"edits":[]}"""),
        new("diagnostics", Meaning.Diagnostics, "{}"),
        new("speed", Meaning.Speed, "\"standard\""),
        new("user_profile_id", Meaning.UserProfile),
        new("inference_geo", Meaning.InferenceGeo),
        new("container", Meaning.Container),
        new("mcp_servers", Meaning.McpServers, "[]"),
        new("fallbacks", Meaning.Fallbacks, "[]"));

    /// <summary>Whether a <c>thinking</c> object asks for nothing.</summary>
    public static bool IsHarmlessThinking(ReadOnlySpan<byte> value) => Request.Find("thinking"u8)!.IsHarmless(value);

    public static FieldScope Metadata { get; } = new("metadata", new FieldRow("user_id", Meaning.UserId));

    public static FieldScope OutputConfig { get; } = new(
        "output_config",
        new("format", Meaning.OutputFormat),
        new("effort", Meaning.Effort),
        new("task_budget", Meaning.TaskBudget));

    public static FieldScope Format { get; } = new(
        "output_config.format",
        new("type", Meaning.Kind),
        new("schema", Meaning.Schema));

    public static FieldScope ToolChoice { get; } = new(
        "tool_choice",
        new("type", Meaning.Kind),
        new("name", Meaning.Name),
        new("disable_parallel_tool_use", Meaning.ParallelTools));

    public static FieldScope Tool { get; } = new(
        "tools[]",
        new("type", Meaning.Kind),
        new("name", Meaning.Name),
        new("description", Meaning.Description),
        new("input_schema", Meaning.Schema),
        new("strict", Meaning.Strict),
        new("cache_control", Meaning.CacheControl),
        new("defer_loading", Meaning.DeferLoading, "false"),
        new("eager_input_streaming", Meaning.EagerStreaming, "false"),
        new("input_examples", Meaning.InputExamples, "[]"),
        new("allowed_callers", Meaning.AllowedCallers, """["direct"]"""));

    public static KindScope ToolKind { get; } = new(
        "tools[].type", Meaning.ServerTools, new FieldRow("custom", Meaning.Tools));

    public static FieldScope Message { get; } = new(
        "messages[]",
        new("role", Meaning.Role),
        new("content", Meaning.Content));

    public static FieldScope Block { get; } = new(
        "messages[].content[]",
        new("type", Meaning.Kind),
        new("text", Meaning.Text),
        new("source", Meaning.Source),
        new("title", Meaning.Title),
        new("context", Meaning.DocumentContext),
        new("thinking", Meaning.ThinkingText),
        new("signature", Meaning.Signature),
        new("data", Meaning.ByKind),
        new("id", Meaning.Id),
        new("name", Meaning.Name),
        new("input", Meaning.Input),
        new("tool_use_id", Meaning.ToolResult),
        new("content", Meaning.Content),
        new("is_error", Meaning.IsError),
        new("citations", Meaning.Citations),
        new("cache_control", Meaning.CacheControl),
        new("caller", Meaning.Caller, """{"type":"direct"}"""),
        new("transformations", Meaning.ImageTransformations, "[]", "{}"));

    public static KindScope BlockKind { get; } = new(
        "messages[].content[].type",
        Meaning.ServerBlocks,
        new("text", Meaning.Text),
        new("image", Meaning.Image),
        new("document", Meaning.Document),
        new("tool_use", Meaning.ToolUse),
        new("tool_result", Meaning.ToolResult),
        new("thinking", Meaning.ThinkingText),
        new("redacted_thinking", Meaning.SealedThinking),
        new("search_result", Meaning.SearchResult),
        new("server_tool_use", Meaning.ServerBlocks),
        new("container_upload", Meaning.FileId));

    /// <summary>Members of a block that mean different things by its type.</summary>
    public static FieldScope TextBlock { get; } = new(
        "messages[].content[] of type text", new FieldRow("citations", Meaning.TextCitations, "[]"));

    public static FieldScope DocumentBlock { get; } = new(
        "messages[].content[] of type document",
        new FieldRow("citations", Meaning.DocumentCitations, """{"enabled":false}""", "{}"));

    public static FieldScope ThinkingBlock { get; } = new(
        "messages[].content[] of type thinking",
        new FieldRow("signature", Meaning.SignedThinking, "\"\""));

    public static FieldScope Source { get; } = new(
        "messages[].content[].source",
        new("type", Meaning.Kind),
        new("media_type", Meaning.MediaType),
        new("data", Meaning.Data),
        new("url", Meaning.Url),
        new("content", Meaning.Content),
        new("file_id", Meaning.ByKind));

    public static KindScope SourceKind { get; } = new(
        "messages[].content[].source.type",
        Meaning.FileId,
        new("base64", Meaning.Data),
        new("text", Meaning.Text),
        new("content", Meaning.Content),
        new("url", Meaning.Url),
        new("file", Meaning.FileId));

    /// <summary>A <c>url</c> source, by what it is the source of.</summary>
    public static FieldScope DocumentSource { get; } = new(
        "messages[].content[].source of a document", new FieldRow("url", Meaning.DocumentUrl));

    public static IReadOnlyList<FieldScope> Scopes { get; } =
    [
        Request, Metadata, OutputConfig, Format, ToolChoice, Tool, Message, Block, TextBlock, DocumentBlock,
        ThinkingBlock, Source, DocumentSource,
    ];

    public static IReadOnlyList<KindScope> Kinds { get; } = [ToolKind, BlockKind, SourceKind];
}
