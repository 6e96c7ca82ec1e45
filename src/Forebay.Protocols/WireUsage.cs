namespace Forebay.Protocols;

/// <summary>
/// Token counts as a response reported them, made disjoint: the whole prompt is Input + CacheRead + CacheWrite in both
/// dialects.
/// </summary>
/// <param name="Known">Whether the response reported any count at all.</param>
/// <param name="Input">Prompt tokens neither read from nor written to a cache.</param>
/// <param name="CacheRead">Prompt tokens read from a cache.</param>
/// <param name="CacheWrite">Prompt tokens written to a cache.</param>
/// <param name="Output">Tokens produced, reasoning included.</param>
public readonly record struct WireUsage(bool Known, long Input, long CacheRead, long CacheWrite, long Output);
