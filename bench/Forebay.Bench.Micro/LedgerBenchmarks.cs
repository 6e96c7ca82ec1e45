using BenchmarkDotNet.Attributes;
using Forebay.Core.Capacity.Ledger;

namespace Forebay.Bench.Micro;

/// <summary>The capacity ledger with 10,000 pools under ramping commitments and a million leases over a year. One in a
/// thousand pools is crowded: <c>crowd</c> holds a tenth of all leases by itself.</summary>
[MemoryDiagnoser]
[WarmupCount(2), IterationCount(5)]
public class LedgerBenchmarks
{
    private const int Pools = 10_000;
    private const int Leases = 1_000_000;
    private const long Year = 365L * 86_400_000;
    private static readonly CapacityLane Crowd = new("crowd", CapacityUnit.Accelerators);

    private CapacityLedger _ledger = CapacityLedger.Empty;
    private CapacityLane[] _lanes = [];
    private long _at;
    private int _next;

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _lanes = [Crowd, .. Enumerable.Range(1, Pools - 1).Select(i => new CapacityLane($"p{i}", CapacityUnit.Accelerators))];
        PoolSupply[] supplies =
        [
            .. _lanes.Select(lane => new PoolSupply
            {
                Lane = lane,
                Contracted = StepFunction.Of(Enumerable.Range(0, 12)
                    .Select(i => new CapacityStep(Year * i / 12, 100_000_000 + (i * 1000)))),
                Shares = PoolSupply.AllUsable,
            }),
        ];
        Lease[] leases =
        [
            .. Enumerable.Range(0, Leases).Select(i =>
            {
                CapacityLane lane = i % 10 == 0 ? Crowd : _lanes[random.Next(Pools)];
                long from = random.NextInt64(Year);
                var asked = new LeaseRequest(
                    $"lease-{i}", LeaseHolder.Deployment, "d", lane, 8, from, from + random.NextInt64(1, Year));
                return new Lease
                {
                    Request = asked,
                    Held = StepFunction.Of(new CapacityStep(from, 8), new CapacityStep(asked.UntilUnixMs!.Value, 0)),
                    Generation = 1,
                    Sequence = i,
                };
            }),
        ];
        _ledger = CapacityLedger.Load(1, Leases, supplies, leases);
    }

    [Benchmark]
    public long At() => _ledger.Available(Crowd, Time()) - _ledger.Leased(Crowd, Time());

    [Benchmark]
    public long FreeOverAMonth() => _ledger.Free(Crowd, Time(), Time() + (Year / 12));

    [Benchmark]
    public long? NextChange() => _ledger.NextChange(Crowd, Time());

    [Benchmark]
    public long FreeOfTheFleet()
    {
        long at = Time();
        return _ledger.Available(CapacityUnit.Accelerators, at) - _ledger.Leased(CapacityUnit.Accelerators, at);
    }

    [Benchmark]
    public CapacityLedger GrantInTheCrowd()
    {
        var asked = new LeaseRequest(
            $"new-{_next++}", LeaseHolder.Job, "j", Crowd, 8, Time(), Time() + (Year / 12));
        return _ledger.Apply([new GrantLease(asked)], 0).Ledger;
    }

    private long Time() => _at = (_at + 7_919_000_003) % Year;
}
