namespace Forebay.Protocols;

/// <summary>What must change in a stream on its way to the client.</summary>
/// <param name="ModelJson">The quoted JSON string put in place of the upstream's model name; empty to leave it.</param>
/// <param name="RemoveUsage">Takes out what asking for usage on the client's behalf added to an OpenAI stream: the
/// chunk that holds only usage, and the <c>"usage":null</c> of every other.</param>
public readonly record struct StreamRewrite(ReadOnlyMemory<byte> ModelJson, bool RemoveUsage);
