using System.Collections.Concurrent;
using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>
/// Brings batches from phase to phase and runs their items: one loop that decides, and a task per item that runs. An
/// item is recorded as started before it is run, and its result is on the disk before it counts as settled.
/// </summary>
internal sealed partial class BatchRunner : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan DiskPause = TimeSpan.FromSeconds(1);

    private readonly BatchDeskParts _parts;
    private readonly ConcurrentDictionary<string, ActiveBatch> _active;
    private readonly BatchQuotas _quotas;
    private readonly BatchEnds _ends;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, byte> _tasks = new();
    private readonly long[] _outcomes = new long[Enum.GetValues<ItemOutcome>().Length];
    private readonly ConcurrentDictionary<string, int> _runningByModel = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _runningByTenant = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _lastStarts = new(StringComparer.Ordinal);
    private TaskCompletionSource _signal = Fresh();
    private IBatchWire _wire = null!;
    private Task _loop = Task.CompletedTask;
    private long _starts;
    private int _running;
    private long _purgedMs;

    public BatchRunner(
        BatchDeskParts parts, ConcurrentDictionary<string, ActiveBatch> active, BatchQuotas quotas)
    {
        _parts = parts;
        _active = active;
        _quotas = quotas;
        _ends = new BatchEnds(parts);
    }

    public int Running => Volatile.Read(ref _running);

    /// <summary>Items settled since the start, by <see cref="ItemOutcome"/>.</summary>
    public IReadOnlyList<long> Outcomes
    {
        get
        {
            var read = new long[_outcomes.Length];
            for (int i = 0; i < read.Length; i++)
            {
                read[i] = Volatile.Read(ref _outcomes[i]);
            }

            return read;
        }
    }

    /// <summary>What a database or a disk throws; each project has its own word for it.</summary>
    public static bool IsStorage(Exception e) =>
        e is IOException or InvalidDataException || e.GetType().Name == "StorageException";

    /// <summary>Takes up what a process before this one left, and removes what nothing tells of.</summary>
    public async Task TakeUpAsync(CancellationToken cancel)
    {
        IReadOnlySet<string> known = await _parts.Store.ListIdsAsync(cancel).ConfigureAwait(false);
        IReadOnlyList<Batch> open = await _parts.Store.ListOpenAsync(cancel).ConfigureAwait(false);
        var openIds = open.Select(b => b.Id).ToHashSet(StringComparer.Ordinal);
        int swept = _parts.Contents.Sweep((kind, id) => kind switch
        {
            // Of a batch that has ended only the log is needed, where its results stand in that.
            ContentKind.Items => openIds.Contains(id),
            ContentKind.Log => openIds.Contains(id) || (known.Contains(id) && BatchDeskParts.HasLogResults(id)),
            _ => known.Contains(id),
        });
        if (swept > 0)
        {
            _parts.Logger.Swept(swept);
        }

        foreach (Batch batch in open)
        {
            var active = new ActiveBatch(batch);
            _active[batch.Id] = active;
            if (batch.Phase != BatchPhase.Validating && batch.Total > 0)
            {
                await OpenAsync(active, cancel).ConfigureAwait(false);
            }
        }
    }

    public void Start(IBatchWire wire)
    {
        _wire = wire;
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>There may be something to do.</summary>
    public void Nudge() => Volatile.Read(ref _signal).TrySetResult();

    /// <summary>Changes and stores a batch; nothing where the change is none.</summary>
    public async Task ChangeAsync(ActiveBatch active, Func<Batch, Batch> change)
    {
        await active.Changing.WaitAsync().ConfigureAwait(false);
        try
        {
            Batch next = change(active.Batch);
            if (!ReferenceEquals(next, active.Batch))
            {
                await _parts.Store.SaveAsync(next, CancellationToken.None).ConfigureAwait(false);
                active.Set(next);
            }
        }
        finally
        {
            active.Changing.Release();
        }
    }

    /// <summary>Removes a batch that is over. The row goes first: what has no row is removed at a start.</summary>
    public async Task RemoveAsync(Batch batch)
    {
        await _parts.Store.RemoveAsync(batch.Id, CancellationToken.None).ConfigureAwait(false);
        await Task.Run(() =>
        {
            _parts.Contents.Delete(BatchDeskParts.LogOf(batch));
            _parts.Contents.Delete(BatchDeskParts.ItemsOf(batch));
        }).ConfigureAwait(false);
    }

    /// <inheritdoc cref="RemoveAsync(Batch)"/>
    public async Task RemoveAsync(StoredFile file)
    {
        await _parts.Store.RemoveFileAsync(file.Id, CancellationToken.None).ConfigureAwait(false);
        await Task.Run(() => _parts.Contents.Delete(BatchDeskParts.ContentOf(file))).ConfigureAwait(false);
    }

    /// <summary>Stops, and waits for the items that run: the gateway has let go of them by then.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        Nudge();
        await _loop.ConfigureAwait(false);
        await Task.WhenAll(_tasks.Keys).ConfigureAwait(false);
        _stop.Dispose();
    }

    private static TaskCompletionSource Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task LoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            // Taken before the pass: what is told during it brings another one.
            Interlocked.Exchange(ref _signal, Fresh());
            try
            {
                await PassAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                _parts.Logger.PassFailed(e);
            }

            try
            {
                await Volatile.Read(ref _signal).Task.WaitAsync(Pause, _parts.Time, _stop.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is TimeoutException or OperationCanceledException)
            {
                // Time to look again, or to end.
            }
        }
    }

    private async Task PassAsync()
    {
        // 1. Time passes, inputs are read, what is over is put together.
        foreach (ActiveBatch active in _active.Values)
        {
            try
            {
                await StepAsync(active).ConfigureAwait(false);
            }
            catch (Exception e) when (IsStorage(e))
            {
                _parts.Logger.Waits(active.Batch.Id, e.Message);
            }
        }

        // 2. Items are run in the headroom that there is. Not while the server comes up or goes down.
        if (!_parts.Fleet.Draining)
        {
            StartItems();
        }

        // 3. What is kept long enough goes.
        await PurgeAsync().ConfigureAwait(false);
    }

    private async Task StepAsync(ActiveBatch active)
    {
        await ChangeAsync(active, b => BatchLifecycle.Tick(b, _parts.NowMs)).ConfigureAwait(false);
        if (active.IsBusy)
        {
            return;
        }

        if (active.Batch.Phase == BatchPhase.Validating)
        {
            active.IsBusy = true;
            Track(ValidateAsync(active));
            return;
        }

        if (active.Items is null && active.Batch.Total > 0
            && !await OpenAsync(active, _stop.Token).ConfigureAwait(false))
        {
            return;
        }

        if (BatchLifecycle.Leftover(active.Batch) is { } outcome)
        {
            await DropAsync(active, outcome).ConfigureAwait(false);
        }

        if (IsSettled(active))
        {
            active.IsBusy = true;
            Track(FinishAsync(active));
        }
    }

    private static bool IsSettled(ActiveBatch active)
    {
        lock (active.Gate)
        {
            return active.Items?.Table.IsSettled ?? true;
        }
    }

    /// <summary>Opens the items of a batch. False where that cannot be; it has failed then.</summary>
    private async Task<bool> OpenAsync(ActiveBatch active, CancellationToken cancel)
    {
        try
        {
            OpenItems items = await OpenItems.LoadAsync(_parts, active.Batch, cancel).ConfigureAwait(false);
            active.Take(items);
            _parts.Logger.TakenUp(active.Batch.Id, items.Table.Pending, items.Table.Count);
            return true;
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException)
        {
            _parts.Logger.Lost(active.Batch.Id, e.Message);
            var problem = new BatchProblem(
                "contents_lost", "What was stored of this batch cannot be read any more; make it anew.", null, null);
            await ChangeAsync(active, b => BatchLifecycle.Lost(b, problem, _parts.NowMs)).ConfigureAwait(false);
            Close(active);
            return false;
        }
    }

    private async Task ValidateAsync(ActiveBatch active)
    {
        try
        {
            await new BatchValidation(_parts, _quotas, _wire).RunAsync(
                active, change => ChangeAsync(active, change), _stop.Token).ConfigureAwait(false);
            if (active.Batch.IsOver)
            {
                Close(active);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The next start reads it anew.
        }
        catch (Exception e) when (IsStorage(e))
        {
            _parts.Logger.Waits(active.Batch.Id, e.Message);
            await RestAsync().ConfigureAwait(false);
        }
        finally
        {
            active.IsBusy = false;
            Nudge();
        }
    }

    /// <summary>Gives the items that were never started their outcome.</summary>
    private async Task DropAsync(ActiveBatch active, ItemOutcome outcome)
    {
        if (active.Items is not { } items)
        {
            return;
        }

        int dropped = 0;
        lock (active.Gate)
        {
            foreach (int item in items.Table.Waiting().ToArray())
            {
                byte[] line = _wire.LeftoverLine(active.Batch, item, items.Read(item).CustomId, outcome);
                items.Log.Append(new FrameHead(FrameKind.Settled, item, 0, outcome, default, default), line);
                items.Table.Drop(item, outcome);
                dropped++;
            }
        }

        if (dropped > 0)
        {
            Interlocked.Add(ref _outcomes[(int)outcome], dropped);
            await items.Log.SyncAsync().ConfigureAwait(false);
        }
    }

    private async Task FinishAsync(ActiveBatch active)
    {
        try
        {
            await ChangeAsync(active, b =>
            {
                (BatchCounts counts, BatchTokens tokens) = active.Items is { } items
                    ? (items.Table.Counts, items.Table.Tokens)
                    : (b.Counts, b.Tokens);
                return BatchLifecycle.Settled(b, counts, tokens, _parts.NowMs);
            }).ConfigureAwait(false);
            await _ends.RunAsync(active, change => ChangeAsync(active, change)).ConfigureAwait(false);
            Batch ended = active.Batch;
            _parts.Logger.Ended(
                ended.Id, ended.Counts.Succeeded, ended.Counts.Errored, ended.Counts.Cancelled, ended.Counts.Expired);
            Close(active);
            await Task.Run(() => BatchEnds.Forget(_parts, ended)).ConfigureAwait(false);
        }
        catch (Exception e) when (IsStorage(e))
        {
            _parts.Logger.Waits(active.Batch.Id, e.Message);
            await RestAsync().ConfigureAwait(false);
        }
        finally
        {
            active.IsBusy = false;
        }
    }

    private void Close(ActiveBatch active)
    {
        _active.TryRemove(active.Batch.Id, out _);
        active.Dispose();
    }

    private async Task RestAsync()
    {
        try
        {
            await Task.Delay(DiskPause, _parts.Time, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The server goes down.
        }
    }

    private void Track(Task task)
    {
        _tasks.TryAdd(task, 0);
        _ = task.ContinueWith(
            static (done, tasks) => ((ConcurrentDictionary<Task, byte>)tasks!).TryRemove(done, out _),
            _tasks, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task PurgeAsync()
    {
        const long everyMs = 10_000;
        long now = _parts.NowMs;
        if (now - _purgedMs < everyMs)
        {
            return;
        }

        _purgedMs = now;
        foreach (Batch batch in await _parts.Store.ListDueAsync(now, _stop.Token).ConfigureAwait(false))
        {
            await RemoveAsync(batch).ConfigureAwait(false);
            _parts.Logger.Purged("batch", batch.Id);
        }

        foreach (StoredFile file in await _parts.Store.ListDueFilesAsync(now, _stop.Token).ConfigureAwait(false))
        {
            await RemoveAsync(file).ConfigureAwait(false);
            _parts.Logger.Purged("file", file.Id);
        }
    }
}
