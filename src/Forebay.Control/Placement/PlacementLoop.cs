using System.Collections.Immutable;
using Forebay.Control.Capacity;
using Forebay.Control.Replicas;
using Forebay.Control.Withdrawals;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Demand;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Versions;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Microsoft.Extensions.Logging;
using Phase = Forebay.Core.Capacity.Replicas.ReplicaPhase;

namespace Forebay.Control.Placement;

/// <summary>What the loop works with.</summary>
public sealed record PlacementLoopParts
{
    public required FleetState Fleet { get; init; }

    public required CapacityService Capacity { get; init; }

    public required IUsageLedger Usage { get; init; }

    public required ReplicaLoop Replicas { get; init; }

    /// <summary>Says what shall run.</summary>
    public required Action<ImmutableArray<ReplicaWanted>> Want { get; init; }

    public required WithdrawalService Withdrawals { get; init; }

    public required EmulatorProgram Emulator { get; init; }

    /// <summary>Share of a model's demand that a version serves; all to the first version where it is null.</summary>
    public Func<ModelConfig, ModelVersionConfig, double>? Share { get; init; }

    /// <summary>What contracts and leases go by.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>What the usage ledger goes by: the same, but where contracts run faster than requests.</summary>
    public required TimeProvider UsageTime { get; init; }

    public required ILogger<PlacementLoop> Logger { get; init; }
}

/// <summary>What the last pass decided.</summary>
/// <param name="At">When.</param>
/// <param name="Plan">The plan.</param>
/// <param name="Refused">Starts that the ledger gave no lease for, with its words.</param>
public sealed record PlacementPass(DateTimeOffset At, PlacementPlan Plan, ImmutableArray<string> Refused);

/// <summary>
/// Decides at an interval what runs on the pools whose placement is automatic, and has it so: demand from the usage
/// ledger, capacity from the capacity ledger, decisions from <see cref="Placer"/>, a lease for each replica before it is
/// started and until its engine has stopped.
/// </summary>
public sealed partial class PlacementLoop : IAsyncDisposable
{
    private const string Actor = "placement";
    private const string EventPrefix = "withdrawal/";

    /// <summary>How far back the demand of now is looked for.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(5);

    /// <summary>What was used in less than this says nothing about a rate.</summary>
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(5);

    /// <summary>How long a pool is left alone by a version whose replica was given up there.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromHours(1);

    private readonly PlacementLoopParts _parts;
    private readonly Placer _placer = new();
    private readonly PlacementInputs _inputs;
    private readonly DateTimeOffset _started;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SemaphoreSlim _nudge = new(0, 1);
    private ImmutableArray<PlacementPromise> _promises = [];
    private DemandHistory? _history;
    private long _historyHour;
    private PlacementPass? _last;
    private ulong _seed;

    /// <summary>When the pass under way began. The clock is read once a pass: hours counted from one reading and asked
    /// about by a later one would be others.</summary>
    private long _nowMs;
    private Task _running = Task.CompletedTask;

    public PlacementLoop(PlacementLoopParts parts)
    {
        _parts = parts;
        _started = parts.UsageTime.GetUtcNow();
        _inputs = new PlacementInputs
        {
            Available = AvailableOf,
            LeasedToOthers = OthersOf,
            Share = parts.Share,
            BacklogBytes = site => parts.Replicas.Transfers()
                .Where(t => t.Spec.Route.Site == site.Id && t.Path is null)
                .Sum(t => (double)Math.Max(0, t.Spec.File.SizeBytes - t.Progress.VerifiedBytes(t.Spec.File))),
        };
    }

    /// <summary>What the last pass decided; null before the first, and where there is nothing to decide.</summary>
    public PlacementPass? Last => Volatile.Read(ref _last);

    /// <summary>Begins to decide.</summary>
    public void Start() => _running = RunAsync();

    /// <summary>Has it decide now: something changed.</summary>
    public void Nudge()
    {
        try
        {
            _nudge.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is about to decide anyway.
        }
    }

    /// <summary>Decides once, and has it so.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            await PassInTurnAsync(cancel).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
        _gate.Dispose();
        _nudge.Dispose();
    }

    private async Task PassInTurnAsync(CancellationToken cancel)
    {
        IReadOnlyList<ReplicaStatus> standing = _parts.Replicas.List();
        FleetConfig fleet = ReplicaOrder.Runnable(WithoutReplicas(_parts.Fleet.Model.Config, standing));
        bool places = Array.Exists(fleet.Pools, p => p.Placement == PoolPlacement.Automatic)
            && Array.Exists(fleet.Models, m => m.Versions.Length > 0);
        if (!places && standing.Count == 0)
        {
            Volatile.Write(ref _last, null);
            return;
        }

        var now = Instant.From(_parts.Time);
        _nowMs = now.WallUnixMs;

        // 1. What is withdrawn is away in the ledger too; leases of engines that are gone end.
        await FollowAsync(fleet, standing, now, cancel).ConfigureAwait(false);

        // 2. Demand, capacity, what stands.
        IReadOnlyList<DemandForecast> demand = await DemandAsync(fleet, now, cancel).ConfigureAwait(false);
        PlacementProblem problem = _inputs.ProblemAt(fleet, demand, _parts.Fleet.Exports, now);
        PlacementState state = StateOf(standing);

        // 3. The decision.
        PlacementPlan plan = _placer.Next(problem, state, now, _seed++);
        _promises = plan.Promises;

        // 4. A lease for each start; what gets none is decided anew with the next pass.
        (HashSet<string> granted, ImmutableArray<string> refused) = await LeaseAsync(plan, now, cancel)
            .ConfigureAwait(false);

        // 5. Orders.
        var wanted = ImmutableArray.CreateBuilder<ReplicaWanted>();
        wanted.AddRange(standing.Where(IsGivenUp).Select(s => s.State.Spec));
        foreach (PlacementDecision decision in plan.Decisions)
        {
            // One that drains already is kept by the plan, and must not be wanted again: it would be started anew.
            if (decision is { Action: PlacementAction.Keep, Cause: not PlacementCause.Draining }
                && FindWanted(standing, decision.ReplicaId) is { } kept)
            {
                wanted.Add(kept);
            }
            else if (decision.Action == PlacementAction.Start && granted.Contains(decision.ReplicaId)
                && ReplicaOrder.Of(decision, fleet, _parts.Emulator) is { } order)
            {
                wanted.Add(order);
                Started(_parts.Logger, decision.ReplicaId, decision.Model, decision.Pool, decision.Cause);
            }
            else if (decision is { Action: PlacementAction.Drain } and not { Cause: PlacementCause.Draining })
            {
                Drained(_parts.Logger, decision.ReplicaId, decision.Model, decision.Pool, decision.Cause);
            }
        }

        _parts.Want(wanted.ToImmutable());
        Volatile.Write(ref _last, new PlacementPass(now.Wall, plan, refused));
    }

    /// <summary>Ready replicas are deployments of the fleet too: counted as such besides, they would take twice the room
    /// and serve twice.</summary>
    private static FleetConfig WithoutReplicas(FleetConfig fleet, IReadOnlyList<ReplicaStatus> standing)
    {
        var replicas = standing.Select(s => s.State.Id).ToHashSet(StringComparer.Ordinal);
        return fleet with { Deployments = [.. fleet.Deployments.Where(d => !replicas.Contains(d.Id))] };
    }

    private static ReplicaWanted? FindWanted(IReadOnlyList<ReplicaStatus> standing, string id) =>
        standing.FirstOrDefault(s => s.State.Id == id) is { } status ? status.Wanted ?? status.State.Spec : null;

    /// <summary>Brings withdrawals into the ledger as capacity that is away, and ends leases of what runs no more.
    /// </summary>
    private Task<LedgerResult> FollowAsync(
        FleetConfig fleet, IReadOnlyList<ReplicaStatus> standing, Instant now, CancellationToken cancel)
    {
        WithdrawalRecord[] withdrawals = [.. _parts.Withdrawals.Standing.Where(w => w.Asked.Kind != WithdrawalKind.Drill)];
        var alive = standing.Where(s => s.State.Phase != Phase.Stopped && !IsGivenUp(s)).Select(s => s.State.Id)
            .ToHashSet(StringComparer.Ordinal);
        return _parts.Capacity.ApplyAsync(
            ledger =>
            {
                var changes = new List<LedgerChange>();
                foreach (PoolConfig pool in fleet.Pools)
                {
                    changes.AddRange(EventsOf(ledger, fleet, pool, withdrawals));
                    if (pool.Accelerators is null)
                    {
                        continue;
                    }

                    foreach (Lease lease in ledger.LeasesOf(LaneOf(pool.Id)))
                    {
                        if (IsOurs(lease) && lease.Held.At(now.WallUnixMs) > 0 && !alive.Contains(lease.Request.Holder))
                        {
                            changes.Add(new ResizeLease(lease.Id, lease.Generation, 0, now.WallUnixMs));
                        }
                    }
                }

                return changes;
            },
            Actor,
            "follows engines and withdrawals",
            cancel);
    }

    private static IEnumerable<LedgerChange> EventsOf(
        CapacityLedger ledger, FleetConfig fleet, PoolConfig pool, WithdrawalRecord[] withdrawals)
    {
        SiteConfig site = fleet.Sites.First(s => s.Id == pool.Site);
        ProviderConfig provider = fleet.Providers.First(p => p.Id == site.Provider);
        SupplyEvent[] events =
        [
            .. withdrawals.Where(w => w.Asked.Target.Covers(pool, site, provider)).Select(w => new SupplyEvent(
                EventPrefix + w.Asked.Id,
                w.Asked.Kind == WithdrawalKind.Reclaim ? SupplyEventKind.Reclaim : SupplyEventKind.Drain,
                w.Asked.FromUnixMs,
                w.Progress.ReturnedUnixMs ?? w.Asked.ReturnUnixMs,
                null)),
        ];
        foreach (CapacityUnit unit in Enum.GetValues<CapacityUnit>())
        {
            if (ledger.SupplyOf(new CapacityLane(pool.Id, unit)) is { } supply)
            {
                SupplyEvent[] others =
                    [.. supply.Events.Where(e => !e.Id.StartsWith(EventPrefix, StringComparison.Ordinal))];
                ImmutableArray<SupplyEvent> next = [.. others, .. events];
                if (!next.SequenceEqual(supply.Events))
                {
                    yield return new SetSupply(supply with { Events = next });
                }
            }
        }
    }

    private async Task<(HashSet<string> Granted, ImmutableArray<string> Refused)> LeaseAsync(
        PlacementPlan plan, Instant now, CancellationToken cancel)
    {
        var granted = new HashSet<string>(StringComparer.Ordinal);
        var refused = ImmutableArray.CreateBuilder<string>();
        foreach (PlacementDecision start in plan.Starts)
        {
            var request = new LeaseRequest(
                $"replica/{start.ReplicaId}", LeaseHolder.Deployment, start.ReplicaId, LaneOf(start.Pool),
                start.LeasedAccelerators, now.WallUnixMs, Granule: start.LeasedAccelerators);
            LedgerResult result = await _parts.Capacity
                .ApplyAsync(_ => [new GrantLease(request)], Actor, $"start {start.ReplicaId}", cancel)
                .ConfigureAwait(false);
            if (result.Refusal is { } refusal && refusal.Kind != LedgerRefusalKind.Short)
            {
                refused.Add($"{start.ReplicaId}: {refusal.Message}");
            }
            else if (result.Refusal is not null)
            {
                // An open lease needs the capacity for good; where it ends, the lease ends with it.
                LedgerResult until = await _parts.Capacity.ApplyAsync(
                    _ => [new GrantLease(request with { UntilUnixMs = start.LeaseUntilUnixMs })], Actor,
                    $"start {start.ReplicaId}", cancel).ConfigureAwait(false);
                if (until.Refusal is { } again)
                {
                    refused.Add($"{start.ReplicaId}: {again.Message}");
                }
                else
                {
                    granted.Add(start.ReplicaId);
                }
            }
            else
            {
                granted.Add(start.ReplicaId);
            }
        }

        return (granted, refused.ToImmutable());
    }

    /// <summary>What is forecast, and for the hours now what is asked now where that is more: a forecast knows nothing of
    /// the first day.</summary>
    private async Task<IReadOnlyList<DemandForecast>> DemandAsync(
        FleetConfig fleet, Instant now, CancellationToken cancel)
    {
        long hour = HourOfWeek.HourAt(now.WallUnixMs);
        if (_history is null || _historyHour != hour)
        {
            _history = await LedgerDemand
                .ReadAsync(_parts.Usage, fleet, fleet.Server.Placement.DemandWeeks, hour, cancel).ConfigureAwait(false);
            _historyHour = hour;
        }

        // Usage is on record by the minute; before the start there is none.
        DateTimeOffset used = _parts.UsageTime.GetUtcNow();
        DateTimeOffset from = used - Recent;
        from -= TimeSpan.FromTicks(from.Ticks % TimeSpan.TicksPerMinute);
        from = from < _started ? _started : from;
        TimeSpan over = used - from;
        if (over < Least)
        {
            return NowCast.Join(_history, [], fleet, fleet.Server.Placement.DemandQuantile, hour, Recent);
        }

        var query = new UsageQuery(from, used, [UsageDimension.Tenant, UsageDimension.Model]);
        IReadOnlyList<UsageRow> rows = await _parts.Usage.QueryAsync(query, cancel).ConfigureAwait(false);
        return NowCast.Join(
            _history, rows, fleet, fleet.Server.Placement.DemandQuantile, hour, over, AskedPerServed);
    }

    /// <summary>By Little's law what is asked of a model is to what is served as those who wait and those who are served
    /// together are to those who are served, while nobody gives up.</summary>
    private double AskedPerServed(string id)
    {
        if (_parts.Fleet.Model.FindModel(id) is not { } model)
        {
            return 1;
        }

        int served = model.Deployments.Sum(d => _parts.Fleet.Of(d).InFlight);
        return 1 + _parts.Fleet.QueueOf(model).Count / (double)Math.Max(1, served);
    }

    private PlacementState StateOf(IReadOnlyList<ReplicaStatus> standing) => new()
    {
        Replicas =
        [
            .. standing.Where(s => s.State.Phase != Phase.Stopped && !IsGivenUp(s)).Select(s => new PlacementReplica
            {
                Id = s.State.Id,
                Model = s.State.Spec.Model,
                Version = s.State.Spec.Version,
                Build = s.State.Spec.Build,
                Pool = s.State.Spec.Pool,
                Phase = s.State.Phase switch
                {
                    Phase.Planned or Phase.Fetching => Core.Capacity.Placement.ReplicaPhase.Transferring,
                    Phase.Starting or Phase.Warming => Core.Capacity.Placement.ReplicaPhase.Warming,
                    Phase.Ready => Core.Capacity.Placement.ReplicaPhase.Ready,
                    _ => Core.Capacity.Placement.ReplicaPhase.Draining,
                },
                LeasedAccelerators = LeasedBy(s.State.Id, s.State.Spec),
                StartedUnixMs = StartedMs(s.State.SinceUnixMs),
            }),
        ],
        Promises = _promises,
    };

    private int LeasedBy(string replica, ReplicaWanted spec) =>
        _parts.Capacity.Ledger.TryGetLease($"replica/{replica}", out Lease? lease)
            ? (int)lease.Request.Quantity
            : spec.Resources.Accelerators;

    /// <summary>One that failed too often and has not been given up for long: its pool is left alone.</summary>
    private bool IsGivenUp(ReplicaStatus status) => status.State.Phase == Phase.Failed
        && AgeMs(status.State.SinceUnixMs) < AfterFailure.TotalMilliseconds;

    /// <summary>Engines go by the real clock: one that is a minute old is so on either.</summary>
    private long StartedMs(long sinceUnixMs) =>
        _nowMs - AgeMs(sinceUnixMs);

    private long AgeMs(long sinceUnixMs) => _parts.UsageTime.GetUtcNow().ToUnixTimeMilliseconds() - sinceUnixMs;

    private ImmutableArray<int>? AvailableOf(PoolConfig pool, long hour)
    {
        CapacityLedger ledger = _parts.Capacity.Ledger;
        if (ledger.SupplyOf(LaneOf(pool.Id)) is null)
        {
            return null;
        }

        StepFunction available = ledger.AvailableOf(LaneOf(pool.Id));
        return ByHour(hour, h => available.Min(Math.Max(_nowMs, HourOfWeek.StartOf(h)), HourOfWeek.StartOf(h + 1)));
    }

    /// <summary>What others than replicas hold, and what a replica that was given up there would have held.</summary>
    private ImmutableArray<int> OthersOf(PoolConfig pool, long hour)
    {
        Lease[] others = [.. _parts.Capacity.Ledger.LeasesOf(LaneOf(pool.Id)).Where(l => !IsOurs(l))];
        long failing = _parts.Replicas.List().Where(s => IsGivenUp(s) && s.State.Spec.Pool == pool.Id)
            .Sum(s => (long)s.State.Spec.Resources.Accelerators);
        return others.Length == 0 && failing == 0
            ? []
            : ByHour(hour, h => failing + others.Sum(l => l.Held.At(HourOfWeek.StartOf(h + 1) - 1)));
    }

    private ImmutableArray<int> ByHour(long hour, Func<long, long> quantity)
    {
        int hours = _parts.Fleet.Model.Config.Server.Placement.HorizonHours;
        return [.. Enumerable.Range(0, hours).Select(h => (int)Math.Clamp(quantity(hour + h), 0, int.MaxValue))];
    }

    private static bool IsOurs(Lease lease) => lease.Id.StartsWith("replica/", StringComparison.Ordinal);

    private static CapacityLane LaneOf(string pool) => new(pool, CapacityUnit.Accelerators);

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                try
                {
                    await PassAsync(_stop.Token).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    PassFailed(_parts.Logger, e);
                }

                var interval = TimeSpan.FromSeconds(_parts.Fleet.Model.Config.Server.Placement.IntervalSeconds);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                Task next = Task.Delay(interval, _parts.Time, either.Token);
                await Task.WhenAny(next, _nudge.WaitAsync(either.Token)).ConfigureAwait(false);
                await either.CancelAsync().ConfigureAwait(false);
                _stop.Token.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops; engines run on.
        }
    }

    [LoggerMessage(2130, LogLevel.Information, "Placement starts {Replica} of {Model} on {Pool}: {Cause}.")]
    private static partial void Started(
        ILogger logger, string replica, string model, string pool, PlacementCause cause);

    [LoggerMessage(2131, LogLevel.Information, "Placement drains {Replica} of {Model} on {Pool}: {Cause}.")]
    private static partial void Drained(
        ILogger logger, string replica, string model, string pool, PlacementCause cause);

    [LoggerMessage(2132, LogLevel.Error, "Placement could not decide; it tries again.")]
    private static partial void PassFailed(ILogger logger, Exception problem);
}
