using System.Collections.Frozen;
using System.Collections.Immutable;
using Forebay.Control.Audit;
using Forebay.Control.Capacity;
using Forebay.Control.Placement;
using Forebay.Control.Replicas;
using Forebay.Control.Withdrawals;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Fleet;
using Forebay.Serve;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Control.Placement;

/// <summary>
/// Placement with its replicas, leases and an executor that goes wrong by script, moved on pass by pass with a clock of
/// its own. It watches what must hold at every moment, and may be left as a killed process is and begun anew.
/// </summary>
internal sealed class PlacementRoom : IAsyncDisposable
{
    public const string Model = "atlas";
    public const int PerReplica = 8;

    public static readonly string[] Pools = ["east", "west"];

    private readonly MemoryCapacity _stored = new();
    private readonly MemoryReplicas _replicas = new();
    private readonly FleetState _fleet = new();
    private readonly ManualTime _time = new();
    private readonly WithdrawalService _withdrawals;
    private readonly List<string> _wrong = [];
    private ImmutableArray<ReplicaWanted> _wanted = [];
    private HashSet<string> _routed = [];
    private CapacityService _capacity = null!;
    private ReplicaLoop _loop = null!;
    private PlacementLoop _placement = null!;

    public PlacementRoom(ScriptedExecutor executor)
    {
        Executor = executor;
        executor.Starting = spec =>
        {
            if (!Pools.Any(p => ReplicaLeases.Holds(_capacity.Ledger, spec.Id, p, NowMs)))
            {
                Tell($"{spec.Id} is started without a lease");
            }
        };
        _withdrawals = new WithdrawalService(
            _fleet, new MemoryWithdrawalStore(),
            new AuditedChange(new MemoryAuditLog(), _time, NullLogger<AuditedChange>.Instance), _time,
            NullLoggerFactory.Instance);
    }

    public ScriptedExecutor Executor { get; }

    /// <summary>What did not hold.</summary>
    public IReadOnlyList<string> Wrong
    {
        get
        {
            lock (_wrong)
            {
                return [.. _wrong];
            }
        }
    }

    /// <summary>Replicas that serve.</summary>
    public int Ready => _loop.List().Count(r => r.State.Phase == ReplicaPhase.Ready && _routed.Contains(r.State.Id));

    public IReadOnlyList<ReplicaStatus> Replicas => _loop.List();

    private long NowMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private CapacityLedger Ledger => _capacity.Ledger;

    /// <summary>Begins as a server begins, over what the one before left.</summary>
    public async Task BeginAsync(int minimum)
    {
        Want(minimum);
        _capacity = new CapacityService(_stored, _time);
        await _capacity.LoadAsync(default);
        _wanted = [.. (await _replicas.ListReplicasAsync(default)).Select(r => r.Spec)];
        _routed = [];
        _loop = await ReplicaLoop.OpenAsync(Parts(), default);
        _placement = new PlacementLoop(new PlacementLoopParts
        {
            Fleet = _fleet,
            Capacity = _capacity,
            Usage = new MemoryUsage(),
            Replicas = _loop,
            Want = wanted => _wanted = wanted,
            Withdrawals = _withdrawals,
            Emulator = new EmulatorProgram("forebay", []),
            Time = _time,
            UsageTime = _time,
            Logger = NullLogger<PlacementLoop>.Instance,
        });
    }

    /// <summary>Is killed: what was under way is not waited for by whoever comes next.</summary>
    public async Task EndAsync()
    {
        await _placement.DisposeAsync();
        await _loop.DisposeAsync();
        _capacity.Dispose();
    }

    /// <summary>From now on so many replicas are the least.</summary>
    public void Want(int minimum)
    {
        FleetConfig config = FleetSource.Reader.Read(Yaml(minimum), "f.yaml").Config!;
        _fleet.Model = FleetModel.Build(config, FrozenDictionary<string, Uri>.Empty);
    }

    /// <summary>A pool has so many accelerators from now on.</summary>
    public async Task SupplyAsync(string pool, long accelerators)
    {
        CapacityLane lane = ReplicaLeases.LaneOf(pool);
        LedgerResult result = await _capacity.ApplyAsync(
            ledger =>
            {
                StepFunction before = ledger.SupplyOf(lane)?.Contracted ?? StepFunction.Zero;
                ImmutableArray<CapacityStep> steps =
                    [.. before.Steps.Where(s => s.FromUnixMs < NowMs), new CapacityStep(NowMs, accelerators)];
                return
                [
                    new SetSupply(new PoolSupply
                    {
                        Lane = lane, Contracted = StepFunction.Of(steps), Shares = PoolSupply.AllUsable,
                    }),
                ];
            },
            "test", "test", default);
        Assert.Null(result.Refusal);
    }

    /// <summary>Time passes and replicas are looked at; placement decides nothing.</summary>
    public async Task LookAsync(TimeSpan step)
    {
        _time.Advance(step);
        await _loop.PassAsync(default);
        await SettleAsync();
    }

    /// <summary>Time passes, replicas are looked at, placement decides; then everything must hold.</summary>
    public async Task PassAsync(TimeSpan step)
    {
        await LookAsync(step);
        await _placement.PassAsync(default);
        await SettleAsync();
        Check();
    }

    /// <summary>What runs has its lease, nothing else has one, and all that are wanted run.</summary>
    public bool IsAtRest(int replicas)
    {
        string[] leased =
        [
            .. Ledger.Leases.Where(l => l.Held.At(NowMs) > 0).Select(l => l.Request.Holder).Order(StringComparer.Ordinal),
        ];
        return Ready == replicas && leased.SequenceEqual(Executor.Alive.Order(StringComparer.Ordinal))
            && leased.Length == replicas;
    }

    public override string ToString() => string.Join('\n', [
        .. Replicas.Select(r => $"{r.State.Id} {r.State.Phase} generation {r.State.Generation}, {r.State.Failures} failures, "
            + $"{(r.Wanted is null ? "not " : "")}wanted: {r.State.Reason}"),
        .. Ledger.Leases.Select(l => $"{l.Id} holds {l.Held.At(NowMs)} of {l.Lane.Pool} for {l.Request.Holder}"),
        $"alive: {string.Join(' ', Executor.Alive)}", $"refused: {string.Join("; ", _placement.Last?.Refused ?? [])}",
    ]);

    public async ValueTask DisposeAsync()
    {
        Executor.Release();
        await EndAsync();
        await _withdrawals.DisposeAsync();
    }

    /// <summary>What was begun has ended, but for what hangs.</summary>
    private async Task SettleAsync()
    {
        while (_loop.Acting > Executor.Hung)
        {
            await Task.Yield();
        }
    }

    private void Check()
    {
        foreach (string pool in Pools)
        {
            CapacityLane lane = ReplicaLeases.LaneOf(pool);
            long available = Ledger.Available(lane, NowMs);
            if (Ledger.Leased(lane, NowMs) > available)
            {
                Tell($"{pool} has {Ledger.Leased(lane, NowMs)} leased of {available}");
            }

            // A lease ends before its engine only where the capacity went away under it; once it is back, it has one again
            // before anybody else.
            long free = available - Ledger.Leased(lane, NowMs);
            string[] without =
            [
                .. Executor.Alive.Where(id => !ReplicaLeases.Holds(Ledger, id, pool, NowMs)
                    && _loop.List().Any(r => r.State.Id == id && r.State.Spec.Pool == pool)),
            ];
            if (without.Length > 0 && free >= PerReplica)
            {
                Tell($"{string.Join(' ', without)} run on {pool} without a lease though {free} are free");
            }
        }
    }

    private void Tell(string wrong)
    {
        lock (_wrong)
        {
            _wrong.Add(wrong);
        }
    }

    private ReplicaLoopParts Parts() => new()
    {
        Executor = Executor,
        Weights = new HeldHere(),
        Store = _replicas,
        Wanted = _ => ValueTask.FromResult(_wanted),
        Publish = (ready, _) =>
        {
            _routed = [.. ready.Select(d => d.Id)];
            return Task.CompletedTask;
        },
        InFlight = static _ => 0,
        MayStart = wanted => ReplicaLeases.Holds(Ledger, wanted.Id, wanted.Pool, NowMs),
        ReadSecret = static _ => "",
        Time = _time,
        Jitter = static () => 0.5,
        Logger = NullLogger<ReplicaLoop>.Instance,
        Options = new ReplicaLoopOptions
        {
            Policy = new ReplicaPolicy(StopGraceMs: 1_000, FirstWaitMs: 200, MaxWaitMs: 5_000, MaxFailures: 1_000),
            Settling = TimeSpan.Zero,
        },
    };

    private static string Yaml(int minimum) => $$$"""
        version: 1
        server: {placement: {minimum_dwell_minutes: 0}}
        providers: [{id: p}]
        sites:
          - {id: east-site, provider: p, country: US, jurisdiction: us}
          - {id: west-site, provider: p, country: US, jurisdiction: us}
        pools:
          - {id: east, site: east-site, placement: automatic, accelerators: {type: H100-SXM, count: 32}}
          - {id: west, site: west-site, placement: automatic, accelerators: {type: H100-SXM, count: 32}}
        models:
          - id: {{{Model}}}
            context_tokens: 32768
            max_output_tokens: 4096
            parameters_billion: 70
            placement: {minimum_replicas: {{{minimum}}}}
            versions:
              - id: "1"
                weights: {size_bytes: 1000, sha256: {{{new string('0', 64)}}}, source: /weights}
                builds:
                  - id: fp8
                    accelerators: [H100-SXM]
                    precision: fp8
                    accelerators_per_replica: {{{PerReplica}}}
                    max_concurrency: 8
                    engine: {command: "engine {port}", dialects: [openai], start_seconds: 1}
        """;

    /// <summary>Weights that are at every site already.</summary>
    private sealed class HeldHere : IWeights
    {
        private ImmutableArray<TransferSpec> _wanted = [];

        public void Want(IReadOnlyCollection<TransferSpec> wanted, IReadOnlySet<TransferKey> again) => _wanted = [.. wanted];

        public TransferView? Find(TransferKey key) => List().FirstOrDefault(t => t.Spec.Key == key);

        public IReadOnlyList<TransferView> List() => [.. _wanted.Select(s => new TransferView(
            s, TransferProgress.Begin(s.File, 0) with { Phase = TransferPhase.Done }, 0, null, "/weights"))];

        public string LayOut(string owner, string site, IReadOnlyCollection<(string Path, string Sha256)> files) => "/laid";
    }

    private sealed class MemoryReplicas : IReplicaStore
    {
        private readonly Dictionary<string, ReplicaState> _states = new(StringComparer.Ordinal);

        public Task<IReadOnlyList<ReplicaState>> ListReplicasAsync(CancellationToken cancel) =>
            Task.FromResult<IReadOnlyList<ReplicaState>>([.. _states.Values]);

        public Task SaveReplicasAsync(
            IReadOnlyCollection<ReplicaState> changed, IReadOnlyCollection<string> removed, CancellationToken cancel)
        {
            foreach (ReplicaState state in changed)
            {
                _states[state.Id] = state;
            }

            foreach (string id in removed)
            {
                _states.Remove(id);
            }

            return Task.CompletedTask;
        }
    }
}
