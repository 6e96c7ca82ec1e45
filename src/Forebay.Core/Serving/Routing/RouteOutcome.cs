namespace Forebay.Core.Serving.Routing;

/// <summary>What came of a request that was answered in full.</summary>
/// <param name="SentNs">When it was sent, on the monotonic clock.</param>
/// <param name="FirstTokenNs">When its first token came; 0 where the answer came in one piece.</param>
/// <param name="EndNs">When it ended.</param>
/// <param name="PromptTokens">The whole prompt.</param>
/// <param name="CachedTokens">How much of it was read from the cache.</param>
/// <param name="OutputTokens">The answer.</param>
public readonly record struct RouteOutcome(
    long SentNs, long FirstTokenNs, long EndNs, long PromptTokens, long CachedTokens, long OutputTokens);
