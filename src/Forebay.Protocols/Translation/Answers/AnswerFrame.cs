namespace Forebay.Protocols;

/// <summary>What a translated answer says that the upstream's does not.</summary>
/// <param name="Id">The answer's id without its prefix: letters and digits.</param>
/// <param name="ModelJson">The model's name as the client wrote it, a quoted JSON string.</param>
/// <param name="CreatedUnixSeconds">When the request came.</param>
/// <param name="EstimatedInputTokens">Prompt tokens, estimated: for a stream that must begin with a count and an
/// upstream that ends with it.</param>
/// <param name="IncludeUsage">OpenAI: whether the client asked for usage in its stream.</param>
public sealed record AnswerFrame(
    string Id,
    ReadOnlyMemory<byte> ModelJson,
    long CreatedUnixSeconds,
    long EstimatedInputTokens,
    bool IncludeUsage)
{
    /// <summary>The client's request, where its dialect has the answer say it again.</summary>
    public ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>Tools whose namespace became part of their name.</summary>
    public IReadOnlyList<NamespacedTool> NamespacedTools { get; init; } = [];
}
