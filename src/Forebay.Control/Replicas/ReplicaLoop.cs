using System.Collections.Immutable;
using System.Threading.Channels;
using Forebay.Control.Errors;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;
using Forebay.Core.Serving;

namespace Forebay.Control.Replicas;

/// <summary>
/// Makes the replicas that run those that are wanted, one pass at a time: what is wanted, what is seen, one step of
/// each replica's machine, what changed onto the disk, then what is to be done. Nothing is done that is not on disk
/// first, and all that is done may be done twice, so that a pass cut off anywhere is made good by the next one, of this
/// process or another. A pass costs a look at each work and a step of each replica.
/// </summary>
public sealed partial class ReplicaLoop : IAsyncDisposable
{
    private readonly ReplicaLoopParts _parts;
    private readonly TimeProvider _time;
    private readonly EngineCalls _calls;
    private readonly SortedDictionary<string, LiveReplica> _replicas = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _pass = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Routing _routing;
    private readonly Channel<bool> _nudges = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly HashSet<string> _orphans = [];
    private Task _running = Task.CompletedTask;
    private long _started;
    private long _failed;

    private ReplicaLoop(ReplicaLoopParts parts, IEnumerable<ReplicaState> stored)
    {
        _parts = parts;
        _time = parts.Time;
        _calls = new EngineCalls(_time);
        _routing = new Routing(parts.Options.Settling, _time);
        foreach (ReplicaState state in stored)
        {
            _replicas.Add(state.Id, new LiveReplica(state, Now) { IsStored = true });
        }
    }

    /// <summary>Generations begun, and failures, since this process started.</summary>
    public (long Started, long Failed) Counts => (Volatile.Read(ref _started), Volatile.Read(ref _failed));

    /// <summary>Told when a replica is ready, has failed or has stopped; must be quick and not throw.</summary>
    public Action? Changed { get; set; }

    /// <summary>Reads what is stored; nothing runs until <see cref="Start"/> or <see cref="PassAsync"/>.</summary>
    public static async Task<ReplicaLoop> OpenAsync(ReplicaLoopParts parts, CancellationToken cancel) =>
        new(parts, await parts.Store.ListReplicasAsync(cancel).ConfigureAwait(false));

    /// <summary>Lets passes run until the loop is disposed.</summary>
    public void Start() => _running = RunAsync(_stop.Token);

    /// <summary>Has the next pass run now.</summary>
    public void Nudge() => _nudges.Writer.TryWrite(true);

    public IReadOnlyList<ReplicaStatus> List()
    {
        lock (_lock)
        {
            return [.. _replicas.Values.Select(StatusOf)];
        }
    }

    /// <exception cref="RefusedException">There is none.</exception>
    public ReplicaStatus Find(string id)
    {
        lock (_lock)
        {
            return _replicas.TryGetValue(id, out LiveReplica? live) ? StatusOf(live) : throw Unknown(id);
        }
    }

    /// <summary>Every transfer of weights.</summary>
    public IReadOnlyList<TransferView> Transfers() => _parts.Weights.List();

    /// <summary>The last lines its engine wrote.</summary>
    /// <exception cref="RefusedException">There is none, or its log cannot be read now.</exception>
    public async Task<IReadOnlyList<string>> ReadLogAsync(
        string id, long? generation, int lines, CancellationToken cancel)
    {
        _ = Find(id);
        try
        {
            return await _parts.Executor.ReadLogAsync(id, generation, lines, cancel).ConfigureAwait(false);
        }
        catch (ExecutorException e)
        {
            throw new RefusedException(RefusalKind.Unavailable, e.Message, e);
        }
    }

    /// <summary>Drains and stops a replica, and keeps it stopped though it is wanted, until <see cref="RestartAsync"/>.
    /// </summary>
    /// <exception cref="RefusedException">There is none.</exception>
    public Task HoldAsync(string id, CancellationToken cancel) =>
        ChangeAsync(id, static s => s with { Held = true }, cancel);

    /// <summary>Replaces a replica's generation by a new one after draining it; one that was stopped or has failed
    /// begins anew.</summary>
    /// <exception cref="RefusedException">There is none.</exception>
    public Task RestartAsync(string id, CancellationToken cancel) =>
        ChangeAsync(id, static s => s with { Held = false, RestartGeneration = s.Generation }, cancel);

    /// <summary>One pass.</summary>
    /// <returns>Whether any replica changed.</returns>
    public async Task<bool> PassAsync(CancellationToken cancel)
    {
        await _pass.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            // 1. What is wanted; a replica is known from the moment it is wanted first.
            ImmutableArray<ReplicaWanted> wanted = await _parts.Wanted(cancel).ConfigureAwait(false);
            Take(wanted);

            // 2. What is seen.
            bool known = await ObserveAsync(cancel).ConfigureAwait(false);

            // 3. One step of each, on disk before anything comes of it.
            List<Stepped> steps = Step(known);
            bool changed = await StoreAsync(steps, cancel).ConfigureAwait(false);

            // 4. Routing first, since what is stopped must be out of it; then the rest.
            await PublishAsync(steps, cancel).ConfigureAwait(false);
            FetchWeights(steps);
            Act(steps);
            return changed;
        }
        finally
        {
            _pass.Release();
        }
    }

    /// <summary>Stops looking after replicas; their engines run on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        await _pass.WaitAsync().ConfigureAwait(false);
        await Task.WhenAll(Acts).ConfigureAwait(false);
        _calls.Dispose();
        _pass.Dispose();
        _stop.Dispose();
    }

    /// <summary>What passes have begun and has not ended: starts, stops, probes and warm-ups.</summary>
    internal int Acting
    {
        get
        {
            lock (_lock)
            {
                return Acts.Count(static a => !a.IsCompleted);
            }
        }
    }

    private IEnumerable<Task> Acts => _replicas.Values.SelectMany(r => (Task[])[r.Working, r.Probing, r.Warming]);

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private async Task RunAsync(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            bool changed = false;
            try
            {
                changed = await PassAsync(cancel).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The next pass tries again: nothing was done that is not stored.
                PassFailed(_parts.Logger, e);
            }

            if (!changed)
            {
                await RestAsync(cancel).ConfigureAwait(false);
            }
        }
    }

    private async Task RestAsync(CancellationToken cancel)
    {
        using var interval = new CancellationTokenSource(_parts.Options.Interval, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(interval.Token, cancel);
        try
        {
            await _nudges.Reader.ReadAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Nobody was in a hurry.
        }
    }

    private void Take(ImmutableArray<ReplicaWanted> wanted)
    {
        lock (_lock)
        {
            foreach (LiveReplica live in _replicas.Values)
            {
                live.Wanted = null;
            }

            foreach (ReplicaWanted replica in wanted)
            {
                if (!WorkSpec.IsId(replica.Id))
                {
                    WantedRefused(_parts.Logger, replica.Id, "the id is not one");
                    continue;
                }

                if (!_replicas.TryGetValue(replica.Id, out LiveReplica? live))
                {
                    _replicas.Add(replica.Id, live = new LiveReplica(ReplicaState.Plan(replica, Now), Now));
                }

                live.Wanted = replica;
            }
        }
    }

    /// <returns>Whether the executor could be asked.</returns>
    private async Task<bool> ObserveAsync(CancellationToken cancel)
    {
        // A call that is under way ends between being looked for and being seen: whoever is at work now is not judged.
        HashSet<string> working = [.. _replicas.Values.Where(r => !r.Working.IsCompleted).Select(r => r.State.Id)];
        IReadOnlyList<WorkObservation> works;
        try
        {
            works = await _parts.Executor.ListAsync(cancel).ConfigureAwait(false);
        }
        catch (ExecutorException e)
        {
            ExecutorSilent(_parts.Logger, e.Message);
            return false;
        }

        Dictionary<string, WorkObservation> byId = works.ToDictionary(w => w.Id, StringComparer.Ordinal);
        lock (_lock)
        {
            foreach (LiveReplica live in _replicas.Values)
            {
                live.Work = byId.GetValueOrDefault(live.State.Id);
                live.IsWorkKnown = !working.Contains(live.State.Id);
            }
        }

        foreach (WorkObservation orphan in works.Where(w => !_replicas.ContainsKey(w.Id)))
        {
            await EndOrphanAsync(orphan, cancel).ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>What runs and is no replica was one before its record was lost: it holds accelerators for nobody.
    /// </summary>
    private async Task EndOrphanAsync(WorkObservation orphan, CancellationToken cancel)
    {
        if (!orphan.IsAlive)
        {
            await _parts.Executor.ForgetAsync(orphan.Id, cancel).ConfigureAwait(false);
            return;
        }

        if (_orphans.Add(orphan.Id))
        {
            OrphanStopped(_parts.Logger, orphan.Id, orphan.Generation);
        }

        var grace = TimeSpan.FromMilliseconds(_parts.Options.Policy.StopGraceMs);
        await _parts.Executor.StopAsync(orphan.Id, orphan.Generation, grace, cancel).ConfigureAwait(false);
    }

    private List<Stepped> Step(bool known)
    {
        long now = Now;
        var steps = new List<Stepped>(_replicas.Count);
        foreach (LiveReplica live in _replicas.Values)
        {
            ReplicaWorld world = WorldOf(live, known && live.IsWorkKnown);
            ReplicaStep step = ReplicaMachine.Step(
                live.State, live.Wanted, world, now, _parts.Jitter(), _parts.Options.Policy);
            steps.Add(new Stepped(live, live.State, step));
        }

        return steps;
    }

    private ReplicaWorld WorldOf(LiveReplica live, bool known)
    {
        (WeightsStanding standing, string? why) = live.State.Phase == ReplicaPhase.Fetching
            ? StandingOf(live)
            : (WeightsStanding.Missing, null);
        return new ReplicaWorld
        {
            Weights = standing,
            WeightsReason = why,
            Work = live.Work,
            IsWorkKnown = known,
            Health = live.Health,
            WatchedUnixMs = live.WatchedUnixMs,
            Warmup = live.Warmup,
            Refusal = live.Refusal,
            Routed = _routing.MayReach(live.State.Id),
            InFlight = _parts.InFlight(live.State.Id),
        };
    }

    private (WeightsStanding Standing, string? Why) StandingOf(LiveReplica live)
    {
        if (ProblemOf(live) is { } problem)
        {
            return (WeightsStanding.Failed, problem);
        }

        bool all = true;
        foreach (TransferSpec spec in live.Transfers)
        {
            TransferProgress? progress = _parts.Weights.Find(spec.Key)?.Progress;
            if (progress?.Phase == TransferPhase.Failed)
            {
                return (WeightsStanding.Failed, progress.Reason);
            }

            all &= progress?.Phase == TransferPhase.Done;
        }

        return (all ? WeightsStanding.Ready : WeightsStanding.Missing, null);
    }

    private static string? ProblemOf(LiveReplica live)
    {
        if (live.Checked.Of != live.State.Spec)
        {
            IReadOnlyList<string> problems = live.State.Spec.Check();
            live.Checked = (live.State.Spec, problems.Count == 0 ? null : string.Join(" ", problems));
        }

        return live.Checked.Problem;
    }

    private async Task<bool> StoreAsync(List<Stepped> steps, CancellationToken cancel)
    {
        ReplicaState[] changed = [.. steps.Where(s => s.IsChanged).Select(s => s.Step.Next).OfType<ReplicaState>()];
        string[] removed = [.. steps.Where(s => s.Step.Next is null).Select(s => s.Before.Id)];
        if (changed.Length + removed.Length == 0)
        {
            return false;
        }

        await _parts.Store.SaveReplicasAsync(changed, removed, cancel).ConfigureAwait(false);
        lock (_lock)
        {
            foreach (Stepped stepped in steps)
            {
                if (stepped.Step.Next is { } next)
                {
                    stepped.Live.State = next;
                    stepped.Live.IsStored = true;
                    Tell(stepped.Before, next);
                }
                else
                {
                    _replicas.Remove(stepped.Before.Id);
                }
            }
        }

        return true;
    }

    private void Tell(ReplicaState before, ReplicaState next)
    {
        if (next.Phase == before.Phase)
        {
            return;
        }

        if (next.Failures > before.Failures
            || next.Phase is ReplicaPhase.Ready or ReplicaPhase.Stopped or ReplicaPhase.Failed)
        {
            Changed?.Invoke();
        }

        if (next.Failures > before.Failures)
        {
            Interlocked.Increment(ref _failed);
            ReplicaFailed(_parts.Logger, next.Id, next.Generation, next.Failures, next.Reason ?? "");
        }
        else
        {
            ReplicaMoved(_parts.Logger, next.Id, next.Generation, before.Phase, next.Phase, next.Reason ?? "");
        }

        if (next.Generation > before.Generation)
        {
            Interlocked.Increment(ref _started);
        }
    }

    private async Task PublishAsync(List<Stepped> steps, CancellationToken cancel)
    {
        var ready = ImmutableArray.CreateBuilder<DeploymentConfig>();
        var key = new List<string>();
        foreach (Stepped stepped in steps)
        {
            LiveReplica live = stepped.Live;
            if (stepped.Step.Next?.Phase == ReplicaPhase.Ready && live.Endpoint is { } endpoint)
            {
                ReplicaWanted spec = live.Effective;
                ready.Add(spec.ToDeployment(endpoint));
                key.Add($"{spec.Id} {live.State.Generation} {endpoint} {spec.MaxConcurrency} {spec.HealthPath} " +
                    spec.MetricsPath);
            }
        }

        try
        {
            await _routing.PublishAsync(ready.ToImmutable(), string.Join('\n', key), _parts.Publish, cancel)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            // The next pass publishes again. Nothing that may be routed to is stopped until then; all else goes on.
            NotPublished(_parts.Logger, e);
        }
    }

    private void FetchWeights(List<Stepped> steps)
    {
        var wanted = new List<TransferSpec>();
        var again = new HashSet<TransferKey>();
        foreach (Stepped stepped in steps)
        {
            if (stepped.Step.Next?.Phase is null or ReplicaPhase.Stopped or ReplicaPhase.Failed
                || ProblemOf(stepped.Live) is not null)
            {
                continue;
            }

            wanted.AddRange(stepped.Live.Transfers);
            if (stepped.Live.State.Phase == ReplicaPhase.Fetching && stepped.Before.Phase != ReplicaPhase.Fetching)
            {
                again.UnionWith(stepped.Live.Transfers.Select(static t => t.Key));
            }
        }

        _parts.Weights.Want(wanted, again);
    }

    private async Task ChangeAsync(string id, Func<ReplicaState, ReplicaState> change, CancellationToken cancel)
    {
        await _pass.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            LiveReplica live;
            lock (_lock)
            {
                live = _replicas.TryGetValue(id, out LiveReplica? found) ? found : throw Unknown(id);
            }

            ReplicaState next = change(live.State);
            await _parts.Store.SaveReplicasAsync([next], [], CancellationToken.None).ConfigureAwait(false);
            lock (_lock)
            {
                live.State = next;
            }
        }
        finally
        {
            _pass.Release();
        }

        Nudge();
    }

    private ReplicaStatus StatusOf(LiveReplica live) => new(
        live.State,
        live.Wanted,
        live.Work,
        [.. live.Transfers.Select(t => _parts.Weights.Find(t.Key)).OfType<TransferView>()],
        live.Said,
        _routing.MayReach(live.State.Id),
        _parts.InFlight(live.State.Id));

    private static RefusedException Unknown(string id) => new(
        RefusalKind.NotFound,
        $"There is no replica '{(id.Length <= 128 ? id : id[..128] + "...")}'. `forebay replica list` lists them.");

    private sealed record Stepped(LiveReplica Live, ReplicaState Before, ReplicaStep Step)
    {
        public bool IsChanged => !ReferenceEquals(Before, Step.Next) || !Live.IsStored;
    }
}
