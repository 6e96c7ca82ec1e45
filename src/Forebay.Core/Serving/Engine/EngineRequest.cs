namespace Forebay.Core.Serving.Engine;

/// <summary>A request as the engine model sees it.</summary>
/// <param name="Id">The caller's number for it; unique among the engine's live requests.</param>
/// <param name="PromptTokens">Length of the prompt, at least 1.</param>
/// <param name="OutputTokens">Tokens it will produce, at least 1: where the answer or the caller's limit ends it.
/// </param>
/// <param name="PrefixHashes">Chained hashes of the prompt's full blocks, in order, at most
/// <c>PromptTokens / 16</c>; empty to take no part in the prefix cache. The engine keeps the array: do not change it.
/// </param>
public readonly record struct EngineRequest(long Id, int PromptTokens, int OutputTokens, ulong[] PrefixHashes);

/// <summary>What happened to a request.</summary>
public enum EngineEventKind : byte
{
    /// <summary>Its first token is there; the event carries the tokens found in the prefix cache.</summary>
    FirstToken,

    /// <summary>All its tokens are there; the engine has forgotten it.</summary>
    Finished,

    /// <summary>It lost its KV blocks to older requests and waits to be computed again; its tokens stand.</summary>
    Preempted,
}

/// <summary>An event of the engine model.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Id">The request.</param>
/// <param name="AtNs">When, on the monotonic clock.</param>
/// <param name="Tokens">Tokens produced so far.</param>
/// <param name="CachedTokens">Prompt tokens found in the prefix cache when it was first admitted.</param>
/// <param name="QueuedNs">Time it waited before it was first admitted.</param>
public readonly record struct EngineEvent(
    EngineEventKind Kind, long Id, long AtNs, int Tokens, int CachedTokens, long QueuedNs);

/// <summary>What a replica has done and holds.</summary>
/// <param name="Running">Requests in the batch.</param>
/// <param name="Waiting">Requests not yet admitted, or preempted.</param>
/// <param name="UsedBlocks">KV blocks that requests hold.</param>
/// <param name="CachedBlocks">Free KV blocks whose content can still be reused.</param>
/// <param name="TotalBlocks">All KV blocks.</param>
/// <param name="Submitted">Requests taken in since the start.</param>
/// <param name="Finished">Requests finished since the start.</param>
/// <param name="Cancelled">Requests cancelled since the start.</param>
/// <param name="Preemptions">Times a request lost its blocks.</param>
/// <param name="PromptTokens">Prompt tokens of admitted requests, each counted once.</param>
/// <param name="GeneratedTokens">Tokens produced.</param>
/// <param name="PrefixQueriedTokens">Prompt tokens looked up in the prefix cache.</param>
/// <param name="PrefixHitTokens">Prompt tokens found there.</param>
public readonly record struct EngineCounters(
    int Running,
    int Waiting,
    int UsedBlocks,
    int CachedBlocks,
    int TotalBlocks,
    long Submitted,
    long Finished,
    long Cancelled,
    long Preemptions,
    long PromptTokens,
    long GeneratedTokens,
    long PrefixQueriedTokens,
    long PrefixHitTokens);
