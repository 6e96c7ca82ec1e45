using System.Security.Cryptography;
using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>Files.</summary>
public sealed partial class BatchDesk
{
    private const long DayMs = 24 * 60 * 60 * 1000L;

    public async Task<IFileDraft> DraftFileAsync(BatchCaller caller, CancellationToken cancel)
    {
        await _quotas.CheckFilesAsync(caller.Tenant, cancel).ConfigureAwait(false);
        long left = await _quotas.CheckBytesAsync(caller.Tenant, 0, cancel).ConfigureAwait(false);
        long now = _parts.NowMs;
        string id = "file-" + RandomNumberGenerator.GetString(Base62, 22);
        var file = new StoredFile(id, caller.Tenant, caller.Key, StoredFile.BatchPurpose, "", 0, now, 0);
        return new FileDraft(
            file, Create(BatchDeskParts.ContentOf(file), "The file"), left, CommitFileAsync,
            seconds => now + (seconds * 1000 ?? (long)(_parts.Config.FileDays * DayMs)),
            _quotas.MostBytes(caller.Tenant));
    }

    public async Task<StoredFile> FindFileAsync(BatchCaller caller, string id, CancellationToken cancel) =>
        await _parts.Store.FindFileAsync(id, cancel).ConfigureAwait(false) is { } file
            && file.Tenant == caller.Tenant && file.ExpiresUnixMs > _parts.NowMs
            ? file
            : throw BatchRefusals.NoSuchFile(id);

    public Task<BatchPage<StoredFile>> ListFilesAsync(
        BatchCaller caller, string? purpose, BatchRange range, CancellationToken cancel) =>
        _parts.Store.ListFilesAsync(caller.Tenant, purpose, range, cancel);

    public async Task DeleteFileAsync(BatchCaller caller, string id, CancellationToken cancel)
    {
        StoredFile file = await FindFileAsync(caller, id, cancel).ConfigureAwait(false);
        await AuditAsync(caller.Actor, "file.delete", file.Id, file.Tenant, () => _runner.RemoveAsync(file))
            .ConfigureAwait(false);
    }

    public async Task<(StoredFile File, IContentReader Content)> OpenFileAsync(
        BatchCaller caller, string id, CancellationToken cancel)
    {
        StoredFile file = await FindFileAsync(caller, id, cancel).ConfigureAwait(false);
        return (file, OpenContent(BatchDeskParts.ContentOf(file), () => BatchRefusals.NoSuchFile(id)));
    }

    private async Task<StoredFile> CommitFileAsync(
        StoredFile file, IContentWriter writer, CancellationToken cancel)
    {
        await _committing.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            await _quotas.CheckFilesAsync(file.Tenant, cancel).ConfigureAwait(false);
            await _quotas.CheckBytesAsync(file.Tenant, file.Bytes, cancel).ConfigureAwait(false);
            await KeepAsync(
                "The file", writer, BatchDeskParts.ContentOf(file),
                () => _parts.Store.SaveFileAsync(file, CancellationToken.None)).ConfigureAwait(false);
            return file;
        }
        finally
        {
            _committing.Release();
        }
    }
}
