using Forebay.Control.Placement;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Fleet;
using Forebay.UnitTests.Core.Capacity.Placement;
using Xunit;

namespace Forebay.UnitTests.Control.Placement;

public sealed class WithdrawnSupplyTests
{
    private static readonly FleetConfig Fleet = PlacedFleet.Read();
    private static readonly CapacityLane Lane = ReplicaLeases.LaneOf("northwind-us-h100");
    private static readonly CapacityLane Other = ReplicaLeases.LaneOf("lumen-eu-h200");

    [Fact]
    public void What_is_withdrawn_is_away_for_as_long_as_it_is_and_stays_on_record()
    {
        CapacityLedger ledger = Follow(Start(), 100, Of(WithdrawalKind.Drain, from: 100));
        Assert.Equal((128L, 0L, 64L), (ledger.Available(Lane, 99), ledger.Available(Lane, 100), ledger.Available(Other, 100)));
        Assert.Empty(WithdrawnSupply.Changes(ledger, Fleet, [Of(WithdrawalKind.Drain, from: 100)], 150));

        ledger = Follow(ledger, 200);
        Assert.Equal((0L, 128L), (ledger.Available(Lane, 199), ledger.Available(Lane, 200)));
        Assert.Empty(WithdrawnSupply.Changes(ledger, Fleet, [], 300));
    }

    [Fact]
    public void An_announcement_that_is_taken_back_leaves_no_trace_and_a_drill_takes_nothing()
    {
        CapacityLedger ledger = Follow(Start(), 100, Of(WithdrawalKind.Reclaim, from: 500));
        Assert.Equal((128L, 0L), (ledger.Available(Lane, 499), ledger.Available(Lane, 500)));
        ledger = Follow(ledger, 200);
        Assert.Equal(128, ledger.Available(Lane, 500));
        Assert.Empty(ledger.SupplyOf(Lane)!.Events);

        Assert.Empty(WithdrawnSupply.Changes(ledger, Fleet, [Of(WithdrawalKind.Drill, from: 0)], 300));
    }

    [Fact]
    public void It_and_the_partners_supplies_settle_whoever_goes_first()
    {
        CapacityLedger ledger = Follow(Start(), 100, Of(WithdrawalKind.Drain, from: 100));

        Assert.Empty(SupplySync.Changes(ledger, Fleet, []));
        Assert.Empty(WithdrawnSupply.Changes(ledger, Fleet, [Of(WithdrawalKind.Drain, from: 100)], 100));
    }

    private static CapacityLedger Start() =>
        CapacityLedger.Empty.Apply(SupplySync.Changes(CapacityLedger.Empty, Fleet, []), 0).Ledger;

    private static CapacityLedger Follow(CapacityLedger ledger, long now, params WithdrawalRecord[] standing) =>
        ledger.Apply([.. WithdrawnSupply.Changes(ledger, Fleet, standing, now)], now).Ledger;

    private static WithdrawalRecord Of(WithdrawalKind kind, long from) => new(
        new Withdrawal(
            "w-1", kind, new WithdrawalTarget(WithdrawalScope.Pool, Lane.Pool), "me", 0, from, from, null),
        new WithdrawalProgress(),
        null);
}
