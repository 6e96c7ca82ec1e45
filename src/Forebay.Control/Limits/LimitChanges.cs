using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Limits.Following;

namespace Forebay.Control.Limits;

/// <summary>Writes down what a start or a reload changed of tenants' limits.</summary>
public static class LimitChanges
{
    /// <summary>Compares the fleet in force to what was recorded last. Tenants that are gone keep their last record.
    /// </summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="multipliers">Multipliers last decided on, announced ones too: those are recorded already.</param>
    /// <param name="history">Where to.</param>
    /// <param name="changedBy">What changed them.</param>
    /// <param name="source">Where from.</param>
    /// <param name="at">Since when.</param>
    /// <param name="cancel">Gives up.</param>
    public static Task<int> RecordAsync(
        FleetModel fleet,
        TierMultipliers multipliers,
        ILimitHistory history,
        string changedBy,
        string source,
        DateTimeOffset at,
        CancellationToken cancel) =>
        history.RecordAsync(TermsOf(fleet, multipliers), changedBy, source, at, cancel);

    /// <summary>What each tenant is held to under some multipliers.</summary>
    public static IReadOnlyList<TenantTerms> TermsOf(FleetModel fleet, TierMultipliers multipliers)
    {
        var terms = new Dictionary<string, LimitTerms>(StringComparer.Ordinal);
        foreach (TierConfig tier in fleet.Config.Tiers)
        {
            terms.Add(
                tier.Id, FollowedTerms.Of(tier, multipliers, fleet.Config.Server.LimitsFollow.Limits));
        }

        return [.. fleet.Config.Tenants.Select(t => new TenantTerms(t.Id, terms[t.Tier]))];
    }
}
