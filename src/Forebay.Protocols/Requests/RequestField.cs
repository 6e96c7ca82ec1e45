namespace Forebay.Protocols;

/// <summary>The top-level fields of a request that the reader looks into.</summary>
internal enum RequestField : byte
{
    Other,
    Model,
    Messages,
    Stream,
    MaxTokens,
    MaxCompletionTokens,
    StreamOptions,
    Tools,
    Functions,
    System,
    Metadata,
    Thinking,
    OutputConfig,
    OutputFormat,
    Container,
    CacheControl,
    ServiceTier,
    InferenceGeo,
    ReasoningEffort,
    Modalities,
    User,
    SafetyIdentifier,
    Input,
    Instructions,
    MaxOutputTokens,
    Reasoning,
    Text,
    PreviousResponse,
    Conversation,
    Prompt,
    Background,
}

internal static class RequestFields
{
    /// <summary>Room for the longest name looked for, and one byte so that a longer one cannot match.</summary>
    public const int LongestName = 24;

    public static RequestField Named(WireDialect dialect, scoped ReadOnlySpan<byte> name) => name switch
    {
        _ when name.SequenceEqual("model"u8) => RequestField.Model,
        _ when name.SequenceEqual("stream"u8) => RequestField.Stream,
        _ when name.SequenceEqual("tools"u8) => RequestField.Tools,
        _ when name.SequenceEqual("service_tier"u8) => RequestField.ServiceTier,
        _ when name.SequenceEqual("inference_geo"u8) => RequestField.InferenceGeo,
        _ when dialect == WireDialect.Responses => Responses(name),
        _ when name.SequenceEqual("messages"u8) => RequestField.Messages,
        _ when name.SequenceEqual("max_tokens"u8) => RequestField.MaxTokens,
        _ => dialect == WireDialect.Anthropic ? Anthropic(name) : OpenAi(name),
    };

    /// <summary>A field that means two things when it stands twice: upstreams differ in which one they take, and what
    /// we meter must be what they run.</summary>
    public static bool MustBeSingle(RequestField field) => field is RequestField.Model or RequestField.Messages
        or RequestField.Stream or RequestField.MaxTokens or RequestField.MaxCompletionTokens
        or RequestField.StreamOptions or RequestField.InferenceGeo or RequestField.Input
        or RequestField.MaxOutputTokens or RequestField.PreviousResponse or RequestField.Background;

    private static RequestField Anthropic(scoped ReadOnlySpan<byte> name) => name switch
    {
        _ when name.SequenceEqual("system"u8) => RequestField.System,
        _ when name.SequenceEqual("metadata"u8) => RequestField.Metadata,
        _ when name.SequenceEqual("thinking"u8) => RequestField.Thinking,
        _ when name.SequenceEqual("output_config"u8) => RequestField.OutputConfig,
        _ when name.SequenceEqual("output_format"u8) => RequestField.OutputFormat,
        _ when name.SequenceEqual("container"u8) => RequestField.Container,
        _ when name.SequenceEqual("cache_control"u8) => RequestField.CacheControl,
        _ => RequestField.Other,
    };

    private static RequestField OpenAi(scoped ReadOnlySpan<byte> name) => name switch
    {
        _ when name.SequenceEqual("stream_options"u8) => RequestField.StreamOptions,
        _ when name.SequenceEqual("max_completion_tokens"u8) => RequestField.MaxCompletionTokens,
        _ when name.SequenceEqual("functions"u8) => RequestField.Functions,
        _ when name.SequenceEqual("response_format"u8) => RequestField.OutputFormat,
        _ when name.SequenceEqual("reasoning_effort"u8) => RequestField.ReasoningEffort,
        _ when name.SequenceEqual("modalities"u8) => RequestField.Modalities,
        _ when name.SequenceEqual("user"u8) => RequestField.User,
        _ when name.SequenceEqual("safety_identifier"u8) => RequestField.SafetyIdentifier,
        _ => RequestField.Other,
    };

    private static RequestField Responses(scoped ReadOnlySpan<byte> name) => name switch
    {
        _ when name.SequenceEqual("input"u8) => RequestField.Input,
        _ when name.SequenceEqual("instructions"u8) => RequestField.Instructions,
        _ when name.SequenceEqual("max_output_tokens"u8) => RequestField.MaxOutputTokens,
        _ when name.SequenceEqual("reasoning"u8) => RequestField.Reasoning,
        _ when name.SequenceEqual("text"u8) => RequestField.Text,
        _ when name.SequenceEqual("previous_response_id"u8) => RequestField.PreviousResponse,
        _ when name.SequenceEqual("conversation"u8) => RequestField.Conversation,
        _ when name.SequenceEqual("prompt"u8) => RequestField.Prompt,
        _ when name.SequenceEqual("background"u8) => RequestField.Background,
        _ when name.SequenceEqual("user"u8) => RequestField.User,
        _ when name.SequenceEqual("safety_identifier"u8) => RequestField.SafetyIdentifier,
        _ => RequestField.Other,
    };
}
