using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Forebay.Control.Audit;
using Forebay.Control.Errors;
using Forebay.Core.Batches;
using Forebay.Core.Errors;

namespace Forebay.Control.Batches;

/// <summary>
/// Batches and files as tenants use them, and those that are not over. What a caller is told was done is on the disk.
/// </summary>
public sealed partial class BatchDesk : IBatchDesk, IAsyncDisposable
{
    private const string Base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private readonly ConcurrentDictionary<string, ActiveBatch> _active = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _committing = new(1);
    private readonly BatchDeskParts _parts;
    private readonly BatchQuotas _quotas;
    private readonly BatchRunner _runner;

    private BatchDesk(BatchDeskParts parts)
    {
        _parts = parts;
        _quotas = new BatchQuotas(parts, QueuedOf);
        _runner = new BatchRunner(parts, _active, _quotas);
    }

    /// <summary>Takes up what a process before this one left.</summary>
    public static async Task<BatchDesk> LoadAsync(BatchDeskParts parts, CancellationToken cancel)
    {
        var desk = new BatchDesk(parts);
        try
        {
            await desk._runner.TakeUpAsync(cancel).ConfigureAwait(false);
            return desk;
        }
        catch
        {
            await desk.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Begins to run items.</summary>
    public void Start(IBatchWire wire) => _runner.Start(wire);

    /// <summary>What items came to since the start.</summary>
    public IReadOnlyList<long> Outcomes => _runner.Outcomes;

    /// <summary>Items that run now.</summary>
    public int Running => _runner.Running;

    /// <summary>Batches that are not over, as they are now, the oldest first.</summary>
    public IReadOnlyList<Batch> Open => [.. _active.Values.Select(a => a.Live()).OrderBy(b => b.CreatedUnixMs)];

    /// <summary>Items of a tenant's that have not been answered.</summary>
    public int QueuedOf(string tenant) =>
        _active.Values.Where(a => a.Batch.Tenant == tenant).Sum(a => a.Queued);

    public async Task<IBatchDraft> DraftAsync(BatchAsk ask, CancellationToken cancel)
    {
        Batch batch = NewBatch(ask);
        long left = await _quotas.CheckBytesAsync(batch.Tenant, 0, cancel).ConfigureAwait(false);
        _quotas.CheckItems(batch.Tenant, 1);
        return new BatchDraft(
            batch, Create(BatchDeskParts.ItemsOf(batch), "The batch"), left, CommitAsync,
            more => _quotas.CheckItems(batch.Tenant, more), _quotas.MostBytes(batch.Tenant));
    }

    public async Task<Batch> CreateAsync(BatchAsk ask, CancellationToken cancel)
    {
        StoredFile input = await FindFileAsync(ask.Caller, ask.InputFile!, cancel).ConfigureAwait(false);
        if (input.Purpose != StoredFile.BatchPurpose)
        {
            throw new BatchRefusedException(
                Reason.BadRequest,
                $"File {input.Id} has the purpose '{input.Purpose}'; the input of a batch must be a file with the "
                + "purpose 'batch'.", "input_file_id");
        }

        await _quotas.CheckBytesAsync(ask.Caller.Tenant, 0, cancel).ConfigureAwait(false);
        _quotas.CheckItems(ask.Caller.Tenant, 1);
        Batch batch = NewBatch(ask) with { Phase = BatchPhase.Validating, InputFile = input.Id };
        await _parts.Store.SaveAsync(batch, cancel).ConfigureAwait(false);
        Begin(new ActiveBatch(batch));
        return batch;
    }

    public async Task<Batch> FindAsync(
        BatchCaller caller, BatchSurface surface, string id, CancellationToken cancel) =>
        _active.TryGetValue(id, out ActiveBatch? active) && IsOf(active.Batch, caller, surface)
            ? active.Live()
            : await _parts.Store.FindAsync(id, cancel).ConfigureAwait(false) is { } batch
                && IsOf(batch, caller, surface)
                ? batch
                : throw BatchRefusals.NoSuchBatch(id);

    public async Task<BatchPage<Batch>> ListAsync(
        BatchCaller caller, BatchSurface surface, BatchRange range, CancellationToken cancel)
    {
        BatchPage<Batch> page = await _parts.Store.ListAsync(caller.Tenant, surface, range, cancel)
            .ConfigureAwait(false);
        return page with { Items = [.. page.Items.Select(LiveOf)] };
    }

    public async Task<Batch> CancelAsync(
        BatchCaller caller, BatchSurface surface, string id, CancellationToken cancel)
    {
        await FindAsync(caller, surface, id, cancel).ConfigureAwait(false);
        return await CancelAsync(id, caller.Actor).ConfigureAwait(false);
    }

    public async Task DeleteAsync(BatchCaller caller, BatchSurface surface, string id, CancellationToken cancel)
    {
        Batch batch = await FindAsync(caller, surface, id, cancel).ConfigureAwait(false);
        if (!batch.IsOver)
        {
            throw new BatchRefusedException(
                Reason.Conflict, $"Batch {id} has not ended. Cancel it first, and delete it when it has ended.", "id");
        }

        await AuditAsync(caller.Actor, "batch.delete", batch.Id, batch.Tenant, () => _runner.RemoveAsync(batch))
            .ConfigureAwait(false);
    }

    public async Task<IContentReader> OpenResultsAsync(BatchCaller caller, string id, CancellationToken cancel)
    {
        Batch batch = await FindAsync(caller, BatchSurface.Messages, id, cancel).ConfigureAwait(false);
        if (batch.Phase != BatchPhase.Ended)
        {
            throw batch.Phase == BatchPhase.Failed
                ? BatchRefusals.Damaged(
                    id, new InvalidDataException(batch.Problems is [var first, ..] ? first.Message : null))
                : new BatchRefusedException(
                    Reason.NoSuchObject, $"Batch {id} has not ended; its results can be had when it has.", "id");
        }

        return OpenContent(BatchDeskParts.LogOf(batch), () => BatchRefusals.NoSuchBatch(id));
    }

    /// <summary>Asks for the end of a batch of any tenant's.</summary>
    /// <exception cref="BatchRefusedException">There is none.</exception>
    public async Task<Batch> CancelAsync(string id, string actor)
    {
        if (!_active.TryGetValue(id, out ActiveBatch? active))
        {
            return await _parts.Store.FindAsync(id, CancellationToken.None).ConfigureAwait(false)
                ?? throw BatchRefusals.NoSuchBatch(id);
        }

        if (active.Batch.Phase is BatchPhase.Validating or BatchPhase.Running)
        {
            await AuditAsync(
                actor, "batch.cancel", id, active.Batch.Tenant,
                () => _runner.ChangeAsync(active, b => BatchLifecycle.Cancel(b, _parts.NowMs))).ConfigureAwait(false);
            _runner.Nudge();
        }

        return active.Live();
    }

    /// <summary>A batch of any tenant's, or null.</summary>
    public async Task<Batch?> LookUpAsync(string id, CancellationToken cancel) =>
        await _parts.Store.FindAsync(id, cancel).ConfigureAwait(false) is { } batch ? LiveOf(batch) : null;

    /// <summary>Batches of all tenants, or of one.</summary>
    public async Task<BatchPage<Batch>> LookUpAsync(string? tenant, BatchRange range, CancellationToken cancel)
    {
        BatchPage<Batch> page = await _parts.Store.ListAsync(tenant, null, range, cancel).ConfigureAwait(false);
        return page with { Items = [.. page.Items.Select(LiveOf)] };
    }

    public async ValueTask DisposeAsync()
    {
        await _runner.DisposeAsync().ConfigureAwait(false);
        foreach (ActiveBatch active in _active.Values)
        {
            active.Dispose();
        }

        _committing.Dispose();
    }

    private static bool IsOf(Batch batch, BatchCaller caller, BatchSurface surface) =>
        batch.Tenant == caller.Tenant && batch.Surface == surface;

    private Batch LiveOf(Batch stored) => _active.TryGetValue(stored.Id, out ActiveBatch? active)
        ? active.Live()
        : stored;

    private Batch NewBatch(BatchAsk ask)
    {
        long now = _parts.NowMs;
        string id = ask.Surface == BatchSurface.Messages
            ? BatchDeskParts.MessagesPrefix + "01" + RandomNumberGenerator.GetString(Base62, 22)
            : "batch_" + RandomNumberGenerator.GetHexString(32, lowercase: true);
        return new Batch
        {
            Id = id,
            Tenant = ask.Caller.Tenant,
            Key = ask.Caller.Key,
            Surface = ask.Surface,
            Endpoint = ask.Endpoint,
            Headers = ask.Headers,
            Metadata = ask.Metadata,
            OutputSeconds = ask.OutputSeconds,
            Phase = BatchPhase.Running,
            RunningUnixMs = now,
            CreatedUnixMs = now,
            ExpiresUnixMs = now + BatchLifecycle.WindowMs,
        };
    }

    /// <summary>Contents first, then the row: what is told of in the database is there.</summary>
    private async Task<Batch> CommitAsync(Batch batch, IContentWriter writer, CancellationToken cancel)
    {
        await _committing.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            _quotas.CheckItems(batch.Tenant, batch.Total);
            await _quotas.CheckBytesAsync(batch.Tenant, batch.Bytes, cancel).ConfigureAwait(false);
            await KeepAsync(
                "The batch", writer, BatchDeskParts.ItemsOf(batch),
                () => _parts.Store.SaveAsync(batch, CancellationToken.None)).ConfigureAwait(false);
            writer.Dispose();
            Begin(new ActiveBatch(batch));
            return batch;
        }
        finally
        {
            _committing.Release();
        }
    }

    private void Begin(ActiveBatch active)
    {
        _active[active.Batch.Id] = active;
        _runner.Nudge();
    }

    private async Task KeepAsync(string what, IContentWriter writer, ContentName name, Func<Task> save)
    {
        try
        {
            await Task.Run(writer.Commit).ConfigureAwait(false);
            await save().ConfigureAwait(false);
        }
        catch (Exception e) when (BatchRunner.IsStorage(e))
        {
            try
            {
                _parts.Contents.Delete(name);
            }
            catch (IOException)
            {
                // The next start removes what no row tells of.
            }

            throw BatchRefusals.Disk(what, e);
        }
    }

    private IContentWriter Create(ContentName name, string what)
    {
        try
        {
            return _parts.Contents.Create(name);
        }
        catch (IOException e)
        {
            throw BatchRefusals.Disk(what, e);
        }
    }

    private IContentReader OpenContent(ContentName name, Func<BatchRefusedException> missing)
    {
        try
        {
            return _parts.Contents.Open(name) ?? throw missing();
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw BatchRefusals.Damaged(name.Id, e);
        }
    }

    private async Task AuditAsync(string actor, string action, string subject, string tenant, Func<Task> apply)
    {
        string detail = $$"""{"tenant":"{{JsonEncodedText.Encode(tenant)}}"}""";
        try
        {
            await _parts.Change.RunAsync(new AuditNote(actor, action, subject, detail), apply).ConfigureAwait(false);
        }
        catch (RefusedException e)
        {
            throw BatchRefusals.Unrecorded(e);
        }
    }
}
