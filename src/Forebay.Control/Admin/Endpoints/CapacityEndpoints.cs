using Forebay.Control.Admin.Contract;
using Forebay.Control.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Statements;
using Forebay.Core.Usage;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>The capacity ledger, and what commitments owed, gave and cost.</summary>
internal sealed class CapacityEndpoints(AdminServices services)
{
    private static readonly string[] Formats = ["json", "csv"];

    private CapacityReports Reports => services.CapacityReports;

    private DateTimeOffset Now => (services.ContractTime ?? services.Time).GetUtcNow();

    /// <summary>Minutes that use of a quota is a mean of.</summary>
    private const int UsedMinutes = 5;

    public async Task ShowAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        DateTimeOffset at = fields.Time("at") ?? Now;
        string? pool = fields.Text("pool");
        fields.Done();
        long ms = at.ToUnixTimeMilliseconds();
        CapacityLedger ledger = services.Capacity.Ledger;
        var owners = services.Partners.Partners.Where(p => p.InFleet)
            .SelectMany(p => p.Offer.Pools.Select(o => (o.Id, p.Owner)))
            .ToDictionary(p => p.Id, p => p.Owner, StringComparer.Ordinal);
        Dictionary<string, UsageRow> used = await UsedAsync(at, call.Cancel).ConfigureAwait(false);
        LaneView[] lanes =
        [
            .. ledger.Lanes.Where(l => pool is null || l.Pool == pool)
                .OrderBy(l => l.Pool, StringComparer.Ordinal).ThenBy(l => l.Unit)
                .Select(l => new LaneView(
                    l.Pool,
                    CapacityUnitWords.Of(l.Unit),
                    owners.GetValueOrDefault(l.Pool, "file"),
                    ledger.SupplyOf(l)!.Contracted.At(ms),
                    ledger.SupplyOf(l)!.Usable().At(ms),
                    ledger.Available(l, ms),
                    ledger.Leased(l, ms),
                    ledger.Available(l, ms) - ledger.Leased(l, ms),
                    !QuotaUse.IsMeasured(l.Unit) || services.CapacityReports.Usage is null ? null
                        : used.TryGetValue(l.Pool, out UsageRow? row) ? QuotaUse.PerMinute(row, l.Unit, UsedMinutes)
                        : 0,
                    ledger.NextChange(l, ms) is { } next ? DateTimeOffset.FromUnixTimeMilliseconds(next) : null)),
        ];
        var view = new CapacityView(at, ledger.Version, lanes);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.CapacityView).ConfigureAwait(false);
    }

    /// <summary>What was used on each pool in the last whole minutes before a time.</summary>
    private async Task<Dictionary<string, UsageRow>> UsedAsync(DateTimeOffset at, CancellationToken cancel)
    {
        if (services.CapacityReports.Usage is not { } usage)
        {
            return [];
        }

        var end = DateTimeOffset.FromUnixTimeSeconds(at.ToUnixTimeSeconds() / 60 * 60);
        IReadOnlyList<UsageRow> rows = await usage
            .QueryAsync(new UsageQuery(end.AddMinutes(-UsedMinutes), end, [UsageDimension.Pool]), cancel)
            .ConfigureAwait(false);
        return rows.ToDictionary(r => r.Group[0], StringComparer.Ordinal);
    }

    public Task LeasesAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        DateTimeOffset at = fields.Time("at") ?? Now;
        string? pool = fields.Text("pool");
        long limit = fields.Number("limit", 1000, 1, 100_000);
        fields.Done();
        long ms = at.ToUnixTimeMilliseconds();
        CapacityLedger ledger = services.Capacity.Ledger;
        var view = new LeaseListView(
        [
            .. ledger.Lanes.Where(l => pool is null || l.Pool == pool)
                .OrderBy(l => l.Pool, StringComparer.Ordinal).ThenBy(l => l.Unit)
                .SelectMany(ledger.LeasesOf)
                .Where(l => l.EndUnixMs > ms)
                .Take((int)limit)
                .Select(l => ViewOf(l, ms)),
        ]);
        return call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.LeaseListView);
    }

    public async Task HoursAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        DateTimeOffset to = fields.Time("to") ?? Now;
        DateTimeOffset from = fields.Time("from") ?? to.AddDays(-1);
        string commitment = fields.Text("commitment") ?? "";
        string format = fields.Text("format") ?? "json";
        if (commitment.Length == 0)
        {
            fields.Add("commitment", "is missing.", "Give the commitment's id.");
        }

        if (!Formats.Contains(format))
        {
            fields.Add("format", "is not a format.", $"Give one of {string.Join(", ", Formats)}.");
        }

        if (RangeProblem(from, to) is { } problem)
        {
            fields.Add("from", problem, "Give another from or to.");
        }

        fields.Done();
        CommitmentStatement statement = await Reports.StateAsync(commitment, from, to, call.Cancel)
            .ConfigureAwait(false);
        await (format == "csv"
            ? call.ReplyTextAsync(CapacityReports.CsvOf(statement), "text/csv; charset=utf-8")
            : call.ReplyAsync(
                StatusCodes.Status200OK, CapacityReports.ViewOf(statement), AdminJson.Default.StatementView))
            .ConfigureAwait(false);
    }

    public async Task EvidenceAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string commitment = body.Text("commitment", "east-terms");
        DateTimeOffset to = body.OptionalTime("to") ?? Now;
        DateTimeOffset from = body.OptionalTime("from") ?? to.AddDays(-30);
        if (RangeProblem(from, to) is { } problem)
        {
            body.Add("from", problem, "Send another from or to.");
        }

        body.Done();
        EvidenceView view = await Reports.EvidenceAsync(commitment, from, to, call.Actor, call.Cancel)
            .ConfigureAwait(false);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.EvidenceView).ConfigureAwait(false);
    }

    public async Task ReconcileAsync(AdminCall call)
    {
        BodyFields body = await call.ReadBodyAsync().ConfigureAwait(false);
        string invoice = body.Text("invoice", "east-terms,2026-06,23040,46080.00");
        body.Done();
        IReadOnlyList<InvoiceLine> lines = await Reports.ReconcileAsync(invoice, call.Cancel).ConfigureAwait(false);
        var view = new ReconciliationView(
            lines.Count,
            lines.Count(l => l.Difference is not null),
            [
                .. lines.Select(l => new InvoiceLineView(
                    l.Line, l.Commitment, l.Period, l.BilledQuantity, l.DeliveredQuantity, l.BilledUsd,
                    CapacityReports.ViewOf(l.OwedUsd), l.Difference)),
            ]);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.ReconciliationView)
            .ConfigureAwait(false);
    }

    private static string? RangeProblem(DateTimeOffset from, DateTimeOffset to) =>
        from >= to ? $"{from:O} is not before {to:O}."
        : to - from > CapacityReports.Longest ? $"is more than {CapacityReports.Longest.TotalDays:0} days before to."
        : null;

    private static LeaseView ViewOf(Lease l, long ms) => new(
        l.Id,
        l.Request.HolderKind.ToString().ToLowerInvariant(),
        l.Request.Holder,
        l.Lane.Pool,
        CapacityUnitWords.Of(l.Lane.Unit),
        l.Held.At(ms),
        l.Request.Quantity,
        DateTimeOffset.FromUnixTimeMilliseconds(l.Request.FromUnixMs),
        l.EndUnixMs == long.MaxValue ? null : DateTimeOffset.FromUnixTimeMilliseconds(l.EndUnixMs),
        l.Request.Revocable,
        l.Request.Rank,
        l.Generation);
}
