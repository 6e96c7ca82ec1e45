using Forebay.Core.Fleet;
using Forebay.Core.Usage;

namespace Forebay.Core.Capacity.Demand;

/// <summary>Joins a forecast with what is asked now.</summary>
public static class NowCast
{
    /// <summary>
    /// For the present hour and the next, the larger of the forecast and the present rate; for an hour of which nothing
    /// is known, the present rate. What is refused now is in neither; what waits is, where the caller says how much.
    /// </summary>
    /// <param name="history">The past.</param>
    /// <param name="recent">What was used in the last while, by tenant and model.</param>
    /// <param name="fleet">Tells the tenants' regions and residencies.</param>
    /// <param name="quantile">Of the past, 0 to 1.</param>
    /// <param name="nowHour">The hour now.</param>
    /// <param name="over">How long that while was.</param>
    /// <param name="askedPerServed">How many times what is served of a model is asked of it now, 1 or more; 1 when left
    /// out.</param>
    public static IReadOnlyList<DemandForecast> Join(
        DemandHistory history,
        IReadOnlyList<UsageRow> recent,
        FleetConfig fleet,
        double quantile,
        long nowHour,
        TimeSpan over,
        Func<string, double>? askedPerServed = null)
    {
        var rates = new Dictionary<DemandKey, DemandAmounts>();
        double perHour = TimeSpan.FromHours(1) / over;
        foreach (UsageRow row in recent)
        {
            double asked = perHour * (askedPerServed?.Invoke(row.Group[1]) ?? 1);
            DemandKey key = LedgerDemand.KeyOf(
                fleet, Array.Find(fleet.Tenants, t => t.Id == row.Group[0]), row.Group[1]);
            DemandAmounts before = rates.GetValueOrDefault(key);
            rates[key] = new DemandAmounts(
                before.InputTokens + (row.Tokens.Input + row.Tokens.CacheWrite) * asked,
                before.OutputTokens + row.Tokens.Output * asked,
                before.Requests + row.Requests * asked);
        }

        return
        [
            .. history.Keys.Union(rates.Keys).Select(key => Join(
                history.Forecast(key, quantile, nowHour), rates.GetValueOrDefault(key), nowHour)),
        ];
    }

    private static DemandForecast Join(DemandForecast forecast, DemandAmounts rate, long nowHour)
    {
        int now = HourOfWeek.Of(nowHour);
        int next = HourOfWeek.Of(nowHour + 1);
        bool Counts(int slot) => slot == now || slot == next || forecast.Bases[slot] == ForecastBasis.None;
        return forecast with
        {
            InputTokens = [.. forecast.InputTokens.Select((f, i) => Counts(i) ? Math.Max(f, rate.InputTokens) : f)],
            OutputTokens = [.. forecast.OutputTokens.Select((f, i) => Counts(i) ? Math.Max(f, rate.OutputTokens) : f)],
            Requests = [.. forecast.Requests.Select((f, i) => Counts(i) ? Math.Max(f, rate.Requests) : f)],
        };
    }
}
