namespace Forebay.Core.Limits.Following;

/// <summary>What a tier holds its tenants to while multipliers hold, in words for the history of limits.</summary>
public static class FollowedTerms
{
    /// <summary>The terms as outside of reduced hours, with what else holds in those: <c>60000; 30000 in Mon
    /// 12:00-18:00</c>.</summary>
    public static LimitTerms Of(TierConfig tier, TierMultipliers multipliers, FollowedLimit[] limits)
    {
        TierMultiplier[] own = [.. multipliers.Entries.Where(e => e.Tier == tier.Id)];
        IGrouping<string, int>[] alike =
        [
            .. Enumerable.Range(0, HourOfWeek.Count)
                .GroupBy(hour => string.Join(' ', own.Select(e => e.At(hour))), StringComparer.Ordinal)
                .OrderByDescending(g => own.Sum(e => e.At(g.First()))),
        ];
        (LimitTerms Terms, HourSet Hours)[] terms =
        [
            .. alike.Select(g => (
                LimitTerms.Of(MultipliedPlans.Multiplied(tier, multipliers, limits, g.First())),
                g.Aggregate(default(HourSet), (set, hour) => set.With(hour)))),
        ];
        return LimitTerms.Of(terms[0].Terms.Terms.Select((term, i) => term with
        {
            Value = string.Join("; ", terms.Skip(1).Where(t => t.Terms.Terms[i].Value != term.Value)
                .Select(t => $"{t.Terms.Terms[i].Value} in {HourOfWeek.Words(t.Hours)}").Prepend(term.Value)),
        }));
    }
}
