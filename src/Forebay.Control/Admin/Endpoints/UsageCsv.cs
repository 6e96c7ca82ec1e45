using System.Globalization;
using System.Text;
using Forebay.Control.Admin.Contract;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>Usage as CSV (RFC 4180), one header line, the dimensions first.</summary>
internal static class UsageCsv
{
    public static string Of(UsageView usage)
    {
        var text = new StringBuilder();
        AppendLine(text,
        [
            .. usage.GroupBy,
            "requests", "failed_requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
            "provider_cost_micros", "customer_price_micros", "mean_time_to_first_token_ms", "mean_total_ms",
        ]);
        foreach (UsageRowView row in usage.Rows)
        {
            AppendLine(text,
            [
                .. usage.GroupBy.Select(d => row.Group[d]),
                Number(row.Requests), Number(row.FailedRequests), Number(row.InputTokens),
                Number(row.CacheReadTokens), Number(row.CacheWriteTokens), Number(row.OutputTokens),
                Number(row.ProviderCostMicros), Number(row.CustomerPriceMicros),
                Number(row.MeanTimeToFirstTokenMs), Number(row.MeanTotalMs),
            ]);
        }

        return text.ToString();
    }

    private static void AppendLine(StringBuilder text, string[] fields) => CsvText.AppendLine(text, fields);

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
