using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Storage.Conformance;

/// <summary>What every store of the capacity ledger and of partners does.</summary>
public abstract class CapacityConformance : IAsyncLifetime
{
    private static readonly CapacityLane Lane = new("p", CapacityUnit.OutputTokensPerMinute);

    private protected abstract ICapacityLedgerStore Ledger { get; }

    private protected abstract IPartnerStore Partners { get; }

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await DisposeCoreAsync();
    }

    private protected abstract Task ReopenAsync();

    private protected abstract ValueTask DisposeCoreAsync();

    [Fact]
    public async Task The_ledger_reads_back_as_committed_also_by_the_next_process()
    {
        CapacityLedger ledger = await CommitAsync(await LoadAsync(), new SetSupply(Supply), Grant("a", 5));
        ledger = await CommitAsync(ledger, new ResizeLease("a", 1, 3, 50), Grant("b", 2, until: 90));

        await ReopenAsync();

        CapacityLedger again = await LoadAsync();
        Assert.Equal((ledger.Version, ledger.Sequence), (again.Version, again.Sequence));
        Assert.Equal(Steps(ledger), Steps(again));
        Assert.Equal(Supply.Events, again.SupplyOf(Lane)!.Events);
        Assert.True(again.TryGetLease("a", out Lease? lease));
        Assert.Equal((2, LeaseHolder.Job, "h", 1), (lease.Generation, lease.Request.HolderKind, lease.Request.Holder,
            lease.Request.Rank));
        Assert.Equal([1L, 2], (await Ledger.ReadLedgerAsync(0, 10, default)).Select(e => e.Version));
        Assert.Equal("who", (await Ledger.ReadLedgerAsync(1, 10, default))[0].Actor);
    }

    [Fact]
    public async Task Of_two_that_change_one_version_one_wins_and_the_other_is_told()
    {
        CapacityLedger ledger = await CommitAsync(await LoadAsync(), new SetSupply(Supply));

        await CommitAsync(ledger, Grant("first", 10));
        CapacityConflictException lost = await Assert.ThrowsAsync<CapacityConflictException>(
            () => CommitAsync(ledger, Grant("second", 10)));

        Assert.Contains("somebody else changed it", lost.Message, StringComparison.Ordinal);
        Assert.Equal(["first"], (await LoadAsync()).Leases.Select(l => l.Id));
        Assert.Equal(2, (await Ledger.ReadLedgerAsync(0, 10, default)).Count);
    }

    [Fact]
    public async Task Leases_that_ended_are_left_out_but_can_be_read_and_their_id_comes_again()
    {
        CapacityLedger ledger = await CommitAsync(await LoadAsync(), new SetSupply(Supply), Grant("a", 5, until: 10));
        Assert.Empty((await LoadAsync(20)).Leases);

        await CommitAsync(ledger.Forget(20), Grant("a", 6, from: 30));

        Assert.Equal(6, Assert.Single((await LoadAsync(20)).Leases).Request.Quantity);
        Assert.Equal([5L, 6], (await Ledger.ReadLeasesAsync(0, 100, default)).Select(l => l.Request.Quantity));
        Assert.Equal([5L], (await Ledger.ReadLeasesAsync(0, 10, default)).Select(l => l.Request.Quantity));
    }

    [Fact]
    public async Task A_lane_taken_out_takes_its_leases_with_it()
    {
        CapacityLedger ledger = await CommitAsync(await LoadAsync(), new SetSupply(Supply), Grant("a", 5));

        await CommitAsync(ledger, new RemoveSupply(Lane));

        CapacityLedger again = await LoadAsync();
        Assert.Empty(again.Lanes);
        Assert.Empty(again.Leases);
    }

    [Fact]
    public async Task A_partner_reads_back_whole()
    {
        Partner partner = PartnerLifecycle.Begin(SmallOffer.Of());
        await SaveAsync(partner, "offer");
        Partner signed = PartnerLifecycle.Sign(partner, "MSA 7").Next!;
        await SaveAsync(signed, "signed");

        await ReopenAsync();

        Partner again = Assert.Single(await Partners.ListPartnersAsync(default));
        Assert.Equal(signed.ToJson(), again.ToJson());
        Assert.Equal(PartnerState.Signed, again.State);
        Assert.Equal(new DateOnly(2026, 7, 1), again.Offer.Commitment.Ramp[1].From);
        Assert.Equal("the contract", again.Offer.Commitment.Quantity.Source);
        Assert.Equal(["offer", "signed"], (await Partners.ReadPartnerEventsAsync("east", default)).Select(e => e.Event));
    }

    [Fact]
    public async Task Of_two_operators_at_once_one_wins_and_the_other_is_told()
    {
        Partner partner = PartnerLifecycle.Begin(SmallOffer.Of());
        await SaveAsync(partner, "offer");
        await SaveAsync(PartnerLifecycle.Sign(partner, "first").Next!, "signed");

        await Assert.ThrowsAsync<CapacityConflictException>(
            () => SaveAsync(PartnerLifecycle.Sign(partner, "second").Next!, "signed"));
        await Assert.ThrowsAsync<CapacityConflictException>(() => SaveAsync(partner, "offer"));

        Assert.Equal("first", Assert.Single(await Partners.ListPartnersAsync(default)).Contract);
        Assert.Equal(2, (await Partners.ReadPartnerEventsAsync("east", default)).Count);
    }

    private static PoolSupply Supply => new()
    {
        Lane = Lane,
        Contracted = StepFunction.Of(new CapacityStep(0, 10), new CapacityStep(100, 20)),
        Shares = PoolSupply.AllUsable,
        Events = [new SupplyEvent("o", SupplyEventKind.Outage, 200, null, 3)],
    };

    private static GrantLease Grant(string id, long quantity, long from = 0, long? until = null) =>
        new(new LeaseRequest(id, LeaseHolder.Job, "h", Lane, quantity, from, until, true, 1));

    private static IEnumerable<(long, long)> Steps(CapacityLedger ledger) => Enumerable.Range(0, 30)
        .Select(t => (ledger.Available(Lane, t * 10), ledger.Leased(Lane, t * 10)));

    private Task<CapacityLedger> LoadAsync(long ended = 0) => Ledger.LoadLedgerAsync(ended, default);

    private async Task<CapacityLedger> CommitAsync(CapacityLedger ledger, params LedgerChange[] changes)
    {
        LedgerResult result = ledger.Apply(changes, 0);
        Assert.Null(result.Refusal);
        await Ledger.CommitLedgerAsync(new LedgerCommit(ledger, result, 7, "who", "why"), default);
        return result.Ledger;
    }

    private Task SaveAsync(Partner partner, string made) => Partners.SavePartnerAsync(
        partner, new PartnerEvent(partner.Id, partner.Revision, 7, "who", made, partner.State), default);
}
