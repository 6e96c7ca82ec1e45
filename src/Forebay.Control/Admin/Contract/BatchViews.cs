namespace Forebay.Control.Admin.Contract;

/// <summary>Batches, the newest first.</summary>
public sealed record BatchListView(IReadOnlyList<BatchView> Batches, bool HasMore);

/// <summary>A batch without anything of its contents. Counts are those of now.</summary>
public sealed record BatchView(
    string Id,
    string Tenant,
    string Key,
    string Surface,
    string Endpoint,
    string? Model,
    string Phase,
    string? End,
    DateTimeOffset Created,
    DateTimeOffset Expires,
    DateTimeOffset? CancelAsked,
    DateTimeOffset? Ended,
    DateTimeOffset? Purge,
    int Items,
    int Succeeded,
    int Errored,
    int Cancelled,
    int Expired,
    long InputTokens,
    long CachedTokens,
    long OutputTokens,
    long Bytes,
    IReadOnlyList<BatchProblemView>? Problems);

/// <summary>What is wrong with the input of a batch.</summary>
public sealed record BatchProblemView(string Code, string Message, string? Param, int? Line);
