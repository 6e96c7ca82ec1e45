using System.Collections.Immutable;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Fleet;

namespace Forebay.Control.Placement;

/// <summary>What is withdrawn of the fleet, as capacity that is away in the ledger. Pure.</summary>
public static class WithdrawnSupply
{
    private const string EventPrefix = "withdrawal/";

    /// <summary>The changes that bring the ledger to what is withdrawn; none where it says so already. What has
    /// returned stays on record for the time that it was away. Drills rehearse: their capacity is there.</summary>
    public static IEnumerable<LedgerChange> Changes(
        CapacityLedger ledger, FleetConfig fleet, IEnumerable<WithdrawalRecord> standing, long nowUnixMs)
    {
        // What a partner's record has is in the ledger from there.
        WithdrawalRecord[] away =
            [.. standing.Where(w => w.Asked.Kind != WithdrawalKind.Drill && w.Asked.Partner is null)];
        var pools = fleet.Pools.ToDictionary(p => p.Id, StringComparer.Ordinal);
        var sites = fleet.Sites.ToDictionary(s => s.Id, StringComparer.Ordinal);
        var providers = fleet.Providers.ToDictionary(p => p.Id, StringComparer.Ordinal);
        foreach (CapacityLane lane in ledger.Lanes)
        {
            if (!pools.TryGetValue(lane.Pool, out PoolConfig? pool))
            {
                continue;
            }

            SiteConfig site = sites[pool.Site];
            ProviderConfig provider = providers[site.Provider];
            PoolSupply supply = ledger.SupplyOf(lane)!;
            ImmutableArray<SupplyEvent> next = EventsOf(
                supply,
                away.Where(w => w.Asked.Target.Covers(pool, site, provider)).Select(EventOf),
                nowUnixMs);
            if (!next.SequenceEqual(supply.Events))
            {
                yield return new SetSupply(supply with { Events = next });
            }
        }
    }

    private static SupplyEvent EventOf(WithdrawalRecord w) => new(
        EventPrefix + w.Asked.Id,
        w.Asked.Kind == WithdrawalKind.Reclaim ? SupplyEventKind.Reclaim : SupplyEventKind.Drain,
        w.Asked.FromUnixMs,
        w.Progress.ReturnedUnixMs ?? w.Asked.ReturnUnixMs,
        w.Asked.Quantity);

    private static ImmutableArray<SupplyEvent> EventsOf(
        PoolSupply supply, IEnumerable<SupplyEvent> away, long nowUnixMs)
    {
        var events = ImmutableArray.CreateBuilder<SupplyEvent>();
        var wanted = away.ToDictionary(e => e.Id, StringComparer.Ordinal);
        foreach (SupplyEvent known in supply.Events)
        {
            if (!known.Id.StartsWith(EventPrefix, StringComparison.Ordinal))
            {
                events.Add(known);
            }
            else if (wanted.Remove(known.Id, out SupplyEvent? same))
            {
                events.Add(same);
            }
            else if (known.UntilUnixMs <= nowUnixMs)
            {
                events.Add(known);
            }
            else if (known.FromUnixMs < nowUnixMs)
            {
                events.Add(known with { UntilUnixMs = nowUnixMs });
            }
        }

        events.AddRange(wanted.Values);
        return events.ToImmutable();
    }
}
