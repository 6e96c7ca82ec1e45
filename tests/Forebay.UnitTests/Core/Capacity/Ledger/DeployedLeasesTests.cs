using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Ledger;

public sealed class DeployedLeasesTests
{
    private const long Now = 1000;

    private static readonly CapacityLane East = new("east", CapacityUnit.Accelerators);
    private static readonly CapacityLane West = new("west", CapacityUnit.Accelerators);

    private static DeploymentConfig Deployment(string id, int replicas, int each, string pool = "east") => new()
    {
        Id = id, Model = "m", Pool = pool, Replicas = replicas, AcceleratorsPerReplica = each,
    };

    private static PoolSupply Supply(CapacityLane lane, params (long At, long Quantity)[] steps) => new()
    {
        Lane = lane,
        Contracted = StepFunction.Of(steps.Select(s => new CapacityStep(s.At, s.Quantity))),
        Shares = PoolSupply.AllUsable,
    };

    private static CapacityLedger Ledger(params LedgerChange[] changes) => Apply(CapacityLedger.Empty, changes);

    private static CapacityLedger Apply(CapacityLedger ledger, params LedgerChange[] changes)
    {
        LedgerResult result = ledger.Apply(changes, Now);
        Assert.Null(result.Refusal);
        return result.Ledger;
    }

    private static CapacityLedger Follow(CapacityLedger ledger, params DeploymentConfig[] deployed)
    {
        CapacityLedger next = Apply(ledger, [.. DeployedLeases.Changes(ledger, deployed, Now)]);
        Assert.Empty(DeployedLeases.Changes(next, deployed, Now));
        return next;
    }

    private static GrantLease Other(string id, long quantity, CapacityLane? lane = null, long? until = null) =>
        new(new LeaseRequest(id, LeaseHolder.Deployment, id, lane ?? East, quantity, Now, until, Rank: 1));

    [Fact]
    public void What_the_file_deploys_holds_what_it_takes_and_lets_go_when_it_is_taken_out()
    {
        CapacityLedger ledger = Follow(
            Ledger(new SetSupply(Supply(East, (0, 64)))), Deployment("a", 2, 8), Deployment("b", 1, 16), Deployment("api", 1, 0));
        Assert.Equal((32, 2), (ledger.Leased(East, Now), ledger.LeaseCount));
        Assert.All(ledger.Leases, l =>
        {
            Assert.True(DeployedLeases.IsFiles(l));
            Assert.False(l.Request.Revocable);
            Assert.Equal(long.MaxValue, l.EndUnixMs);
        });

        ledger = Follow(ledger, Deployment("a", 3, 8));
        Assert.Equal(24, ledger.Leased(East, Now));
        Assert.Equal(24, ledger.Leased(East, Now + 1_000_000));
    }

    [Fact]
    public void It_moves_with_its_pool()
    {
        CapacityLedger ledger = Follow(
            Ledger(new SetSupply(Supply(East, (0, 8))), new SetSupply(Supply(West, (0, 8)))), Deployment("a", 1, 8));
        ledger = Follow(ledger, Deployment("a", 1, 8, "west"));
        Assert.Equal((0, 8), (ledger.Leased(East, Now), ledger.Leased(West, Now)));
    }

    [Fact]
    public void It_goes_with_a_ramp_an_end_and_an_outage_by_whole_replicas()
    {
        CapacityLedger ledger = Follow(
            Ledger(new SetSupply(Supply(East, (0, 12), (2000, 32), (5000, 0)))), Deployment("a", 3, 8));
        Assert.Equal([8L, 24, 24, 0], new long[] { Now, 2000, 4999, 5000 }.Select(t => ledger.Leased(East, t)));

        ledger = Apply(ledger, new SetSupply(Supply(East, (0, 12), (2000, 32), (5000, 0)) with
        {
            Events = [new SupplyEvent("o", SupplyEventKind.Outage, 3000, 3100, 20)],
        }));
        Assert.Equal([8L, 24, 8, 24], new long[] { Now, 2999, 3000, 3100 }.Select(t => ledger.Leased(East, t)));
        ledger = Apply(ledger, new SetSupply(Supply(East, (0, 64))));
        Assert.Equal(24, Follow(ledger, Deployment("a", 3, 8)).Leased(East, Now + 10_000));
    }

    [Fact]
    public void Replicas_give_way_before_it()
    {
        CapacityLedger ledger = Follow(Ledger(new SetSupply(Supply(East, (0, 16)))), Deployment("a", 1, 8));
        ledger = Apply(ledger, Other("replica", 8), new SetSupply(Supply(East, (0, 8))));
        Assert.Equal(0, ledger.Leases.Single(l => l.Id == "replica").Held.At(Now));
        Assert.Equal(8, ledger.Leased(East, Now));
    }

    [Fact]
    public void What_is_deployed_anew_and_finds_no_room_is_told_of_with_all_pools_at_once()
    {
        CapacityLedger ledger = Follow(
            Ledger(new SetSupply(Supply(East, (0, 16))), new SetSupply(Supply(West, (0, 16)))), Deployment("a", 1, 8));
        ledger = Apply(ledger, Other("r1", 8), Other("r2", 16, West));
        Assert.Null(Lacking(ledger, Deployment("a", 1, 8)));

        ConfigProblem problem = Lacking(ledger, Deployment("a", 1, 8), Deployment("b", 1, 8), Deployment("c", 2, 8, "west"))!;
        Assert.Equal(
            "pool east has 8 of the 16 accelerators that its deployments take (new: b); 8 are held by r1; pool west has 0 of "
                + "the 16 accelerators that its deployments take (new: c); 16 are held by r2",
            problem.Message);
        Assert.Contains("forebay capacity leases", problem.Fix, StringComparison.Ordinal);

        // One that grows is new as far as it grows; what room it leaves itself counts.
        Assert.NotNull(Lacking(ledger, Deployment("a", 2, 8)));
        Assert.Null(Lacking(ledger, Deployment("b", 1, 8)));
    }

    /// <summary>A commitment that has not begun, or is over, stops no reload: nobody else holds it.</summary>
    [Fact]
    public void What_is_not_there_at_all_is_no_lack_of_room()
    {
        Assert.Null(Lacking(Ledger(new SetSupply(Supply(East, (2000, 16)))), Deployment("a", 2, 8)));
        Assert.Null(Lacking(Ledger(new SetSupply(Supply(East, (0, 16), (500, 0)))), Deployment("a", 2, 8)));
        Assert.Null(Lacking(CapacityLedger.Empty, Deployment("a", 2, 8)));
    }

    /// <summary>Whatever stood there before, following the file never breaks the ledger, and comes to rest at once.
    /// </summary>
    [Fact]
    public void It_always_ends_in_a_ledger_that_holds()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            CapacityLedger ledger = Ledger(new SetSupply(Random(random)));
            for (int step = 0; step < 12; step++)
            {
                LedgerChange change = random.Next(3) switch
                {
                    0 => new SetSupply(Random(random)),
                    _ => Other($"o{step}", random.Next(1, 20), until: random.Next(2) == 0 ? null : Now + random.Next(1, 4000)),
                };
                ledger = ledger.Apply([change], Now).Ledger;
                DeploymentConfig[] deployed =
                [
                    .. Enumerable.Range(0, random.Next(4)).Select(i => Deployment($"d{i}", random.Next(1, 4), random.Next(1, 9))),
                ];
                bool lacks = Lacking(ledger, deployed) is not null;
                CapacityLedger next = Follow(ledger, deployed);
                Assert.True(next.Leases.Where(l => l.Held.At(Now) > 0 && DeployedLeases.IsFiles(l))
                    .All(l => deployed.Any(d => d.Id == l.Request.Holder)));
                if (!lacks)
                {
                    ledger = next;
                }
            }
        }
    }

    private static ConfigProblem? Lacking(CapacityLedger ledger, params DeploymentConfig[] deployed) =>
        DeployedLeases.Lacking(ledger, deployed, Now);

    private static PoolSupply Random(Random random) => Supply(
        East,
        [
            (0, random.Next(40)),
            .. Enumerable.Range(0, random.Next(4)).Select(_ => ((long)random.Next(5000), (long)random.Next(40))),
        ]);
}
