using Forebay.Core.Serving;

namespace Forebay.Core.Capacity.Withdrawals;

/// <summary>What a withdrawal meant for one model.</summary>
/// <param name="Model">The model.</param>
/// <param name="Before">Requests while it served, over <see cref="WithdrawalReport.BeforeSeconds"/>.</param>
/// <param name="During">Requests from its being taken out until the report was made.</param>
public sealed record ModelImpact(string Model, ServiceSummary Before, ServiceSummary During);

/// <summary>
/// What was moved, slowed and refused while capacity was withdrawn, by model, beside the time before it. Moved counts
/// requests that a deployment began and another finished; slowed compares times to the first token.
/// </summary>
/// <param name="BeforeSeconds">Length of the time compared with; 0 where nothing was measured before.</param>
/// <param name="DuringSeconds">Length of the time since it was taken out.</param>
/// <param name="Models">Models with any request in either time.</param>
public sealed record WithdrawalReport(
    double BeforeSeconds, double DuringSeconds, IReadOnlyList<ModelImpact> Models)
{
    public long Moved => Models.Sum(m => m.During.Moved);

    public long Refused => Models.Sum(m => m.During.Refused);

    public long Failed => Models.Sum(m => m.During.Failed);

    public long Served => Models.Sum(m => m.During.Served);

    /// <summary>Makes the report from three readings of the counters, each by model.</summary>
    /// <param name="before">Some time before it was taken out; null where there was none.</param>
    /// <param name="start">When it was taken out.</param>
    /// <param name="end">Now.</param>
    public static WithdrawalReport Of(ServiceReading? before, ServiceReading start, ServiceReading end)
    {
        var models = new List<ModelImpact>();
        foreach ((string model, ServiceCounts now) in end.Models.OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            ServiceCounts then = start.Of(model);
            ServiceCounts first = before?.Of(model) ?? then;
            var impact = new ModelImpact(model, then.Since(first).Summary, now.Since(then).Summary);
            if (impact.Before.Requests + impact.During.Requests > 0)
            {
                models.Add(impact);
            }
        }

        return new WithdrawalReport(
            before is null ? 0 : (start.UnixMs - before.UnixMs) / 1000.0, (end.UnixMs - start.UnixMs) / 1000.0, models);
    }
}
