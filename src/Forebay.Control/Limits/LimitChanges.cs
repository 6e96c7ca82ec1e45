using Forebay.Core.Fleet;
using Forebay.Core.Limits;

namespace Forebay.Control.Limits;

/// <summary>Writes down what a start or a reload changed of tenants' limits.</summary>
public static class LimitChanges
{
    /// <summary>Compares the fleet in force to what was recorded last. Tenants that are gone keep their last record.
    /// </summary>
    public static Task<int> RecordAsync(
        FleetModel fleet,
        ILimitHistory history,
        string changedBy,
        string source,
        DateTimeOffset at,
        CancellationToken cancel)
    {
        var terms = new Dictionary<string, LimitTerms>(StringComparer.Ordinal);
        foreach (TierConfig tier in fleet.Config.Tiers)
        {
            terms.Add(tier.Id, LimitTerms.Of(tier));
        }

        return history.RecordAsync(
            [.. fleet.Config.Tenants.Select(t => new TenantTerms(t.Id, terms[t.Tier]))], changedBy, source, at, cancel);
    }
}
