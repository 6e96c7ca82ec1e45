using Forebay.Control.Admin.Contract;
using Forebay.Core.Audit;
using Forebay.Core.Usage;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>What was used and what was changed.</summary>
internal sealed class RecordEndpoints(AdminServices services)
{
    private const int MaxAuditEntries = 1000;

    private static readonly string[] Formats = ["json", "csv"];

    private static readonly string[] Dimensions =
        [.. Enum.GetNames<UsageDimension>().Select(n => n.ToLowerInvariant())];

    public async Task UsageAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        DateTimeOffset to = fields.Time("to") ?? services.Time.GetUtcNow();
        if (to < DateTimeOffset.UnixEpoch)
        {
            fields.Add("to", $"{to:O} is before 1970.", "Give a later time.");
            fields.Done();
        }

        DateTimeOffset from = fields.Time("from") ?? to.AddDays(-1);
        IReadOnlyList<UsageDimension> groupBy = ReadDimensions(fields);
        string format = fields.Text("format") ?? "json";
        if (!Formats.Contains(format))
        {
            fields.Add("format", "is not a format.", $"Give one of {string.Join(", ", Formats)}.");
        }

        if (from >= to)
        {
            fields.Add("from", $"{from:O} is not before {to:O}.", "Give an earlier from or a later to.");
        }

        var query = new UsageQuery(
            from,
            to,
            groupBy,
            fields.Text("tenant"),
            fields.Text("model"),
            fields.Text("provider"));
        fields.Done();

        IReadOnlyList<UsageRow> rows = await services.Ledger.QueryAsync(query, call.Cancel).ConfigureAwait(false);
        string[] names = [.. groupBy.Select(d => Dimensions[(int)d])];
        var view = new UsageView(from, to, names, [.. rows.Select(r => ViewOf(r, names))]);
        await (format == "csv"
            ? call.ReplyTextAsync(UsageCsv.Of(view), "text/csv; charset=utf-8")
            : call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.UsageView)).ConfigureAwait(false);
    }

    public async Task AuditAsync(AdminCall call)
    {
        var fields = new QueryFields(call.Http.Request.Query);
        long after = fields.Number("after", 0, 0, long.MaxValue);
        long limit = fields.Number("limit", 100, 1, MaxAuditEntries);
        fields.Done();
        IReadOnlyList<AuditEntry> entries = await services.Audit.ReadAsync(after, (int)limit, call.Cancel)
            .ConfigureAwait(false);
        var view = new AuditListView([.. entries.Select(ViewOf)], entries.Count == 0 ? after : entries[^1].Sequence);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.AuditListView).ConfigureAwait(false);
    }

    public async Task VerifyAsync(AdminCall call)
    {
        long? firstBreak = await services.Audit.VerifyAsync(call.Cancel).ConfigureAwait(false);
        var view = new AuditVerifyView(firstBreak is null, firstBreak);
        await call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.AuditVerifyView).ConfigureAwait(false);
    }

    private static List<UsageDimension> ReadDimensions(QueryFields fields)
    {
        var dimensions = new List<UsageDimension>();
        foreach (string name in (fields.Text("group_by") ?? "tenant,model").Split(','))
        {
            int index = Array.IndexOf(Dimensions, name.Trim());
            if (index < 0)
            {
                fields.Add("group_by", "names a dimension that is not known.",
                    $"Give some of {string.Join(", ", Dimensions)}, joined by commas.");
            }
            else if (dimensions.Contains((UsageDimension)index))
            {
                fields.Add("group_by", $"names {Dimensions[index]} twice.", "Name each dimension once.");
            }
            else
            {
                dimensions.Add((UsageDimension)index);
            }
        }

        return dimensions;
    }

    private static UsageRowView ViewOf(UsageRow row, string[] names) => new(
        names.Zip(row.Group).ToDictionary(p => p.First, p => p.Second),
        row.Requests,
        row.FailedRequests,
        row.Tokens.Input,
        row.Tokens.CacheRead,
        row.Tokens.CacheWrite,
        row.Tokens.Output,
        row.ProviderCostMicros,
        row.CustomerPriceMicros,
        row.MeanTimeToFirstTokenMs,
        row.MeanTotalMs);

    private static AuditEntryView ViewOf(AuditEntry e) => new(
        e.Sequence,
        DateTimeOffset.FromUnixTimeMilliseconds(e.AtUnixMs),
        e.Actor,
        e.Action,
        e.Subject,
        e.DetailJson,
        e.PreviousHash,
        e.Hash);
}
