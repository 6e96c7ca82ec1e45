using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Partners;

/// <summary>What must change in the ledger so that its supplies are what the fleet and the partners say. Pure.
/// </summary>
public static class SupplySync
{
    /// <summary>Cost: linear in pools, partners' steps and lanes.</summary>
    /// <param name="ledger">The ledger as it stands.</param>
    /// <param name="fleet">The fleet in force; its pools that no partner has count without an acceptance, on the
    /// operator's word.</param>
    /// <param name="partners">Every partner.</param>
    public static IReadOnlyList<LedgerChange> Changes(
        CapacityLedger ledger, FleetConfig fleet, IReadOnlyCollection<Partner> partners)
    {
        var wanted = new Dictionary<CapacityLane, PoolSupply>();
        var commitments = fleet.Commitments.ToDictionary(c => c.Id, StringComparer.Ordinal);
        foreach (PoolConfig pool in fleet.Pools)
        {
            CommitmentConfig? commitment =
                pool.Commitment is null ? null : commitments.GetValueOrDefault(pool.Commitment);
            foreach ((CapacityLane lane, StepFunction contracted) in ContractedSupply.Of(pool, commitment))
            {
                wanted[lane] = new PoolSupply
                {
                    Lane = lane, Contracted = contracted, Shares = PoolSupply.AllUsable,
                };
            }
        }

        // A partner that left keeps its lanes, empty from then on, for what was owed and used before; the last one
        // where several had the same names, and none where the fleet has them now.
        foreach (Partner partner in partners.OrderByDescending(p => p.ExitedUnixMs ?? long.MaxValue))
        {
            if (partner.InFleet || partner.ExitedUnixMs is not null)
            {
                foreach (PoolSupply supply in PartnerPlan.Supplies(partner))
                {
                    if (partner.InFleet || !wanted.ContainsKey(supply.Lane))
                    {
                        wanted[supply.Lane] = supply;
                    }
                }
            }
        }

        var changes = new List<LedgerChange>();
        foreach (PoolSupply supply in wanted.Values)
        {
            PoolSupply? old = ledger.SupplyOf(supply.Lane);
            PoolSupply next = old is null ? supply : supply with
            {
                Events = [.. supply.Events, .. old.Events.Where(e => !e.Id.StartsWith(
                    PartnerPlan.EventPrefix, StringComparison.Ordinal))],
            };
            if (old is null || !Same(old, next))
            {
                changes.Add(new SetSupply(next));
            }
        }

        changes.AddRange(ledger.Lanes.Where(l => !wanted.ContainsKey(l)).Select(l => new RemoveSupply(l)));
        return changes;
    }

    private static bool Same(PoolSupply a, PoolSupply b) =>
        a.Contracted.Steps.SequenceEqual(b.Contracted.Steps)
        && a.Shares.SequenceEqual(b.Shares)
        && a.Events.OrderBy(e => e.Id, StringComparer.Ordinal)
            .SequenceEqual(b.Events.OrderBy(e => e.Id, StringComparer.Ordinal));
}
