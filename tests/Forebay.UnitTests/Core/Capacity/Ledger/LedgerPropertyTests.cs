using Forebay.Core.Capacity.Ledger;
using Xunit;

namespace Forebay.UnitTests.Core.Capacity.Ledger;

/// <summary>Random histories of supplies and leases beside a brute-force oracle.</summary>
public sealed class LedgerPropertyTests
{
    private const int Span = 30;

    private static readonly CapacityLane[] Lanes =
        [new("a", CapacityUnit.Accelerators), new("a", CapacityUnit.RequestsPerMinute),
            new("b", CapacityUnit.Accelerators)];

    [Fact]
    public void Leases_never_exceed_availability_and_all_answers_are_the_oracles()
    {
        int granted = 0;
        int cut = 0;
        int refused = 0;
        for (int seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var oracle = new LedgerOracle(Span);
            CapacityLedger ledger = CapacityLedger.Empty;
            for (int step = 0; step < 40; step++)
            {
                LedgerChange change = Next(random, ledger, step);
                LedgerResult result = ledger.Apply([change], random.Next(Span));
                bool accepted = Follow(oracle, change, ledger);
                Assert.True(accepted == result.Refusal is null, $"seed {seed} step {step}: {change} {result.Refusal}");
                granted += change is GrantLease && accepted ? 1 : 0;
                cut += result.Cuts.Length;
                refused += result.Refusal?.Kind == LedgerRefusalKind.Short ? 1 : 0;
                AssertRefusalIsRight(oracle, result.Refusal, change);
                ledger = result.Ledger;
                AssertSame(oracle, ledger, random, $"seed {seed} step {step}: {change}");
            }
        }

        // The histories are worth something only if all of this happened often.
        Assert.True(granted > 1000 && cut > 1000 && refused > 1000, $"{granted} granted, {cut} cut, {refused} refused");
    }

    [Fact]
    public void A_list_of_changes_is_made_whole_or_not_at_all()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            CapacityLedger ledger = CapacityLedger.Empty
                .Apply([new SetSupply(Supply(random, Lanes[0])), new SetSupply(Supply(random, Lanes[1]))], 0).Ledger;
            LedgerChange[] changes = [.. Enumerable.Range(0, 4).Select(i => Next(random, ledger, i))];
            CapacityLedger single = ledger;
            bool all = true;
            foreach (LedgerChange change in changes)
            {
                LedgerResult one = single.Apply([change], 0);
                all &= one.Refusal is null;
                single = one.Ledger;
            }

            LedgerResult whole = ledger.Apply(changes, 0);

            Assert.Equal(all, whole.Refusal is null);
            Assert.True(all ? whole.Ledger.Version == 2 : ReferenceEquals(ledger, whole.Ledger));
            foreach (CapacityLane lane in Lanes)
            {
                Assert.Equal(
                    Enumerable.Range(0, Span).Select(t => (all ? single : ledger).Leased(lane, t)),
                    Enumerable.Range(0, Span).Select(t => whole.Ledger.Leased(lane, t)));
            }
        }
    }

    private static LedgerChange Next(Random random, CapacityLedger ledger, int number)
    {
        CapacityLane lane = Lanes[random.Next(Lanes.Length)];
        string id = $"l{random.Next(12)}";
        switch (random.Next(10))
        {
            case 0 or 1:
                return new SetSupply(Supply(random, lane));
            case 2 when number % 7 == 0:
                return new RemoveSupply(lane);
            case 2 or 3 when ledger.TryGetLease(id, out Lease? lease):
                return new ResizeLease(
                    id, lease.Generation, random.Next(0, 4) * lease.Request.Granule, random.Next(Span));
            default:
                int from = random.Next(Span);
                int granule = random.Next(1, 4);
                Func<LeaseRequest, LedgerChange> ask = random.Next(5) == 0 ? r => new HoldLease(r) : r => new GrantLease(r);
                return ask(new LeaseRequest(
                    id,
                    (LeaseHolder)random.Next(3),
                    "h",
                    lane,
                    granule * random.Next(1, 4),
                    from,
                    random.Next(3) == 0 ? null : random.Next(from + 1, Span + 1),
                    random.Next(3) == 0,
                    random.Next(3),
                    granule));
        }
    }

    private static PoolSupply Supply(Random random, CapacityLane lane) => new()
    {
        Lane = lane,
        Contracted = StepFunction.Of(Enumerable.Range(0, random.Next(1, 4))
            .Select(_ => new CapacityStep(random.Next(Span), random.Next(10, 40)))),
        Shares =
        [
            .. Enumerable.Range(0, random.Next(1, 3))
                .Select(_ => new UsableShare(random.Next(Span), random.Next(5), random.Next(1, 5)))
                .Select(s => s with { Usable = Math.Min(s.Usable, s.Promised) })
                .OrderBy(s => s.FromUnixMs),
        ],
        Events =
        [
            .. Enumerable.Range(0, random.Next(3)).Select(i =>
            {
                int from = random.Next(Span);
                return new SupplyEvent(
                    $"e{i}",
                    (SupplyEventKind)random.Next(3),
                    from,
                    random.Next(2) == 0 ? null : random.Next(from, Span),
                    random.Next(3) == 0 ? null : random.Next(10));
            }),
        ],
    };

    private static bool Follow(LedgerOracle oracle, LedgerChange change, CapacityLedger ledger)
    {
        switch (change)
        {
            case SetSupply set:
                oracle.Set(set.Supply);
                return true;
            case RemoveSupply remove:
                bool known = ledger.SupplyOf(remove.Lane) is not null;
                oracle.Remove(remove.Lane);
                return known;
            case GrantLease grant:
                return oracle.Grant(grant.Request);
            case HoldLease hold:
                return oracle.Hold(hold.Request);
            case ResizeLease resize:
                return oracle.Resize(resize.Id, resize.Quantity, (int)resize.AtUnixMs);
            default:
                throw new ArgumentException("unknown", nameof(change));
        }
    }

    private static void AssertRefusalIsRight(LedgerOracle oracle, LedgerRefusal? refusal, LedgerChange change)
    {
        if (refusal is { Kind: LedgerRefusalKind.Short } && change is GrantLease { Request: var request })
        {
            int at = (int)refusal.ShortAtUnixMs!;
            long free = oracle.Available(request.Lane)[at] - oracle.Leased(request.Lane)[at];
            Assert.Equal(free, refusal.FreeThen);
            Assert.True(free < request.Quantity);
        }
    }

    private static void AssertSame(LedgerOracle oracle, CapacityLedger ledger, Random random, string why)
    {
        foreach (CapacityLane lane in Lanes)
        {
            long[] available = oracle.Available(lane);
            long[] leased = oracle.Leased(lane);
            for (int t = 0; t < Span; t++)
            {
                Assert.True(leased[t] <= available[t], why);
                Assert.True(available[t] == ledger.Available(lane, t), $"{why} available {lane} at {t}");
                Assert.True(leased[t] == ledger.Leased(lane, t), $"{why} leased {lane} at {t}");
            }

            int from = random.Next(Span);
            int to = random.Next(from + 1, Span + 1);
            Assert.Equal(
                Enumerable.Range(from, to - from).Min(t => available[t] - leased[t]), ledger.Free(lane, from, to));
        }

        for (int t = 0; t < Span; t++)
        {
            CapacityLane[] both = [Lanes[0], Lanes[2]];
            Assert.Equal(both.Sum(l => oracle.Available(l)[t]), ledger.Available(CapacityUnit.Accelerators, t));
            Assert.Equal(both.Sum(l => oracle.Leased(l)[t]), ledger.Leased(CapacityUnit.Accelerators, t));
        }

        Assert.Equal(oracle.Leases.Keys.Order(), ledger.Leases.Select(l => l.Id).Order());
        foreach (Lease lease in ledger.Leases)
        {
            Assert.Equal(oracle.Leases[lease.Id].Held, Enumerable.Range(0, Span).Select(t => lease.Held.At(t)));
        }

        // What is stored and read back is the same ledger.
        var again = CapacityLedger.Load(
            ledger.Version, ledger.Sequence, ledger.Lanes.Select(l => ledger.SupplyOf(l)!), ledger.Leases);
        Assert.All(Lanes, lane => Assert.Equal(ledger.Free(lane, 0, Span), again.Free(lane, 0, Span)));
    }
}
