using Forebay.Control.Capacity;
using Forebay.Control.Placement;
using Forebay.Core.Capacity.Ledger;
using Forebay.TestKit.Memory;
using Xunit;

namespace Forebay.UnitTests.Control.Placement;

public sealed class ReplicaLeasesTests : IDisposable
{
    private const string Pool = "p";
    private static readonly CapacityLane Lane = ReplicaLeases.LaneOf(Pool);

    private readonly CapacityService _capacity = new(new MemoryCapacity(), TimeProvider.System);
    private readonly ReplicaLeases _leases;

    public ReplicaLeasesTests() => _leases = new ReplicaLeases(_capacity);

    private CapacityLedger Ledger => _capacity.Ledger;

    public void Dispose() => _capacity.Dispose();

    [Fact]
    public async Task A_lease_is_open_where_capacity_stays_and_ends_where_it_does()
    {
        await SupplyAsync((0, 16), (1000, 8));

        Assert.Null(await HoldAsync("a", 10));
        Assert.Null(await HoldAsync("b", 10));
        Assert.Contains("0 of 16 are free", await HoldAsync("c", 10), StringComparison.Ordinal);

        Assert.Equal(long.MaxValue, Single("a").EndUnixMs);
        Assert.Equal(1000, Single("b").EndUnixMs);
        Assert.True(ReplicaLeases.Holds(Ledger, "b", Pool, 999));
        Assert.False(ReplicaLeases.Holds(Ledger, "b", Pool, 1000));
        Assert.True(ReplicaLeases.IsWhole([Single("a")], 8, 10));
        Assert.False(ReplicaLeases.IsWhole([Single("b")], 8, 10));
    }

    [Fact]
    public async Task A_lease_that_can_go_on_is_replaced_by_one_that_does_and_one_that_cannot_is_left_alone()
    {
        await SupplyAsync((0, 8), (1000, 0));
        await HoldAsync("a", 10);
        long version = Ledger.Version;
        Assert.Null(await HoldAsync("a", 20));
        Assert.Equal(version, Ledger.Version);

        await SupplyAsync((0, 8), (5000, 0));
        Assert.Null(await HoldAsync("a", 30));
        Assert.Equal(5000, Single("a", 30).EndUnixMs);

        await SupplyAsync((0, 8));
        Assert.Null(await HoldAsync("a", 40));
        Assert.Equal(long.MaxValue, Single("a", 40).EndUnixMs);
        Assert.Equal(8, Ledger.Leased(Lane, 35));
    }

    [Fact]
    public async Task One_that_was_cut_holds_again_when_capacity_is_back()
    {
        await SupplyAsync((0, 8));
        await HoldAsync("a", 10);
        await SupplyAsync((0, 0));
        Assert.False(ReplicaLeases.Holds(Ledger, "a", Pool, 20));
        Assert.NotNull(await HoldAsync("a", 20));

        await SupplyAsync((0, 8));
        Assert.Null(await HoldAsync("a", 30));
        Assert.True(ReplicaLeases.Holds(Ledger, "a", Pool, 30));
    }

    [Fact]
    public async Task Leases_of_engines_that_are_gone_end_and_other_holders_keep_theirs()
    {
        await SupplyAsync((0, 24));
        await HoldAsync("a", 10);
        await HoldAsync("b", 10);
        await _capacity.ApplyAsync(
            _ => [new GrantLease(new LeaseRequest("job/1", LeaseHolder.Job, "1", Lane, 8, 10))], "t", "job", default);

        await _capacity.ApplyAsync(l => [.. ReplicaLeases.Ended(l, ["a"], 50)], "t", "ended", default);

        Assert.Equal(16, Ledger.Leased(Lane, 50));
        Assert.False(ReplicaLeases.Holds(Ledger, "b", Pool, 50));
        Assert.True(ReplicaLeases.Holds(Ledger, "a", Pool, 50));
        Assert.Empty(ReplicaLeases.Ended(Ledger, ["a"], 60));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Whatever_capacity_does_a_replica_holds_for_as_long_as_it_could_and_no_longer(int seed)
    {
        var random = new Random(seed);
        for (long now = 10; now < 600; now += random.Next(1, 20))
        {
            switch (random.Next(4))
            {
                case 0:
                    await SupplyAsync([.. Enumerable.Range(0, 6).Select(i => (now - 30 + i * 25, 8 * random.NextInt64(0, 5)))]);
                    break;
                case 1:
                    var alive = Enumerable.Range(0, 6).Where(_ => random.Next(3) > 0).Select(i => $"r{i}").ToHashSet();
                    await _capacity.ApplyAsync(l => [.. ReplicaLeases.Ended(l, alive, now)], "t", "ended", default);
                    break;
                default:
                    string replica = $"r{random.Next(6)}";
                    bool free = Ledger.Free(Lane, now, now + 1) >= 8;
                    bool held = ReplicaLeases.Holds(Ledger, replica, Pool, now);
                    string? why = await HoldAsync(replica, now);
                    Assert.Equal(free || held, why is null);
                    Assert.Equal(why is null, ReplicaLeases.Holds(Ledger, replica, Pool, now));
                    if (why is null)
                    {
                        // It holds one alone, up to the first time that there are too few for it.
                        Lease own = Assert.Single(ReplicaLeases.ByReplica(Ledger, now)[replica]);
                        long end = own.Held.NextChange(now) ?? long.MaxValue;
                        Assert.True(end == long.MaxValue || Ledger.Free(Lane, end, end + 1) < 8);
                    }

                    break;
            }

            Assert.True(Ledger.Leased(Lane, now) <= Ledger.Available(Lane, now));
        }
    }

    private Lease Single(string replica, long now = 10) => Assert.Single(ReplicaLeases.ByReplica(Ledger, now)[replica]);

    private Task<string?> HoldAsync(string replica, long now) => _leases.HoldAsync(replica, Pool, 8, now, default);

    private Task<LedgerResult> SupplyAsync(params (long From, long Quantity)[] steps) => _capacity.ApplyAsync(
        _ => [new SetSupply(new PoolSupply
        {
            Lane = Lane,
            Contracted = StepFunction.Of(steps.Select(s => new CapacityStep(s.From, s.Quantity))),
            Shares = PoolSupply.AllUsable,
        })],
        "t",
        "supply",
        default);
}
