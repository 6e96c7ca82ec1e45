using System.Buffers;

namespace Forebay.Protocols.Translation;

/// <summary>What Anthropic allows in words of its dialect.</summary>
internal static class AnthropicWords
{
    /// <summary>What ids of tool calls may hold.</summary>
    public static SearchValues<byte> IdBytes { get; } = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"u8);
}
