namespace Forebay.Core.Batches;

/// <summary>Who asks for a batch or a file, by what way.</summary>
/// <param name="Tenant">The tenant.</param>
/// <param name="Key">Id of the key that was shown.</param>
public readonly record struct BatchCaller(string Tenant, string Key)
{
    /// <summary>As the audit log names it.</summary>
    public string Actor => $"{Key} (tenant {Tenant})";
}

/// <summary>A batch that is asked for.</summary>
public sealed record BatchAsk(BatchCaller Caller, BatchSurface Surface, string Endpoint)
{
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The file that its items are read from; null where they are added one by one.</summary>
    public string? InputFile { get; init; }

    /// <summary>How long the files it makes are kept; null for the usual time.</summary>
    public long? OutputSeconds { get; init; }
}

/// <summary>A batch in the making. Disposing it before it is committed leaves nothing.</summary>
public interface IBatchDraft : IDisposable
{
    /// <summary>Adds an item. Blocks on the disk.</summary>
    /// <exception cref="BatchRefusedException">There is no room for it.</exception>
    void Add(in BatchItem item);

    /// <summary>Makes the batch: it will be run from here on, whatever happens.</summary>
    /// <exception cref="BatchRefusedException">Its tenant may not have it, or it cannot be stored.</exception>
    Task<Batch> CommitAsync(CancellationToken cancel);
}

/// <summary>A file in the making. Disposing it before it is committed leaves nothing.</summary>
public interface IFileDraft : IDisposable
{
    /// <summary>Adds bytes. Blocks on the disk.</summary>
    /// <exception cref="BatchRefusedException">There is no room for them.</exception>
    void Append(ReadOnlySpan<byte> bytes);

    /// <summary>Makes the file.</summary>
    /// <param name="name">What its owner calls it.</param>
    /// <param name="keepSeconds">How long it is kept; null for the usual time.</param>
    /// <param name="cancel">Gives up; nothing is left.</param>
    Task<StoredFile> CommitAsync(string name, long? keepSeconds, CancellationToken cancel);
}

/// <summary>
/// Batches and files as tenants use them. What is another tenant's is as unknown as what never was. Refusals are
/// <see cref="BatchRefusedException"/>.
/// </summary>
public interface IBatchDesk
{
    /// <summary>Begins a batch whose items are added one by one.</summary>
    Task<IBatchDraft> DraftAsync(BatchAsk ask, CancellationToken cancel);

    /// <summary>Makes a batch from a file; its lines are read later.</summary>
    Task<Batch> CreateAsync(BatchAsk ask, CancellationToken cancel);

    /// <summary>A batch with its counts as they are now.</summary>
    Task<Batch> FindAsync(BatchCaller caller, BatchSurface surface, string id, CancellationToken cancel);

    Task<BatchPage<Batch>> ListAsync(
        BatchCaller caller, BatchSurface surface, BatchRange range, CancellationToken cancel);

    Task<Batch> CancelAsync(BatchCaller caller, BatchSurface surface, string id, CancellationToken cancel);

    /// <summary>Removes a batch that has ended, with its results.</summary>
    Task DeleteAsync(BatchCaller caller, BatchSurface surface, string id, CancellationToken cancel);

    /// <summary>The lines of the results: frames of the kind <see cref="FrameKind.Settled"/>.</summary>
    Task<IContentReader> OpenResultsAsync(BatchCaller caller, string id, CancellationToken cancel);

    /// <summary>Begins a file.</summary>
    Task<IFileDraft> DraftFileAsync(BatchCaller caller, CancellationToken cancel);

    Task<StoredFile> FindFileAsync(BatchCaller caller, string id, CancellationToken cancel);

    Task<BatchPage<StoredFile>> ListFilesAsync(
        BatchCaller caller, string? purpose, BatchRange range, CancellationToken cancel);

    Task DeleteFileAsync(BatchCaller caller, string id, CancellationToken cancel);

    /// <summary>The contents of a file, in pieces.</summary>
    Task<(StoredFile File, IContentReader Content)> OpenFileAsync(
        BatchCaller caller, string id, CancellationToken cancel);
}
