namespace Forebay.Core.Serving.Health;

/// <summary>What an engine says of itself, over all its replicas.</summary>
/// <param name="AtNs">When it was read, on the monotonic clock.</param>
/// <param name="Running">Requests in its batches.</param>
/// <param name="Waiting">Requests in its own queues.</param>
/// <param name="KvUsageShare">Share of KV memory in use, 0 to 1; null when it does not say.</param>
/// <param name="PrefixHitShare">Share of looked-up prompt tokens found in its prefix cache, 0 to 1: since the report
/// before where the engine counts, else its own figure; null when unknown.</param>
/// <param name="PromptTokensPerSecond">Prompt tokens taken in since the report before; null for the first.</param>
/// <param name="GenerationTokensPerSecond">Tokens produced since the report before, or the engine's own figure; null
/// when unknown.</param>
public sealed record EngineReport(
    long AtNs,
    double Running,
    double Waiting,
    double? KvUsageShare,
    double? PrefixHitShare,
    double? PromptTokensPerSecond,
    double? GenerationTokensPerSecond)
{
    /// <summary>Tokens that its KV memory holds, over all replicas; null when it does not say.</summary>
    public double? KvCapacityTokens { get; init; }
}
