using System.Collections.Immutable;
using Forebay.Control.Replicas;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Demand;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Fleet;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Placement;

/// <summary>
/// Decides at an interval what runs on the pools whose placement is automatic, and has it so: demand from the usage
/// ledger, capacity from the capacity ledger, decisions from <see cref="Placer"/>, a lease for each replica before it
/// is started and until its engine has stopped.
/// </summary>
public sealed partial class PlacementLoop : IAsyncDisposable
{
    /// <summary>How far back the demand of now is looked for.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(5);

    /// <summary>What was used in less than this says nothing about a rate.</summary>
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(5);

    private readonly PlacementLoopParts _parts;
    private readonly Placer _placer = new();
    private readonly PlacementInputs _inputs;
    private readonly ReplicaLeases _leases;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SemaphoreSlim _nudge = new(0, 1);
    private readonly long _startedUnixMs;
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
        _leases = new ReplicaLeases(parts.Capacity);
        _startedUnixMs = parts.UsageTime.GetUtcNow().ToUnixTimeMilliseconds();
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

    /// <summary>Says of leases that have to shrink, and decides anew: what ran on them is drained.</summary>
    public void Follow(IReadOnlyList<LeaseCut> cuts)
    {
        foreach (LeaseCut cut in cuts)
        {
            LeaseShrinks(
                _parts.Logger, cut.LeaseId, cut.Before, cut.After,
                DateTimeOffset.FromUnixTimeMilliseconds(cut.ByUnixMs));
        }

        Nudge();
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

    /// <remarks>Nudges may come after this: what nudges ends later.</remarks>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task PassInTurnAsync(CancellationToken cancel)
    {
        // The fleet first: what it has of replicas is among those that are listed then.
        FleetConfig inForce = _parts.Fleet.Model.Config;
        IReadOnlyList<ReplicaStatus> standing = _parts.Replicas.List();
        var now = Instant.From(_parts.Time);
        _nowMs = now.WallUnixMs;
        FleetConfig fleet = ReplicaOrder.Runnable(ReplicaRoles.Without(inForce, standing));
        var roles = new ReplicaRoles(standing, fleet, _parts.Emulator, UsageNowMs());

        // 1. What is withdrawn is away in the ledger too; leases of engines that are gone end.
        await FollowAsync(inForce, roles, now.WallUnixMs, cancel).ConfigureAwait(false);
        bool places = Array.Exists(fleet.Pools, p => p.Placement == PoolPlacement.Automatic)
            && Array.Exists(fleet.Models, m => m.Versions.Length > 0);
        if (!places && standing.Count == 0)
        {
            Volatile.Write(ref _last, null);
            return;
        }

        // 2. Demand, capacity, what stands.
        _inputs.Rooms = _parts.Rooms?.Invoke(inForce) ?? [];
        _inputs.Barred = roles.Barred;
        IReadOnlyList<DemandForecast> demand = await DemandAsync(fleet, now, cancel).ConfigureAwait(false);
        PlacementProblem problem = _inputs.ProblemAt(fleet, demand, _parts.Fleet.Exports, now);
        PlacementState state = StateOf(roles, fleet, now.WallUnixMs);

        // 3. The decision.
        PlacementPlan plan = _placer.Next(problem, state, now, _seed++);
        _promises = plan.Promises;

        // 4. A lease for whatever runs and shall run; what gets none is decided anew with the next pass. First for what
        // leaves and was slower than its capacity, should that be back: nobody else may have it before it is gone.
        await HoldLeavingAsync(roles, now.WallUnixMs, cancel).ConfigureAwait(false);
        var refused = ImmutableArray.CreateBuilder<string>();
        ImmutableArray<ReplicaWanted> wanted = await OrderAsync(
            plan, problem, roles, fleet, now.WallUnixMs, refused, cancel).ConfigureAwait(false);

        // 5. Orders. The replicas know of them when this returns, so that the next pass sees them standing.
        _parts.Want(wanted);
        Volatile.Write(ref _last, new PlacementPass(now.Wall, plan, refused.ToImmutable(), problem.Terms.HorizonHours));
        await _parts.Replicas.PassAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>Brings withdrawals into the ledger as capacity that is away, and ends leases of what runs no more.
    /// </summary>
    private Task<LedgerResult> FollowAsync(
        FleetConfig fleet, ReplicaRoles roles, long nowMs, CancellationToken cancel) =>
        _parts.Capacity.ApplyAsync(
            ledger => _parts.Capacity.WithDeployed(ledger,
            [
                .. WithdrawnSupply.Changes(ledger, fleet, _parts.Withdrawals.Standing, nowMs),
                .. ReplicaLeases.Ended(ledger, roles.Alive, nowMs),
            ]),
            ReplicaLeases.Actor,
            "follows engines and withdrawals",
            cancel);

    private async Task HoldLeavingAsync(ReplicaRoles roles, long nowMs, CancellationToken cancel)
    {
        CapacityLedger ledger = _parts.Capacity.Ledger;
        foreach (ReplicaWanted leaving in roles.Leaving.Select(s => s.State.Spec))
        {
            if (!ReplicaLeases.Holds(ledger, leaving.Id, leaving.Pool, nowMs))
            {
                _ = await _leases.HoldAsync(
                    leaving.Id, leaving.Pool, leaving.Resources.Accelerators, nowMs, cancel).ConfigureAwait(false);
            }
        }
    }

    private async Task<ImmutableArray<ReplicaWanted>> OrderAsync(
        PlacementPlan plan,
        PlacementProblem problem,
        ReplicaRoles roles,
        FleetConfig fleet,
        long nowMs,
        ImmutableArray<string>.Builder refused,
        CancellationToken cancel)
    {
        CapacityLedger ledger = _parts.Capacity.Ledger;
        ILookup<string, Lease> leases = ReplicaLeases.ByReplica(ledger, nowMs);
        var emptied = plan.Drains.Select(d => d.Pool)
            .Concat(roles.Leaving.Select(s => s.State.Spec.Pool)).ToHashSet(StringComparer.Ordinal);
        var open = problem.Pools.Where(p => p.AvailableByHour is [> 0, ..]).Select(p => p.Id)
            .ToHashSet(StringComparer.Ordinal);
        var wanted = ImmutableArray.CreateBuilder<ReplicaWanted>();
        wanted.AddRange(roles.GivenUp.Select(s => s.State.Spec));
        wanted.AddRange(roles.Failing
            .Where(s => open.Contains(s.State.Spec.Pool)
                && leases[s.State.Id].Any(l => l.Held.At(nowMs) > 0))
            .Select(s => roles.OrderOf(s, fleet, _parts.Emulator)));
        foreach (PlacementDecision decision in plan.Decisions)
        {
            ReplicaWanted? order = decision.Action switch
            {
                PlacementAction.Keep when decision.Cause != PlacementCause.Draining =>
                    roles.OrderOf(roles.Of(decision.ReplicaId), fleet, _parts.Emulator),
                PlacementAction.Start => ReplicaOrder.Of(decision, fleet, _parts.Emulator),
                _ => null,
            };
            if (decision.Action == PlacementAction.Drain)
            {
                Drained(_parts.Logger, decision.ReplicaId, decision.Model, decision.Pool, decision.Cause);
            }
            else if (order is not null && await MayRunAsync(
                decision, leases[decision.ReplicaId], emptied, nowMs, refused, cancel).ConfigureAwait(false))
            {
                wanted.Add(order);
            }
        }

        return wanted.ToImmutable();
    }

    /// <summary>Whether a replica may run: it holds a lease, or will as soon as what drains beside it is
    /// gone.</summary>
    private async Task<bool> MayRunAsync(
        PlacementDecision decision,
        IEnumerable<Lease> leases,
        HashSet<string> emptied,
        long nowMs,
        ImmutableArray<string>.Builder refused,
        CancellationToken cancel)
    {
        if (ReplicaLeases.IsWhole(leases, decision.LeasedAccelerators, nowMs))
        {
            return true;
        }

        string? why = await _leases.HoldAsync(
            decision.ReplicaId, decision.Pool, decision.LeasedAccelerators, nowMs, cancel).ConfigureAwait(false);
        bool starts = decision.Action == PlacementAction.Start;
        if (why is not null)
        {
            refused.Add($"{decision.ReplicaId}: {why}");
            return !starts && emptied.Contains(decision.Pool);
        }

        if (starts)
        {
            Started(_parts.Logger, decision.ReplicaId, decision.Model, decision.Pool, decision.Cause);
        }

        return true;
    }

    /// <summary>What is forecast, and for the hours now what is asked now where that is more: a forecast knows nothing
    /// of the first day.</summary>
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

        // The ledger counts in whole minutes: the one that has begun counts for as much of it as has passed. Before the
        // start there is none.
        DateTimeOffset used = _parts.UsageTime.GetUtcNow();
        var started = DateTimeOffset.FromUnixTimeMilliseconds(_startedUnixMs);
        DateTimeOffset from = WholeMinute(used - Recent);
        TimeSpan over = used - (from < started ? started : from);
        if (over < Least)
        {
            return NowCast.Join(_history, [], fleet, fleet.Server.Placement.DemandQuantile, hour, Recent);
        }

        var query = new UsageQuery(
            from < started ? WholeMinute(started) : from, used.AddMinutes(1),
            [UsageDimension.Tenant, UsageDimension.Model]);
        IReadOnlyList<UsageRow> rows = await _parts.Usage.QueryAsync(query, cancel).ConfigureAwait(false);
        return NowCast.Join(
            _history, rows, fleet, fleet.Server.Placement.DemandQuantile, hour, over, AskedPerServed);
    }

    private static DateTimeOffset WholeMinute(DateTimeOffset time) =>
        DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds() / 60 * 60);

    /// <summary>By Little's law what is asked of a model is to what is served as those who wait and those who are
    /// served together are to those who are served, while nobody gives up.</summary>
    private double AskedPerServed(string id)
    {
        if (_parts.Fleet.Model.FindModel(id) is not { } model)
        {
            return 1;
        }

        int served = model.Deployments.Sum(d => _parts.Fleet.Of(d).InFlight);
        return 1 + _parts.Fleet.QueueOf(model).Count / (double)Math.Max(1, served);
    }

    private PlacementState StateOf(ReplicaRoles roles, FleetConfig fleet, long nowMs)
    {
        ILookup<string, Lease> leases = ReplicaLeases.ByReplica(_parts.Capacity.Ledger, nowMs);
        long usageNow = UsageNowMs();
        var held = from transfer in _parts.Replicas.Transfers()
                   where transfer.Path is not null
                   from model in fleet.Models
                   from version in model.Versions
                   where version.Weights.Sha256 == transfer.Spec.File.Sha256
                   select new HeldWeights(model.Id, version.Id, transfer.Spec.Route.Site);
        return new PlacementState
        {
            Replicas =
            [
                .. roles.Holding.Select(s => roles.AsPlaced(s) with
                {
                    LeasedAccelerators = (int)leases[s.State.Id].Select(l => l.Request.Quantity)
                        .DefaultIfEmpty(s.State.Spec.Resources.Accelerators).First(),

                    // Ages count from this process's start at the soonest: a server that was down knows nothing of the
                    // demand meanwhile, and must not send away at once what it found.
                    StartedUnixMs = nowMs - Math.Max(0, usageNow - Math.Max(_startedUnixMs, s.State.SinceUnixMs)),
                }),
            ],
            Held = [.. held.Distinct()],
            Promises = _promises,
        };
    }

    private ImmutableArray<int>? AvailableOf(PoolConfig pool, long hour)
    {
        CapacityLedger ledger = _parts.Capacity.Ledger;
        CapacityLane lane = ReplicaLeases.LaneOf(pool.Id);
        if (_parts.IsEmptied?.Invoke(pool.Id) == true)
        {
            return [0];
        }

        if (ledger.SupplyOf(lane) is null)
        {
            return null;
        }

        StepFunction available = ledger.AvailableOf(lane);
        return ByHour(hour, h => available.Min(Math.Max(_nowMs, HourOfWeek.StartOf(h)), HourOfWeek.StartOf(h + 1)));
    }

    /// <summary>The most that others than deployments hold in each hour: those of the fleet file are counted as it has
    /// them, whether or not there is as much.</summary>
    private ImmutableArray<int> OthersOf(PoolConfig pool, long hour)
    {
        Lease[] others =
        [
            .. _parts.Capacity.Ledger.LeasesOf(ReplicaLeases.LaneOf(pool.Id))
                .Where(l => !ReplicaLeases.IsReplicas(l) && !DeployedLeases.IsFiles(l)),
        ];
        return others.Length == 0 ? [] : ByHour(hour, h => others.Sum(l => Most(l.Held, h)));
    }

    private static long Most(StepFunction held, long hour)
    {
        long end = HourOfWeek.StartOf(hour + 1);
        long most = held.At(HourOfWeek.StartOf(hour));
        for (long? at = held.NextChange(HourOfWeek.StartOf(hour)); at < end; at = held.NextChange(at.Value))
        {
            most = Math.Max(most, held.At(at.Value));
        }

        return most;
    }

    private ImmutableArray<int> ByHour(long hour, Func<long, long> quantity)
    {
        int hours = _parts.Fleet.Model.Config.Server.Placement.HorizonHours;
        return [.. Enumerable.Range(0, hours).Select(h => (int)Math.Clamp(quantity(hour + h), 0, int.MaxValue))];
    }

    private long UsageNowMs() => _parts.UsageTime.GetUtcNow().ToUnixTimeMilliseconds();

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await PassAsync(_stop.Token).ConfigureAwait(false);
                await RestAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                // The server stops; engines run on.
            }
            catch (Exception e)
            {
                PassFailed(_parts.Logger, e);
                await RestAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task RestAsync()
    {
        var interval = TimeSpan.FromSeconds(_parts.Fleet.Model.Config.Server.Placement.IntervalSeconds);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        await Task.WhenAny(Task.Delay(interval, _parts.Time, either.Token), _nudge.WaitAsync(either.Token))
            .ConfigureAwait(false);
        await either.CancelAsync().ConfigureAwait(false);
    }

    [LoggerMessage(2130, LogLevel.Information, "Placement starts {Replica} of {Model} on {Pool}: {Cause}.")]
    private static partial void Started(
        ILogger logger, string replica, string model, string pool, PlacementCause cause);

    [LoggerMessage(2131, LogLevel.Information, "Placement drains {Replica} of {Model} on {Pool}: {Cause}.")]
    private static partial void Drained(
        ILogger logger, string replica, string model, string pool, PlacementCause cause);

    [LoggerMessage(2132, LogLevel.Error, "Placement could not decide; it tries again.")]
    private static partial void PassFailed(ILogger logger, Exception problem);

    [LoggerMessage(2133, LogLevel.Information, "Lease {Lease} shrinks from {Before} to {After} by {By:O}.")]
    private static partial void LeaseShrinks(
        ILogger logger, string lease, long before, long after, DateTimeOffset by);
}
