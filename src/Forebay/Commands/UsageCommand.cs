using System.CommandLine;
using System.Globalization;
using Forebay.Commands.Connection;
using Forebay.Control.Admin.Contract;

namespace Forebay.Commands;

/// <summary><c>forebay usage</c>: what was used and what it cost.</summary>
public static class UsageCommand
{
    private const decimal MicrosPerDollar = 1_000_000m;

    private static readonly Column[] Figures =
    [
        new("REQUESTS", true), new("FAILED", true), new("INPUT", true), new("CACHE READ", true),
        new("CACHE WRITE", true), new("OUTPUT", true), new("COST USD", true), new("PRICE USD", true),
        new("TTFT MS", true), new("TOTAL MS", true),
    ];

    public static Command Create()
    {
        Option<DateTimeOffset?> from = TimeArguments.Moment(
            "--from", "Start: a day, a time, or a length of time back such as 24h; a day before the end if left out.",
            back: true);
        Option<DateTimeOffset?> to = TimeArguments.Moment("--to", "End, not included; now if left out.", back: true);
        Option<string> by = new("--by")
        {
            Description = "Dimensions, joined by commas: hour, day, tenant, key, model, deployment, provider, " +
                "backing, outcome.",
            DefaultValueFactory = _ => "tenant,model",
        };
        Option<string?> tenant = new("--tenant") { Description = "Only this tenant." };
        Option<string?> model = new("--model") { Description = "Only this model." };
        Option<string?> provider = new("--provider") { Description = "Only this provider." };
        Option<string> format = new("--format")
        {
            Description = "table, csv or json.",
            DefaultValueFactory = _ => "table",
        };
        format.AcceptOnlyFromAmong("table", "csv", "json");
        var command = new Command("usage", "Show what was used and what it cost.")
        {
            from, to, by, tenant, model, provider, format,
        };
        return AdminAction.On(command, async (session, cancel) =>
        {
            ParseResult parse = session.Parse;
            string query = QueryOf(
                ("from", Text(parse.GetValue(from))),
                ("to", Text(parse.GetValue(to))),
                ("group_by", session.Required(by)),
                ("tenant", parse.GetValue(tenant)),
                ("model", parse.GetValue(model)),
                ("provider", parse.GetValue(provider)));
            string form = session.IsJson ? "json" : session.Required(format);
            if (form == "csv")
            {
                session.Output.Raw(await session.Client.UsageCsvAsync(query, cancel).ConfigureAwait(false));
                return 0;
            }

            UsageView usage = await session.Client.UsageAsync(query, cancel).ConfigureAwait(false);
            if (form == "json")
            {
                session.Output.Json(usage, AdminJson.Default.UsageView);
            }
            else
            {
                session.Output.Table(
                    [.. usage.GroupBy.Select(d => new Column(d.ToUpperInvariant())), .. Figures],
                    [.. usage.Rows.Select(row => RowOf(usage, row))]);
            }

            return 0;
        });
    }

    /// <summary>A query string of what is given, escaped.</summary>
    internal static string QueryOf(params (string Name, string? Value)[] parameters) => string.Join('&', parameters
        .Where(p => p.Value is not null)
        .Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));

    /// <summary>A time as the admin API takes it.</summary>
    internal static string? Text(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string[] RowOf(UsageView usage, UsageRowView row) =>
    [
        .. usage.GroupBy.Select(d => row.Group[d]),
        Count(row.Requests),
        Count(row.FailedRequests),
        Count(row.InputTokens),
        Count(row.CacheReadTokens),
        Count(row.CacheWriteTokens),
        Count(row.OutputTokens),
        Dollars(row.ProviderCostMicros),
        Dollars(row.CustomerPriceMicros),
        row.MeanTimeToFirstTokenMs.ToString("0.0", CultureInfo.InvariantCulture),
        row.MeanTotalMs.ToString("0.0", CultureInfo.InvariantCulture),
    ];

    private static string Count(long count) => count.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Dollars(long micros) =>
        (micros / MicrosPerDollar).ToString("0.000000", CultureInfo.InvariantCulture);
}
