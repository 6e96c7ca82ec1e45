namespace Forebay.Core.Batches;

/// <summary>A page of a list.</summary>
/// <param name="Items">In the order asked.</param>
/// <param name="HasMore">There are more in the direction of the page.</param>
public sealed record BatchPage<T>(IReadOnlyList<T> Items, bool HasMore);

/// <summary>What a tenant has stored.</summary>
public readonly record struct BatchStock(int Files, long Bytes);

/// <summary>Which part of a list is asked for.</summary>
/// <param name="Limit">Most to give.</param>
/// <param name="After">Id that the page follows, or null.</param>
/// <param name="Before">Id that the page precedes, or null.</param>
/// <param name="OldestFirst">The order; the newest come first otherwise.</param>
public readonly record struct BatchRange(int Limit, string? After = null, string? Before = null,
    bool OldestFirst = false);

/// <summary>Batches and files without their contents. What a call changed is on the disk when it returns.</summary>
public interface IBatchStore
{
    /// <summary>Stores a batch, new or changed.</summary>
    Task SaveAsync(Batch batch, CancellationToken cancel);

    Task<Batch?> FindAsync(string id, CancellationToken cancel);

    /// <summary>Those that match, null matching all; an unknown id in the range gives an empty page.</summary>
    Task<BatchPage<Batch>> ListAsync(
        string? tenant, BatchSurface? surface, BatchRange range, CancellationToken cancel);

    /// <summary>Those that are not over, the oldest first.</summary>
    Task<IReadOnlyList<Batch>> ListOpenAsync(CancellationToken cancel);

    /// <summary>Those whose results are to be removed by a time.</summary>
    Task<IReadOnlyList<Batch>> ListDueAsync(long nowUnixMs, CancellationToken cancel);

    Task RemoveAsync(string id, CancellationToken cancel);

    Task SaveFileAsync(StoredFile file, CancellationToken cancel);

    Task<StoredFile?> FindFileAsync(string id, CancellationToken cancel);

    Task<BatchPage<StoredFile>> ListFilesAsync(
        string tenant, string? purpose, BatchRange range, CancellationToken cancel);

    /// <summary>Files that are to be removed by a time.</summary>
    Task<IReadOnlyList<StoredFile>> ListDueFilesAsync(long nowUnixMs, CancellationToken cancel);

    Task RemoveFileAsync(string id, CancellationToken cancel);

    Task<BatchStock> StockAsync(string tenant, CancellationToken cancel);

    /// <summary>Ids of everything there is that has contents.</summary>
    Task<IReadOnlySet<string>> ListIdsAsync(CancellationToken cancel);
}

/// <summary>Says which requests were answered and charged.</summary>
public interface ISettledRequests
{
    /// <summary>Of these requests, those that were recorded as completed.</summary>
    /// <param name="requests">Ids.</param>
    /// <param name="sinceUnixMs">None of them was accepted before.</param>
    /// <param name="cancel">Gives up.</param>
    Task<IReadOnlySet<UInt128>> CompletedAsync(
        IReadOnlySet<UInt128> requests, long sinceUnixMs, CancellationToken cancel);
}
