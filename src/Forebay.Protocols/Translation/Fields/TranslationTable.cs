namespace Forebay.Protocols.Translation;

/// <summary>What a target dialect does with a meaning.</summary>
/// <param name="Fate">Whether it can be said.</param>
/// <param name="Name">The meaning's name in <c>x-forebay-dropped</c>.</param>
/// <param name="Note">For what is refused: why, and what to do. For the rest: how it is carried, if that needs
/// saying.</param>
internal readonly record struct MeaningRow(FieldFate Fate, string Name, string Note);

/// <summary>
/// The one table of what survives translation: per target dialect and meaning, carried, advisory or refused. A dialect
/// comes in with a column here and a list of its fields.
/// </summary>
internal static class TranslationTable
{
    private const string OwnAccount = "belongs to one account and place, which an answer in another dialect does not " +
        "come from; send the content itself";

    internal const string UnknownFormat = "a format of this type is not known here; send one of type json_schema";

    private const string NoState = "names a conversation that is kept where it began, and nothing is kept here; send " +
        "the whole input, with store set to false";

    internal static readonly (Meaning Meaning, MeaningRow Row)[] OutsideOfResponses =
    [
        Advisory(Meaning.EncryptedReasoning, "reasoning"),
        Advisory(Meaning.ReasoningMode, "reasoning.mode"),
        Advisory(Meaning.ToolOutputSchema, "output_schema"),
        Advisory(Meaning.Phase, "phase"),
        Advisory(Meaning.Truncation, "truncation"),
        Advisory(Meaning.MaxToolCalls, "max_tool_calls"),
        Advisory(Meaning.Store, "store"),
        Advisory(Meaning.Tags, "metadata"),
        Advisory(Meaning.ContextManagement, "context_management"),
        Advisory(Meaning.DeferLoading, "defer_loading"),
        Advisory(Meaning.Caller, "caller"),
        Advisory(Meaning.Annotations, "annotations"),
        Advisory(Meaning.ImageDetail, "detail"),
        Advisory(Meaning.Obfuscation, "include_obfuscation"),
        Advisory(Meaning.CacheControl, "cache_control"),
        Advisory(Meaning.FormatDescription, "json_schema.description"),
        Note(Meaning.NamespaceTools, "each tool under the name `namespace__tool`, and back in calls"),
        Note(Meaning.Include, "what is not there is not told; log probabilities are refused"),
        Refused(Meaning.PreviousResponse, NoState),
        Refused(Meaning.Conversation, NoState),
        Refused(Meaning.StoredItem, NoState),
        Refused(Meaning.PromptTemplate, OwnAccount),
        Refused(Meaning.Background, "answers are not computed in the background here; leave it out and stream"),
        Refused(Meaning.AllowedTools, "a choice among some of the tools cannot be asked for; offer only those tools"),
        Refused(Meaning.CustomTools, "tools with free-form input cannot be offered there; use a function"),
        Refused(Meaning.Moderation, "moderation runs at OpenAI only; leave it out"),
    ];

    private static readonly MeaningRow[] TowardAnthropic = Build(
    [
        .. OutsideOfResponses,
        Refused(Meaning.OtherFormat, UnknownFormat),
        Advisory(Meaning.ReasoningEffort, "reasoning_effort"),
        Advisory(Meaning.Seed, "seed"),
        Advisory(Meaning.Effort, "reasoning_effort"),
        Advisory(Meaning.Verbosity, "verbosity"),
        Advisory(Meaning.Prediction, "prediction"),
        Advisory(Meaning.CacheKey, "prompt_cache_key"),
        Advisory(Meaning.ReasoningText, "reasoning_content"),
        Advisory(Meaning.SpeakerName, "name"),
        Note(Meaning.FormatName, "Anthropic's formats need no name"),
        Note(Meaning.MaxTokens, "the model's longest answer where none is given"),
        Note(Meaning.System, "before the first other message `system`, later a message of role `system`"),
        Note(Meaning.Temperature, "above 1 it is refused: Anthropic takes 0 to 1"),
        Note(Meaning.ServiceTier, "`auto` stays, `default` becomes `standard_only`, others are dropped and named",
            "service_tier"),
        Note(Meaning.InferenceGeo, "obeyed in choosing the place; a provider's account is told"),
        Note(Meaning.Input, "arguments must be a JSON object; none become `{}`"),
        Note(Meaning.ToolResult, "consecutive results and the user's words after them become one user message"),
        Note(Meaning.Id, "characters other than letters, digits, `_` and `-` become `_`"),
        Note(Meaning.Refusal, "as text"),
        Note(Meaning.Document, "PDF only; other files are refused"),
        Refused(Meaning.Choices, "asks for more than one answer, which Anthropic does not give; ask once per answer"),
        Refused(Meaning.Logprobs, "Anthropic tells no log probabilities; leave it out"),
        Refused(Meaning.LogitBias, "Anthropic takes no token biases; leave it out"),
        Refused(Meaning.Penalties, "Anthropic takes no penalties; leave it out or set it to 0"),
        Refused(Meaning.JsonMode, "Anthropic has no JSON mode without a schema; send a format of type json_schema"),
        Refused(Meaning.Audio, "Anthropic takes and gives no audio; send text"),
        Refused(Meaning.FileId, OwnAccount),
        Refused(Meaning.Functions, "the older functions are not translated; use tools, tool_choice and tool_calls"),
        Refused(Meaning.WebSearch, "the provider's own web search is not there; offer a tool of yours"),
        Refused(Meaning.ServerTools, "a tool of this type runs at OpenAI; offer a function of yours"),
        Refused(Meaning.ServerBlocks, "content of this type is not known here; send text, images or files"),
        Refused(Meaning.Prefill, "the last message is the assistant's, which Anthropic would continue rather than " +
            "answer; end with a user or tool message"),
    ]);

    private static readonly MeaningRow[] TowardOpenAi = Build(
    [
        .. OutsideOfResponses,
        Refused(Meaning.OtherFormat, UnknownFormat),
        Advisory(Meaning.TopK, "top_k"),
        Advisory(Meaning.Effort, "effort"),
        Advisory(Meaning.Thinking, "thinking"),
        Advisory(Meaning.SignedThinking, "thinking"),
        Advisory(Meaning.SealedThinking, "thinking"),
        Advisory(Meaning.TaskBudget, "task_budget"),
        Advisory(Meaning.Diagnostics, "diagnostics"),
        Advisory(Meaning.Speed, "speed"),
        Advisory(Meaning.UserProfile, "user_profile_id"),
        Advisory(Meaning.Fallbacks, "fallbacks"),
        Advisory(Meaning.TextCitations, "citations"),
        Advisory(Meaning.EagerStreaming, "eager_input_streaming"),
        Advisory(Meaning.InputExamples, "input_examples"),
        Note(Meaning.MaxTokens, "`max_completion_tokens`"),
        Note(Meaning.ThinkingText, "with an empty signature, which is how reasoning of an OpenAI-dialect engine is " +
            "told: `reasoning_content`"),
        Note(Meaning.System, "a message of role `system` where it stands"),
        Note(Meaning.ServiceTier, "`auto` stays, `standard_only` becomes `default`; others are dropped and named",
            "service_tier"),
        Note(Meaning.UserId, "`user`; one longer than 64 bytes, the most for `safety_identifier`, is dropped and named",
            "user_id"),
        Note(Meaning.OutputFormat, "`response_format`, strict, named `answer`"),
        Note(Meaning.ToolResult, "one `tool` message each, before what else the turn holds; images and documents " +
            "within follow in a user message"),
        Note(Meaning.IsError, "the result's text begins with `Error: `"),
        Note(Meaning.Title, "the file's name; of a plain text document its first line"),
        Note(Meaning.DocumentContext, "as text before a plain text document; with a PDF, as a text part"),
        Note(Meaning.Document, "PDF as a `file` part, plain text as a text part"),
        Note(Meaning.InferenceGeo, "obeyed in choosing the place, not sent on"),
        Refused(Meaning.Container, OwnAccount),
        Refused(Meaning.FileId, OwnAccount),
        Refused(Meaning.McpServers, "MCP servers are called by Anthropic only; call them from your side as tools"),
        Refused(Meaning.DocumentUrl, "the OpenAI dialect takes no document by its address; send it as base64"),
        Refused(Meaning.DocumentCitations, "the OpenAI dialect gives no citations; leave citations out"),
        Refused(Meaning.SearchResult, "the OpenAI dialect knows no search results; send their text"),
        Refused(Meaning.ServerTools, "a tool of this type is run or defined by its provider; offer a tool of yours " +
            "with a schema of its input"),
        Refused(Meaning.ServerBlocks, "content of this type comes from a provider's own tools; leave it out"),
        Refused(Meaning.Logprobs, "log probabilities are not translated; leave it out"),
        Refused(Meaning.Audio, "audio is not translated; send text"),
        Refused(Meaning.AllowedCallers, "tools are called by the model alone in the OpenAI dialect; leave it out"),
        Refused(Meaning.ImageTransformations, "the OpenAI dialect transforms no images; send the image as it is to " +
            "be seen"),
        Refused(Meaning.Prefill, "the last message is the assistant's, and the OpenAI dialect does not continue it; " +
            "end with a user message"),
    ]);

    private static readonly MeaningRow[] TowardResponses = Build(
    [
        Refused(Meaning.OtherFormat, UnknownFormat),
        Advisory(Meaning.TopK, "top_k"),
        Advisory(Meaning.Seed, "seed"),
        Advisory(Meaning.SealedThinking, "thinking"),
        Advisory(Meaning.CacheControl, "cache_control"),
        Advisory(Meaning.ContextManagement, "context_management"),
        Advisory(Meaning.TaskBudget, "task_budget"),
        Advisory(Meaning.Diagnostics, "diagnostics"),
        Advisory(Meaning.Speed, "speed"),
        Advisory(Meaning.UserProfile, "user_profile_id"),
        Advisory(Meaning.Fallbacks, "fallbacks"),
        Advisory(Meaning.TextCitations, "citations"),
        Advisory(Meaning.DeferLoading, "defer_loading"),
        Advisory(Meaning.EagerStreaming, "eager_input_streaming"),
        Advisory(Meaning.InputExamples, "input_examples"),
        Advisory(Meaning.Caller, "caller"),
        Advisory(Meaning.Prediction, "prediction"),
        Advisory(Meaning.Store, "store"),
        Advisory(Meaning.Tags, "metadata"),
        Advisory(Meaning.ReasoningText, "reasoning_content"),
        Advisory(Meaning.Annotations, "annotations"),
        Advisory(Meaning.ImageDetail, "detail"),
        Advisory(Meaning.SpeakerName, "name"),
        Advisory(Meaning.Obfuscation, "include_obfuscation"),
        Advisory(Meaning.FormatDescription, "json_schema.description"),
        Note(Meaning.MaxTokens, "`max_output_tokens`"),
        Note(Meaning.System, "a message of role `system` where it stands"),
        Note(Meaning.ServiceTier, "`auto` stays, `standard_only` becomes `default`; others are dropped and named",
            "service_tier"),
        Note(Meaning.UserId, "`safety_identifier`; one longer than 64 bytes is dropped and named", "user_id"),
        Note(Meaning.OutputFormat, "`text.format`, strict, named `answer` where it has no name"),
        Note(Meaning.Effort, "`reasoning.effort`"),
        Note(Meaning.Thinking, "asks for encrypted reasoning and its summary"),
        Note(Meaning.ThinkingText, "with the encrypted reasoning it is the summary of; without, dropped and named",
            "thinking"),
        Note(Meaning.SignedThinking, "what an upstream of the Responses dialect encrypted, byte for byte; " +
            "Anthropic's is dropped and named", "thinking"),
        Note(Meaning.ToolResult, "one `function_call_output` each, before what else the turn holds"),
        Note(Meaning.IsError, "the result's text begins with `Error: `"),
        Note(Meaning.Title, "the file's name; of a plain text document its first line"),
        Note(Meaning.DocumentContext, "as text before the document"),
        Note(Meaning.Document, "PDF as `input_file`, plain text as text"),
        Note(Meaning.InferenceGeo, "obeyed in choosing the place, not sent on"),
        Refused(Meaning.StopSequences, "the Responses dialect takes no stop sequences; leave them out"),
        Refused(Meaning.Container, OwnAccount),
        Refused(Meaning.FileId, OwnAccount),
        Refused(Meaning.McpServers, "MCP servers are called by Anthropic only; call them from your side as tools"),
        Refused(Meaning.DocumentUrl, "documents are not sent by their address; send it as base64"),
        Refused(Meaning.DocumentCitations, "the OpenAI dialects give no citations; leave citations out"),
        Refused(Meaning.SearchResult, "the OpenAI dialects know no search results; send their text"),
        Refused(Meaning.ServerTools, "a tool of this type is run or defined by its provider; offer a tool of yours " +
            "with a schema of its input"),
        Refused(Meaning.ServerBlocks, "content of this type comes from a provider's own tools; leave it out"),
        Refused(Meaning.AllowedCallers, "tools are called by the model alone here; leave it out"),
        Refused(Meaning.ImageTransformations, "no images are transformed; send the image as it is to be seen"),
        Refused(Meaning.Choices, "asks for more than one answer, which this dialect does not give; ask once per " +
            "answer"),
        Refused(Meaning.Logprobs, "log probabilities are not translated; leave it out"),
        Refused(Meaning.LogitBias, "the Responses dialect takes no token biases; leave it out"),
        Refused(Meaning.Penalties, "the Responses dialect takes no penalties; leave it out or set it to 0"),
        Refused(Meaning.Audio, "audio is not translated; send text"),
        Refused(Meaning.CustomTools, "tools with free-form input are not translated; use a function"),
        Refused(Meaning.AllowedTools, "a choice among some of the tools is not translated; offer only those tools"),
        Refused(Meaning.Functions, "the older functions are not translated; use tools, tool_choice and tool_calls"),
        Refused(Meaning.WebSearch, "the provider's own web search is not there; offer a tool of yours"),
        Refused(Meaning.Moderation, "moderation is not translated; leave it out"),
        Refused(Meaning.Prefill, "the last message is the assistant's, which this dialect does not continue; end " +
            "with a user message"),
    ]);

    /// <summary>What a target does with a meaning.</summary>
    public static ref readonly MeaningRow Toward(WireDialect target, Meaning meaning) =>
        ref (target switch
        {
            WireDialect.Anthropic => TowardAnthropic,
            WireDialect.Responses => TowardResponses,
            WireDialect.Converse => ConverseColumn.Rows,
            _ => TowardOpenAi,
        })[(int)meaning];

    internal static MeaningRow[] Build(IEnumerable<(Meaning Meaning, MeaningRow Row)> rows)
    {
        var table = new MeaningRow[(int)Meaning.Count];
        Array.Fill(table, new MeaningRow(FieldFate.Carried, "", ""));
        foreach ((Meaning meaning, MeaningRow row) in rows)
        {
            table[(int)meaning] = row;
        }

        return table;
    }

    internal static (Meaning Meaning, MeaningRow Row) Advisory(Meaning meaning, string name) =>
        (meaning, new MeaningRow(FieldFate.Advisory, name, ""));

    internal static (Meaning Meaning, MeaningRow Row) Refused(Meaning meaning, string note) =>
        (meaning, new MeaningRow(FieldFate.Refused, "", note));

    internal static (Meaning Meaning, MeaningRow Row) Note(Meaning meaning, string note, string name = "") =>
        (meaning, new MeaningRow(FieldFate.Carried, name, note));
}
