namespace Forebay.Core.Usage;

/// <summary>
/// Tokens of one request, in four disjoint counts: the whole prompt is <c>Input + CacheRead + CacheWrite</c>.
/// </summary>
/// <param name="Input">Prompt tokens neither read from nor written to a cache.</param>
/// <param name="CacheRead">Prompt tokens read from a cache.</param>
/// <param name="CacheWrite">Prompt tokens written to a cache.</param>
/// <param name="Output">Tokens produced, reasoning included.</param>
public readonly record struct TokenUsage(long Input, long CacheRead, long CacheWrite, long Output)
{
    /// <summary>The whole prompt.</summary>
    public long Prompt => Input + CacheRead + CacheWrite;

    public static TokenUsage operator +(TokenUsage a, TokenUsage b) => Add(a, b);

    public static TokenUsage Add(TokenUsage a, TokenUsage b) =>
        new(a.Input + b.Input, a.CacheRead + b.CacheRead, a.CacheWrite + b.CacheWrite, a.Output + b.Output);
}
