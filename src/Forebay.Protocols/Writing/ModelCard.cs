namespace Forebay.Protocols;

/// <summary>What clients are told of a model.</summary>
/// <param name="Id">The name to call it by.</param>
/// <param name="DisplayName">The name to show.</param>
/// <param name="Created">When it was released, or first offered here.</param>
/// <param name="OwnedBy">Who owns it.</param>
/// <param name="MaxInputTokens">The context window in tokens; null where not known.</param>
/// <param name="MaxOutputTokens">Most tokens of one answer; null where not known.</param>
/// <param name="Capabilities">What it supports, of images, documents, thinking and structured output.</param>
public readonly record struct ModelCard(
    string Id,
    string DisplayName,
    DateTimeOffset Created,
    string OwnedBy,
    long? MaxInputTokens,
    long? MaxOutputTokens,
    RequestFeatures Capabilities);
