using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Fleet.Managed;

namespace Forebay.Core.Capacity.Partners;

/// <summary>What follows from a partner: its part of the fleet and the supply of its pools. Pure, so that it can be
/// made anew from the record at any time.</summary>
public static class PartnerPlan
{
    /// <summary>Ids of supply events that follow from the partner; others are an outage's or an operator's.</summary>
    public const string EventPrefix = "partner/";

    /// <summary>The partner's objects while they are part of the fleet; empty before and after.</summary>
    public static ManagedPart PartOf(Partner partner) =>
        partner.InFleet ? OnboardingRules.PartOf(partner.Offer) : ManagedPart.Empty;

    /// <summary>The supply of each lane of the partner: nothing counts before an acceptance, and nothing that can be
    /// counted on is there once it drains.</summary>
    public static IEnumerable<PoolSupply> Supplies(Partner partner)
    {
        foreach (PoolConfig pool in partner.Offer.Pools)
        {
            foreach ((CapacityLane lane, StepFunction contracted) in
                ContractedSupply.Of(pool, partner.Offer.Commitment))
            {
                yield return new PoolSupply
                {
                    Lane = lane,
                    Contracted = contracted,
                    Shares =
                    [
                        .. partner.Shares.Where(s => s.Pool == pool.Id)
                            .Select(s => new UsableShare(s.FromUnixMs, s.Usable, s.Promised)),
                    ],
                    Events = [.. EventsOf(partner)],
                };
            }
        }
    }

    /// <summary>What is contracted at a time, over all lanes.</summary>
    public static long PromisedNow(Partner partner, long nowUnixMs) =>
        Supplies(partner).Sum(s => s.Contracted.At(nowUnixMs));

    /// <summary>When the next of it is contracted; null for never.</summary>
    public static long? FirstContracted(Partner partner, long nowUnixMs) =>
        Supplies(partner).Select(s => s.Contracted.NextChange(nowUnixMs)).Min();

    /// <summary>Whether what is contracted at a time is as much as it ever becomes.</summary>
    public static bool IsFull(Partner partner, long nowUnixMs) => Supplies(partner).All(s =>
        s.Contracted.At(nowUnixMs) > 0
        && s.Contracted.At(nowUnixMs) >= s.Contracted.Steps.Max(step => step.Quantity));

    private static IEnumerable<SupplyEvent> EventsOf(Partner partner)
    {
        for (int i = 0; i < partner.Reclaims.Length; i++)
        {
            ReclaimNotice reclaim = partner.Reclaims[i];
            if (reclaim.ReturnedUnixMs <= reclaim.AtUnixMs)
            {
                // Taken back before its time: nothing was ever away.
                continue;
            }

            yield return new SupplyEvent(
                $"{EventPrefix}reclaim-{i + 1}", SupplyEventKind.Reclaim, reclaim.AtUnixMs,
                reclaim.ReturnedUnixMs, reclaim.Quantity);
        }

        // Draining lets what runs go on; it is gone for good at the exit.
        if (partner.ExitedUnixMs is { } exited)
        {
            yield return new SupplyEvent($"{EventPrefix}exit", SupplyEventKind.Drain, exited, null, null);
        }
    }
}
