using System.Diagnostics.CodeAnalysis;
using Forebay.Core.Batches;
using Forebay.Core.Fleet;
using Forebay.Core.Time;

namespace Forebay.Control.Batches;

/// <summary>Which item is next, and its run.</summary>
internal sealed partial class BatchRunner
{
    /// <summary>Starts items while there is headroom. Costs O(batches x models of each) a pass, and that again for
    /// each item that is started.</summary>
    private void StartItems()
    {
        int most = _parts.Config.MaxConcurrency;
        var room = new Dictionary<(string Tenant, string Model), int>();
        while (Running < most && !_stop.IsCancellationRequested && TryNext(room, out Next next))
        {
            if (!TryStart(next))
            {
                return;
            }

            room[(next.Active.Batch.Tenant, next.Model)]--;
        }
    }

    /// <summary>The next item: of the tenant whose turn it is, of its oldest batch that has one that may run.</summary>
    private bool TryNext(Dictionary<(string Tenant, string Model), int> room, out Next next)
    {
        next = default;
        long now = _parts.NowMs;
        var contenders = new List<BatchContender>();
        ILookup<string, ActiveBatch> byTenant = _active.Values
            .Where(a => a.Batch.Starts && a.Items is not null && !a.IsBusy)
            .OrderBy(a => a.Batch.CreatedUnixMs).ThenBy(a => a.Batch.Id, StringComparer.Ordinal)
            .ToLookup(a => a.Batch.Tenant);
        foreach (IGrouping<string, ActiveBatch> tenant in byTenant)
        {
            contenders.Add(new BatchContender(
                tenant.Key,
                _runningByTenant.GetValueOrDefault(tenant.Key),
                _parts.Fleet.Model.FindTenant(tenant.Key)?.Tier.Weight ?? 1,
                _lastStarts.GetValueOrDefault(tenant.Key)));
        }

        contenders.Sort(static (a, b) => BatchTurn.Compare(a, b));
        foreach (BatchContender contender in contenders)
        {
            foreach (ActiveBatch active in byTenant[contender.Tenant])
            {
                if (TryNext(active, room, now, out next))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private bool TryNext(
        ActiveBatch active, Dictionary<(string Tenant, string Model), int> room, long now, out Next next)
    {
        ItemTable table = active.Items!.Table;
        for (int model = 0; model < table.Models.Count; model++)
        {
            int? item;
            lock (active.Gate)
            {
                item = table.Next(model, now);
            }

            if (item is { } found && RoomOf(active.Batch, table.Models[model], room) > 0)
            {
                next = new Next(active, found, table.Models[model]);
                return true;
            }
        }

        next = default;
        return false;
    }

    private int RoomOf(Batch batch, string model, Dictionary<(string Tenant, string Model), int> room)
    {
        if (!room.TryGetValue((batch.Tenant, model), out int left))
        {
            FleetModel fleet = _parts.Fleet.Model;
            // What names no model, or comes from nobody any more, takes no place: it is refused at once.
            left = fleet.FindModel(model) is { } served && fleet.FindTenant(batch.Tenant) is { } tenant
                ? BatchHeadroom.Of(
                    _parts.Fleet, served, tenant, _runningByModel.GetValueOrDefault(model), _parts.Config.ReserveShare,
                    Instant.MonotonicNsOf(_parts.Time))
                : int.MaxValue;
            room.Add((batch.Tenant, model), left);
        }

        return left;
    }

    /// <summary>Records the start, then runs. False where it could not be recorded: nothing is run then.</summary>
    private bool TryStart(in Next next)
    {
        (ActiveBatch active, int item, string model) = next;
        OpenItems items = active.Items!;
        UInt128 request = _wire.NewRequest(_parts.NowMs);
        int attempt;
        lock (active.Gate)
        {
            try
            {
                attempt = items.Table.AttemptsOf(item) + 1;
                items.Log.Append(new FrameHead(FrameKind.Started, item, attempt, default, request, default), []);
            }
            catch (IOException e)
            {
                _parts.Logger.Waits(active.Batch.Id, e.Message);
                return false;
            }

            items.Table.Start(item, request);
        }

        _lastStarts[active.Batch.Tenant] = ++_starts;
        Interlocked.Increment(ref _running);
        _runningByModel.AddOrUpdate(model, 1, static (_, n) => n + 1);
        _runningByTenant.AddOrUpdate(active.Batch.Tenant, 1, static (_, n) => n + 1);
        Track(Task.Run(() => RunAsync(active, item, model, attempt, request)));
        return true;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever goes wrong with one item, the others go on.")]
    private async Task RunAsync(ActiveBatch active, int item, string model, int attempt, UInt128 request)
    {
        OpenItems items = active.Items!;
        try
        {
            BatchAnswer answer = await _wire.RunAsync(new BatchCall(
                active.Batch, items.Read(item), request, items.Prepaid.Contains(item))).ConfigureAwait(false);
            await TakeAsync(active, item, attempt, request, answer).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _parts.Logger.Waits(active.Batch.Id, e.Message);
            Return(active, item, attempt);
        }
        finally
        {
            _runningByModel.AddOrUpdate(model, 0, static (_, n) => n - 1);
            _runningByTenant.AddOrUpdate(active.Batch.Tenant, 0, static (_, n) => n - 1);
            Interlocked.Decrement(ref _running);
            Nudge();
        }
    }

    private async Task TakeAsync(ActiveBatch active, int item, int attempt, UInt128 request, BatchAnswer answer)
    {
        ItemVerdict verdict = answer.Outcome == ItemOutcome.Succeeded
            ? ItemVerdict.Final
            : ItemRetry.Of(answer.Reason);
        if (verdict == ItemVerdict.NoRoom || (verdict == ItemVerdict.Again && FailsAgain(active, item)))
        {
            Return(active, item, attempt);
            return;
        }

        await StoreAsync(active, item, attempt, request, answer).ConfigureAwait(false);
    }

    private bool FailsAgain(ActiveBatch active, int item)
    {
        lock (active.Gate)
        {
            Dictionary<int, int> failures = active.Items!.Failures;
            int count = failures[item] = failures.GetValueOrDefault(item) + 1;
            return count < _parts.Config.ItemAttempts;
        }
    }

    private void Return(ActiveBatch active, int item, int attempt)
    {
        lock (active.Gate)
        {
            active.Items!.Table.Return(item, _parts.NowMs + ItemRetry.PauseMs(attempt));
        }
    }

    /// <summary>Stores a result. A disk that does not take it now is asked again: the answer has been paid for.
    /// </summary>
    private async Task StoreAsync(ActiveBatch active, int item, int attempt, UInt128 request, BatchAnswer answer)
    {
        OpenItems items = active.Items!;
        var head = new FrameHead(FrameKind.Settled, item, attempt, answer.Outcome, request, answer.Tokens);
        for (bool appended = false; ;)
        {
            try
            {
                if (!appended)
                {
                    items.Log.Append(head, answer.Line);
                    appended = true;
                }

                await items.Log.SyncAsync().ConfigureAwait(false);
                break;
            }
            catch (IOException e) when (!_stop.IsCancellationRequested)
            {
                _parts.Logger.Waits(active.Batch.Id, e.Message);
                await RestAsync().ConfigureAwait(false);
            }
        }

        lock (active.Gate)
        {
            items.Table.Settle(item, answer.Outcome, answer.Tokens);
        }

        Interlocked.Increment(ref _outcomes[(int)answer.Outcome]);
    }

    /// <summary>An item that may be started.</summary>
    private readonly record struct Next(ActiveBatch Active, int Item, string Model);
}
