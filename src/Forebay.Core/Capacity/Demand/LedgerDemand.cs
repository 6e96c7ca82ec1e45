using System.Globalization;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Usage;

namespace Forebay.Core.Capacity.Demand;

/// <summary>
/// Reads demand out of usage aggregates. They hold hour, tenant and model, and neither the client's region nor the data
/// class of a request: the tenant's own region and class, as the fleet tells them now, stand for those. Prompt tokens
/// written to a cache were computed and count as input; those read from one do not.
/// </summary>
public static class LedgerDemand
{
    private static readonly UsageDimension[] By = [UsageDimension.Hour, UsageDimension.Tenant, UsageDimension.Model];

    /// <summary>The question to ask a ledger: the last weeks up to an hour that is not over.</summary>
    public static UsageQuery QueryFor(int weeks, long nowHour) => new(
        DateTimeOffset.FromUnixTimeMilliseconds(HourOfWeek.StartOf(nowHour - weeks * HourOfWeek.Count)),
        DateTimeOffset.FromUnixTimeMilliseconds(HourOfWeek.StartOf(nowHour)),
        By);

    /// <summary>Puts a ledger's answer into a history.</summary>
    /// <param name="rows">Rows by hour, tenant and model.</param>
    /// <param name="fleet">Tells the tenants' regions and residencies; rows of others count without.</param>
    /// <param name="history">Takes them.</param>
    /// <exception cref="FormatException">A row's hour is no time.</exception>
    public static void AddTo(DemandHistory history, IEnumerable<UsageRow> rows, FleetConfig fleet)
    {
        var tenants = fleet.Tenants.ToDictionary(t => t.Id, StringComparer.Ordinal);
        foreach (UsageRow row in rows)
        {
            long hour = HourOfWeek.HourAt(DateTimeOffset.Parse(row.Group[0], CultureInfo.InvariantCulture)
                .ToUnixTimeMilliseconds());
            TenantConfig? tenant = tenants.GetValueOrDefault(row.Group[1]);
            history.Add(
                hour,
                KeyOf(fleet, tenant, row.Group[2]),
                new DemandAmounts(row.Tokens.Input + row.Tokens.CacheWrite, row.Tokens.Output, row.Requests));
        }
    }

    /// <summary>The class that a tenant's requests for a model are in.</summary>
    public static DemandKey KeyOf(FleetConfig fleet, TenantConfig? tenant, string model) => new(
        model, tenant?.Region ?? fleet.Server.Region ?? "", tenant?.Residency ?? "", tenant?.DataClass ?? "");

    /// <summary>Reads a ledger's history.</summary>
    public static async Task<DemandHistory> ReadAsync(
        IUsageLedger ledger, FleetConfig fleet, int weeks, long nowHour, CancellationToken cancel)
    {
        var history = new DemandHistory(weeks);
        AddTo(history, await ledger.QueryAsync(QueryFor(weeks, nowHour), cancel).ConfigureAwait(false), fleet);
        return history;
    }
}
