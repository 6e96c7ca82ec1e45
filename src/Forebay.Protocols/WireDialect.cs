namespace Forebay.Protocols;

/// <summary>Whose wire format a body or stream is in. The values equal those of Core's <c>Dialect</c>.</summary>
public enum WireDialect : byte
{
    /// <summary>Anthropic Messages: <c>/v1/messages</c>.</summary>
    Anthropic,

    /// <summary>OpenAI chat completions: <c>/v1/chat/completions</c>.</summary>
    OpenAi,

    /// <summary>OpenAI responses: <c>/v1/responses</c>.</summary>
    Responses,

    /// <summary>Bedrock Converse: no client's dialect, only an upstream's.</summary>
    Converse,
}
