using System.Collections.Frozen;
using BenchmarkDotNet.Attributes;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;

namespace Forebay.Bench.Micro;

/// <summary>
/// The fair queue with a million requests waiting: ten thousand tenants in three classes, eight tags over sixteen
/// deployments, every request with a deadline. One of each pair leaves for one that comes, so the million stays.
/// </summary>
public class QueueBenchmarks
{
    private const int Waiting = 1_000_000;
    private const int Tenants = 10_000;
    private const int Deployments = 16;
    private const int Tags = 8;

    private readonly FairQueue _queue = new();
    private readonly QueueEntry[] _entries = new QueueEntry[Waiting];
    private readonly string[] _ids = [.. Enumerable.Range(0, Deployments).Select(i => $"d{i}")];
    private ServiceCounter[] _counters = [];
    private EligibleSet[] _sets = [];
    private ModelQueue _direct = null!;
    private Tenant[] _tenants = [];
    private ServiceMeter _meter;
    private uint _number;
    private long _nowNs;

    [GlobalSetup]
    public void Setup()
    {
        var state = new FleetState { Model = FleetModel.Build(Fleet(), FrozenDictionary<string, Uri>.Empty) };
        FleetModel fleet = state.Model;
        _direct = state.QueueOf(fleet.Models[0]);
        _tenants = [fleet.FindTenant("a")!, fleet.FindTenant("b")!];
        _meter = _direct.Admit(_tenants[0], 10);
        _sets =
        [
            .. Enumerable.Range(0, Tags).Select(t => new EligibleSet(
                [.. fleet.Deployments.Where(d => t == 0 || d.Index % Tags == t || d.Index % 5 == t % 5)])),
        ];
        _counters = [.. Enumerable.Range(0, Tenants).Select(i => _queue.CounterOf($"tenant-{i}"))];
        for (int i = 0; i < Waiting; i++)
        {
            _entries[i] = new QueueEntry();
            Enter(_entries[i]);
        }
    }

    /// <summary>The next one gets a place and another begins to wait: two operations.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public int GrantAndEnter()
    {
        string place = _ids[_number % Deployments];
        QueueEntry next = _queue.Peek(place)!;
        _queue.Grant(next, place);
        Enter(next);
        return _queue.Count;
    }

    /// <summary>One goes away, wherever it stands, and another begins to wait: two operations.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public int LeaveAndEnter()
    {
        QueueEntry entry = _entries[Random() % Waiting];
        _queue.Remove(entry);
        Enter(entry);
        return _queue.Count;
    }

    /// <summary>A batch of streamed output is charged to a tenant that waits.</summary>
    [Benchmark]
    public void Charge() => _counters[Random() % Tenants].Charge(0, 16);

    /// <summary>What a newcomer is told of its wait.</summary>
    [Benchmark]
    public double Predict() => _queue.PredictWaitNs(_entries[0], _nowNs);

    /// <summary>A request that is let in while nobody waits, and its settlement.</summary>
    [Benchmark]
    public void AdmitAndSettle()
    {
        ServiceMeter meter = _direct.Admit(_tenants[_number++ & 1], 1000);
        meter.Settle(900, 100);
    }

    /// <summary>The same with two threads at once, each operation of both.</summary>
    [Benchmark(OperationsPerInvoke = 2 * 100_000)]
    public void AdmitAndSettleOnTwoThreads() => Parallel.For(0, 2, new ParallelOptions { MaxDegreeOfParallelism = 2 }, t =>
    {
        for (int i = 0; i < 100_000; i++)
        {
            ServiceMeter meter = _direct.Admit(_tenants[t], 1000);
            meter.Settle(900, 100);
        }
    });

    /// <summary>What a batch of streamed events costs.</summary>
    [Benchmark]
    public void Produced() => _meter.Produced(++_nowNs);

    private void Enter(QueueEntry entry)
    {
        uint random = Random();
        _nowNs += 1000;
        var priority = (PriorityClass)(random % 3);
        entry.Prepare(
            _counters[random / 3 % Tenants], priority, _sets[random % Tags], random % 4096, _nowNs + 60_000_000_000);
        _queue.Enter(entry, _nowNs);
    }

    private uint Random()
    {
        _number++;
        uint x = _number * 0x9E3779B9;
        x ^= x >> 16;
        x *= 0x85EBCA6B;
        return x ^ (x >> 13);
    }

    private static FleetConfig Fleet() => new()
    {
        Providers = [new ProviderConfig { Id = "p" }],
        Sites = [new SiteConfig { Id = "s", Provider = "p", Country = "US", Jurisdiction = "us" }],
        Pools = [new PoolConfig { Id = "pool", Site = "s", Quota = new PoolQuotaConfig { RequestsPerMinute = 1000 } }],
        Models =
        [
            new ModelConfig
            {
                Id = "atlas", ContextTokens = 200_000, MaxOutputTokens = 64_000, ParametersBillion = Figure.Of(70),
            },
        ],
        Deployments =
        [
            .. Enumerable.Range(0, Deployments).Select(i => new DeploymentConfig
            {
                Id = $"d{i}", Model = "atlas", Pool = "pool", Endpoint = new Uri($"http://127.0.0.1:{9000 + i}"),
            }),
        ],
        Tiers = [new TierConfig { Id = "scale" }],
        Tenants = [new TenantConfig { Id = "a", Tier = "scale" }, new TenantConfig { Id = "b", Tier = "scale" }],
    };
}
