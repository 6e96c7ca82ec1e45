using Forebay.Core.Usage;
using Forebay.Storage.Journal;
using Microsoft.Extensions.Logging;

namespace Forebay.Storage.Usage;

/// <summary>
/// Folds the journal into the ledger: each step adds sums and moves the stored position in one transaction, so a crash
/// anywhere repeats a step whole or not at all. Only what is on disk in the journal is folded, so the ledger is never
/// ahead of it. A settlement counts only while its request is open, hence once.
/// </summary>
internal sealed class UsageFolder(
    JournalFolder folder, IFoldStore store, TimeProvider time, FoldMetrics metrics, ILogger logger) : IDisposable
{
    /// <summary>Records in one transaction.</summary>
    private const int MaxBatch = 20_000;

    private readonly SemaphoreSlim _gate = new(1);
    private readonly TextPool _texts = new();
    private Dictionary<UInt128, AcceptRecord>? _open;
    private JournalPosition _position;

    /// <summary>Folds up to a position of the journal.</summary>
    /// <param name="synced">Gives the position, once it is this call's turn; it must be on disk.</param>
    /// <param name="cancel">Stops between two steps.</param>
    /// <returns>What could not be read on the way.</returns>
    public async Task<IReadOnlyList<JournalDamage>> FoldAsync(Func<JournalPosition> synced, CancellationToken cancel)
    {
        using (await PauseAsync(cancel).ConfigureAwait(false))
        {
            return await FoldToAsync(synced(), cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Keeps the fold from running until the result is disposed.</summary>
    public async Task<IDisposable> PauseAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        return new Turn(_gate);
    }

    /// <summary>How far the ledger is. Call while paused.</summary>
    public async Task<JournalPosition> PositionAsync(CancellationToken cancel)
    {
        await LoadAsync(cancel).ConfigureAwait(false);
        return _position;
    }

    /// <summary>Requests accepted before <see cref="PositionAsync"/> and not settled. Call while paused.</summary>
    public async Task<IReadOnlyCollection<AcceptRecord>> OpenAsync(CancellationToken cancel) =>
        (await LoadAsync(cancel).ConfigureAwait(false)).Values;

    public void Dispose() => _gate.Dispose();

    private async Task<IReadOnlyList<JournalDamage>> FoldToAsync(JournalPosition to, CancellationToken cancel)
    {
        Dictionary<UInt128, AcceptRecord> open = await LoadAsync(cancel).ConfigureAwait(false);
        if (_position >= to)
        {
            return [];
        }

        try
        {
            using var reader = new JournalReader(folder, _position, to, _texts);
            bool more = true;
            while (more)
            {
                long started = time.GetTimestamp();
                var batch = new FoldBatch(_position, open);
                more = Fill(batch, reader);
                FoldStep step = batch.StepTo(reader.Position);
                await store.ApplyAsync(step, cancel).ConfigureAwait(false);
                _position = step.To;
                metrics.Folded(batch.Count, time.GetElapsedTime(started).TotalMilliseconds);
            }

            Report(reader.Damage);
            return reader.Damage;
        }
        catch
        {
            // The requests in memory have moved on while the stored ones have not: read those again.
            _open = null;
            throw;
        }
    }

    private bool Fill(FoldBatch batch, JournalReader reader)
    {
        while (batch.Count < MaxBatch)
        {
            if (!reader.TryRead(out JournalRecord record))
            {
                return false;
            }

            if (record.Accept is { } accept)
            {
                batch.Accept(accept);
            }
            else if (record.Context is { } context)
            {
                batch.Learn(context);
            }
            else if (!batch.TrySettle(record.Settle!, out bool implausible))
            {
                metrics.Uncounted();
                StorageLog.SettledTwice(logger, record.Settle!.RequestId);
            }
            else if (implausible)
            {
                StorageLog.Implausible(logger, record.Settle!.RequestId);
            }
        }

        return true;
    }

    private void Report(IReadOnlyList<JournalDamage> damage)
    {
        foreach (JournalDamage d in damage)
        {
            StorageLog.JournalDamaged(logger, d.File, d.Offset, d.Bytes, d.Cause);
        }
    }

    private async Task<Dictionary<UInt128, AcceptRecord>> LoadAsync(CancellationToken cancel)
    {
        if (_open is null)
        {
            FoldState state = await store.LoadAsync(cancel).ConfigureAwait(false);
            _position = state.Position;
            _open = state.Open.ToDictionary(a => a.RequestId);
        }

        return _open;
    }

    private sealed class Turn(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
