using static Forebay.Protocols.Translation.TranslationTable;

namespace Forebay.Protocols.Translation;

/// <summary>What Bedrock's Converse does with each meaning.</summary>
internal static class ConverseColumn
{
    private const string OwnAccount = "belongs to one account and place, which an answer of Converse does not come " +
        "from; send the content itself";

    public static MeaningRow[] Rows { get; } = Build(
    [
        .. OutsideOfResponses,
        Refused(Meaning.OtherFormat, UnknownFormat),
        Advisory(Meaning.ReasoningEffort, "reasoning_effort"),
        Advisory(Meaning.TopK, "top_k"),
        Advisory(Meaning.Seed, "seed"),
        Advisory(Meaning.Effort, "effort"),
        Advisory(Meaning.Verbosity, "verbosity"),
        Advisory(Meaning.Thinking, "thinking"),
        Advisory(Meaning.SealedThinking, "redacted_thinking"),
        Advisory(Meaning.ReasoningText, "reasoning_content"),
        Advisory(Meaning.CacheControl, "cache_control"),
        Advisory(Meaning.CacheKey, "prompt_cache_key"),
        Advisory(Meaning.ContextManagement, "context_management"),
        Advisory(Meaning.TaskBudget, "task_budget"),
        Advisory(Meaning.Diagnostics, "diagnostics"),
        Advisory(Meaning.Speed, "speed"),
        Advisory(Meaning.UserProfile, "user_profile_id"),
        Advisory(Meaning.UserId, "user_id"),
        Advisory(Meaning.SafetyIdentifier, "safety_identifier"),
        Advisory(Meaning.Fallbacks, "fallbacks"),
        Advisory(Meaning.TextCitations, "citations"),
        Advisory(Meaning.Annotations, "annotations"),
        Advisory(Meaning.DeferLoading, "defer_loading"),
        Advisory(Meaning.EagerStreaming, "eager_input_streaming"),
        Advisory(Meaning.InputExamples, "input_examples"),
        Advisory(Meaning.Caller, "caller"),
        Advisory(Meaning.ImageDetail, "detail"),
        Advisory(Meaning.SpeakerName, "name"),
        Advisory(Meaning.Obfuscation, "include_obfuscation"),
        Advisory(Meaning.Prediction, "prediction"),
        Advisory(Meaning.Store, "store"),
        Advisory(Meaning.Tags, "metadata"),
        Advisory(Meaning.FormatDescription, "json_schema.description"),
        Note(Meaning.Model, "in the path"),
        Note(Meaning.Stream, "in the path"),
        Note(Meaning.MaxTokens, "`inferenceConfig.maxTokens`; the model's longest answer where none is given"),
        Note(Meaning.Temperature, "above 1 it is refused: Converse takes 0 to 1"),
        Note(Meaning.System, "before the first other message `system`; later, in place, as words of the user within " +
            "`<system>`: Converse has no other place for them"),
        Note(Meaning.Messages, "consecutive messages of one role become one; blank texts are left out"),
        Note(Meaning.ServiceTier, "the standard tier, whichever is asked for", "service_tier"),
        Note(Meaning.ToolChoice, "`none` leaves the tools out; it is refused where messages hold calls or results"),
        Note(Meaning.ParallelTools, "asking for one call at a time is refused: Converse cannot be asked for it"),
        Note(Meaning.OutputFormat, "`outputConfig.textFormat`, named `answer`"),
        Note(Meaning.SignedThinking, "`reasoningContent`; one without a signature is left out"),
        Note(Meaning.Image, "by its bytes only: PNG, JPEG, GIF, WebP; an address is refused"),
        Note(Meaning.Document, "PDF as a `document`, plain text as text"),
        Note(Meaning.Title, "the document's name, made unique; characters that Converse does not take become `-`"),
        Note(Meaning.Id, "characters other than letters, digits, `_` and `-` become `_`"),
        Note(Meaning.Input, "arguments must be a JSON object; none become `{}`"),
        Note(Meaning.Refusal, "as text"),
        Note(Meaning.IsError, "`status: error`"),
        Note(Meaning.InferenceGeo, "obeyed in choosing the place, not sent on"),
        Refused(Meaning.Container, OwnAccount),
        Refused(Meaning.FileId, OwnAccount),
        Refused(Meaning.McpServers, "Converse calls no MCP servers; call them from your side as tools"),
        Refused(Meaning.DocumentUrl, "Converse takes no document by its address; send it as base64"),
        Refused(Meaning.DocumentCitations, "citations are not asked of Converse; leave citations out"),
        Refused(Meaning.SearchResult, "search results are not sent to Converse; send their text"),
        Refused(Meaning.ServerTools, "a tool of this type is run or defined by its vendor; offer a tool of yours " +
            "with a schema"),
        Refused(Meaning.ServerBlocks, "content of this type comes from a vendor's own tools; leave it out"),
        Refused(Meaning.AllowedCallers, "tools are called by the model alone in Converse; leave it out"),
        Refused(Meaning.ImageTransformations, "Converse transforms no images; send the image as it is to be seen"),
        Refused(Meaning.Choices, "asks for more than one answer, which Converse does not give; ask once per answer"),
        Refused(Meaning.Logprobs, "Converse tells no log probabilities; leave it out"),
        Refused(Meaning.LogitBias, "Converse takes no token biases; leave it out"),
        Refused(Meaning.Penalties, "Converse takes no penalties; leave it out or set it to 0"),
        Refused(Meaning.JsonMode, "Converse has no JSON mode without a schema; send a format of type json_schema"),
        Refused(Meaning.Audio, "audio is not sent to Converse; send text"),
        Refused(Meaning.CustomTools, "tools with free-form input cannot be offered to Converse; use a function"),
        Refused(Meaning.AllowedTools, "a choice among some of the tools cannot be asked of Converse; offer only " +
            "those tools"),
        Refused(Meaning.Functions, "the older functions are not translated; use tools, tool_choice and tool_calls"),
        Refused(Meaning.WebSearch, "the provider's own web search is not there; offer a tool of yours"),
        Refused(Meaning.Moderation, "moderation runs at OpenAI only; leave it out"),
        Refused(Meaning.Prefill, "the last message is the assistant's, which Converse would continue rather than " +
            "answer; end with a user message"),
    ]);
}
