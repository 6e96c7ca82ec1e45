using Forebay.Core.Capacity.Ledger;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Ledger;

public sealed class CapacityLedgerTests
{
    private static readonly CapacityLane Pool = new("p", CapacityUnit.Accelerators);

    [Fact]
    public void Capacity_counts_from_the_ramp_the_accepted_share_and_what_is_away()
    {
        PoolSupply supply = With(new CapacityStep(100, 10), new CapacityStep(200, 40)) with
        {
            Shares = [new UsableShare(150, 9, 10)],
            Events = [new SupplyEvent("o", SupplyEventKind.Outage, 250, 300, 6)],
        };
        CapacityLedger ledger = Apply(CapacityLedger.Empty, new SetSupply(supply));

        Assert.Equal(
            [0L, 0, 9, 36, 30, 36],
            new long[] { 50, 100, 150, 200, 250, 300 }.Select(t => ledger.Available(Pool, t)));
        Assert.Equal([150L, 200, 250, 300, null], new long[] { 0, 150, 200, 250, 300 }
            .Select(t => ledger.NextChange(Pool, t)));
    }

    [Fact]
    public void What_shrinks_takes_from_the_revocable_then_reserves_then_the_lowest_class_and_the_youngest()
    {
        CapacityLedger ledger = Apply(
            CapacityLedger.Empty,
            new SetSupply(With(new CapacityStep(0, 50))),
            Grant("old", 8),
            Grant("low", 8, rank: 2),
            Grant("young", 8),
            Grant("reserve", 8, kind: LeaseHolder.Reserve),
            Grant("lent", 8, revocable: true));

        LedgerResult result = ledger.Apply([new SetSupply(With(new CapacityStep(0, 50)) with
        {
            Events = [new SupplyEvent("r", SupplyEventKind.Reclaim, 500, null, 37)],
        })], 100);

        Assert.Equal(["lent", "reserve", "low", "young"], result.Cuts.Select(c => c.LeaseId));
        Assert.All(result.Cuts, c => Assert.Equal((500, 500, long.MaxValue), (c.FromUnixMs, c.ByUnixMs, c.ToUnixMs)));
        Assert.Equal([0L, 0, 0, 5], result.Cuts.Select(c => c.After));
        Assert.Equal(40, result.Ledger.Leased(Pool, 499));
        Assert.Equal(13, result.Ledger.Leased(Pool, 500));
    }

    [Fact]
    public void A_lease_shrinks_by_whole_granules_and_is_due_at_once_when_capacity_is_gone_already()
    {
        CapacityLedger ledger = Apply(
            CapacityLedger.Empty, new SetSupply(With(new CapacityStep(0, 32))), Grant("replicas", 32, granule: 8));

        LedgerResult result = ledger.Apply([new SetSupply(With(new CapacityStep(0, 32)) with
        {
            Events = [new SupplyEvent("o", SupplyEventKind.Outage, 40, 60, 1)],
        })], 50);

        Assert.Equal([new LeaseCut("replicas", 40, 60, 32, 24, 50)], result.Cuts);
        Assert.Equal([32L, 24, 32], new long[] { 39, 40, 60 }.Select(t => result.Ledger.Leased(Pool, t)));
    }

    [Fact]
    public void A_refusal_says_when_it_is_short_and_of_how_much()
    {
        CapacityLedger ledger = Apply(
            CapacityLedger.Empty,
            new SetSupply(With(new CapacityStep(0, 10), new CapacityStep(70, 4))),
            Grant("a", 3));

        LedgerRefusal refusal = ledger.Apply([Grant("b", 5)], 0).Refusal!;

        Assert.Equal((LedgerRefusalKind.Short, 70, 1), (refusal.Kind, refusal.ShortAtUnixMs, refusal.FreeThen));
        Assert.Contains("1 of 4 are free", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stale_generation_changes_nothing()
    {
        CapacityLedger ledger = Apply(
            CapacityLedger.Empty, new SetSupply(With(new CapacityStep(0, 10))), Grant("a", 3));
        CapacityLedger changed = Apply(ledger, new ResizeLease("a", 1, 5, 0));

        LedgerResult stale = changed.Apply([new ResizeLease("a", 1, 0, 0)], 0);

        Assert.Equal(LedgerRefusalKind.Conflict, stale.Refusal!.Kind);
        Assert.Same(changed, stale.Ledger);
        Assert.Equal(5, changed.Leased(Pool, 0));
    }

    [Fact]
    public void A_stored_ledger_that_leases_more_than_there_is_does_not_load()
    {
        CapacityLedger ledger = Apply(
            CapacityLedger.Empty, new SetSupply(With(new CapacityStep(0, 10))), Grant("a", 10));

        Assert.Throws<CapacityInvariantException>(() => CapacityLedger.Load(
            1, 1, [With(new CapacityStep(0, 9))], ledger.Leases));
    }

    [Fact]
    public void Forgetting_what_ended_leaves_the_present_as_it_is()
    {
        CapacityLedger ledger = Apply(
            CapacityLedger.Empty,
            new SetSupply(With(new CapacityStep(0, 10))),
            Grant("past", 4, until: 50),
            Grant("open", 5));

        CapacityLedger kept = ledger.Forget(100);

        Assert.Equal(["open"], kept.Leases.Select(l => l.Id));
        Assert.Equal(5, kept.Leased(Pool, 100));
        Assert.Equal(5, kept.Free(Pool, 0, 200));
    }

    private static PoolSupply With(params CapacityStep[] steps) => new()
    {
        Lane = Pool, Contracted = StepFunction.Of(steps), Shares = PoolSupply.AllUsable,
    };

    private static GrantLease Grant(
        string id,
        long quantity,
        long? until = null,
        LeaseHolder kind = LeaseHolder.Deployment,
        bool revocable = false,
        int rank = 0,
        long granule = 1) =>
        new(new LeaseRequest(id, kind, id, Pool, quantity, 0, until, revocable, rank, granule));

    private static CapacityLedger Apply(CapacityLedger ledger, params LedgerChange[] changes)
    {
        LedgerResult result = ledger.Apply(changes, 0);
        Assert.Null(result.Refusal);
        return result.Ledger;
    }
}
