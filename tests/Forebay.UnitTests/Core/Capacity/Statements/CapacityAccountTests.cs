using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Statements;
using Forebay.Core.Config;
using Forebay.Core.Usage;
using Forebay.TestKit.Fleets;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Statements;

/// <summary>64 accelerators at $2 an hour, half of it take-or-pay.</summary>
public sealed class CapacityAccountTests
{
    private const long Hour = CapacityAccount.MsPerHour;
    private static readonly CapacityLane Lane = new("east-h100", CapacityUnit.Accelerators);
    private static readonly long Start = DateTimeOffset.Parse("2026-07-15T00:00:00Z", null).ToUnixTimeMilliseconds();

    [Fact]
    public void An_hour_that_was_delivered_whole_owes_its_charge_and_wastes_what_take_or_pay_leaves_unused()
    {
        CapacityHour hour = Assert.Single(State(Supply(), [Lease(16)]).Hours);

        Assert.Equal((64m, 64m, 64m, 64m, 16m), (hour.Contracted, hour.Usable, hour.Delivered, hour.Available, hour.Used));
        Assert.Equal(new UsdRange(128, 128), hour.Charge);
        Assert.Equal(default, hour.Credit);
        Assert.Equal(new UsdRange(32, 32), hour.Waste);
        Assert.Empty(hour.Breaches);
    }

    [Fact]
    public void An_outage_of_half_an_hour_is_credited_in_proportion_and_a_drain_of_ours_is_not()
    {
        CapacityHour outage = Assert.Single(State(Supply(
            new SupplyEvent("o", SupplyEventKind.Outage, Start + (Hour / 2), null, 32)), []).Hours);
        CapacityHour drain = Assert.Single(State(Supply(
            new SupplyEvent("d", SupplyEventKind.Drain, Start, null, null)), []).Hours);

        Assert.Equal((48m, new UsdRange(32, 32)), (outage.Delivered, outage.Credit));
        Assert.Equal(["outage"], outage.Breaches);
        Assert.Equal((64m, 0m, default(UsdRange)), (drain.Delivered, drain.Available, drain.Credit));
        Assert.Empty(drain.Breaches);
    }

    [Fact]
    public void What_an_acceptance_did_not_find_is_credited()
    {
        CapacityHour hour = Assert.Single(State(
            Supply() with { Shares = [new UsableShare(0, 3, 4)] }, []).Hours);

        Assert.Equal((48m, new UsdRange(32, 32)), (hour.Usable, hour.Credit));
        Assert.Equal(["acceptance"], hour.Breaches);
    }

    [Fact]
    public void A_monthly_price_that_is_a_range_gives_ranges()
    {
        CommitmentConfig monthly = SmallOffer.Of().Commitment with
        {
            Price = new() { Usd = new Figure { Min = 730, Max = 1460 }, Per = PricePer.Month },
        };
        CapacityHour hour = Assert.Single(CapacityAccount.Of(monthly, [Supply()], [], Start, Start + Hour).Hours);

        Assert.Equal(new UsdRange(1, 2), new UsdRange(decimal.Round(hour.Charge.Low, 9), decimal.Round(hour.Charge.High, 9)));
    }

    [Fact]
    public void Reserves_are_not_use() =>
        Assert.Equal(0, Assert.Single(State(Supply(), [Lease(16, LeaseHolder.Reserve)]).Hours).Used);

    [Fact]
    public void An_invoice_is_compared_line_by_line()
    {
        PoolSupply supply = Supply(new SupplyEvent("o", SupplyEventKind.Outage, Start + Hour, Start + (2 * Hour), null));
        string csv = """
            commitment,period,quantity,amount
            east-terms,2026-07-15T00,64,128.00
            east-terms,2026-07-15T01,64,128.00
            east-terms,2026-07-15,1472,2944.00
            nobody,2026-07,1,1
            east-terms,July,1,1
            """;

        InvoiceLine[] lines =
        [
            .. InvoiceReconciliation.Reconcile(csv, (commitment, from, to) => commitment == "east-terms"
                ? CapacityAccount.Of(SmallOffer.Of().Commitment, [supply], [], from, to) : null),
        ];

        Assert.Equal([2, 3, 4, 5, 6], lines.Select(l => l.Line));
        Assert.Null(lines[0].Difference);
        Assert.Equal(
            "bills 64 unit-hours, 0 were delivered (+64); bills $128.00, $0.00 is owed (+128 USD)", lines[1].Difference);
        Assert.Equal("line 2 bills a part of this time already", lines[2].Difference);
        Assert.Equal("no commitment has this name", lines[3].Difference);
        Assert.StartsWith("the line cannot be read", lines[4].Difference, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_quota_used_is_what_was_measured_beside_what_was_leased()
    {
        var lane = new CapacityLane("api", CapacityUnit.InputTokensPerMinute);
        var supply = new PoolSupply
        {
            Lane = lane, Contracted = StepFunction.Of(new CapacityStep(0, 1000)), Shares = PoolSupply.AllUsable,
        };
        Lease[] leases =
        [
            new()
            {
                Request = new LeaseRequest("l", LeaseHolder.Deployment, "d", lane, 900, 0),
                Held = StepFunction.Of(new CapacityStep(0, 900)),
                Generation = 1,
                Sequence = 1,
            },
        ];
        string hour = DateTimeOffset.FromUnixTimeMilliseconds(Start).ToString("yyyy-MM-dd'T'HH':00:00Z'", null);
        QuotaUse use = QuotaUse.ByHour(
            [new UsageRow([hour, "api"], 30, 0, new TokenUsage(11_000, 5_000, 1_000, 7), 0, 0, 0, 0)]);

        CapacityHour[] hours =
        [
            .. CapacityAccount.Of(SmallOffer.Of().Commitment, [supply], leases, Start, Start + 2 * Hour, use).Hours,
        ];
        Assert.Equal([(900m, 200m), (900m, 0m)], hours.Select(h => (h.Leased, h.Used)));
        CapacityHour[] unmeasured =
            [.. CapacityAccount.Of(SmallOffer.Of().Commitment, [supply], leases, Start, Start + Hour).Hours];
        Assert.Equal((900m, 900m), (unmeasured[0].Leased, unmeasured[0].Used));

        // Accelerators are held, not used up.
        Assert.Null(use.At(lane with { Unit = CapacityUnit.Accelerators }, Start));
        Assert.Equal(0.5m, use.At(lane with { Unit = CapacityUnit.RequestsPerMinute }, Start));
    }

    private static CommitmentStatement State(PoolSupply supply, Lease[] leases) =>
        CapacityAccount.Of(SmallOffer.Of().Commitment, [supply], leases, Start, Start + Hour);

    private static PoolSupply Supply(params SupplyEvent[] events) => new()
    {
        Lane = Lane,
        Contracted = ContractedSupply.Of(SmallOffer.Of().Pools[0], SmallOffer.Of().Commitment).Single().Contracted,
        Shares = PoolSupply.AllUsable,
        Events = [.. events],
    };

    private static Lease Lease(long quantity, LeaseHolder kind = LeaseHolder.Deployment) => new()
    {
        Request = new LeaseRequest("l", kind, "d", Lane, quantity, 0),
        Held = StepFunction.Of(new CapacityStep(0, quantity)),
        Generation = 1,
        Sequence = 1,
    };
}
