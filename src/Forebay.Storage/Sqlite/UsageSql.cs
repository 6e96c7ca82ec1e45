using System.Text;
using Forebay.Core.Usage;
using Forebay.Storage.Usage;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>The statements over usage aggregates.</summary>
internal static class UsageSql
{
    public const string EnsureSeries = """
        INSERT INTO usage_series (tenant, key, model, deployment, pool, site, provider, backing, outcome,
            batch)
        VALUES ($tenant, $key, $model, $deployment, $pool, $site, $provider, $backing, $outcome, $batch)
        ON CONFLICT DO UPDATE SET tenant = excluded.tenant
        RETURNING id
        """;

    private static readonly string[] Sums =
    [
        "requests", "input", "cache_read", "cache_write", "output", "provider_cost_micros", "customer_price_micros",
        "first_tokens", "first_token_us", "total_us",
    ];

    private static readonly string[] Columns = ["minute", "series", .. Sums];

    public static string Upsert { get; } =
        $"INSERT INTO usage_minutes ({string.Join(", ", Columns)}) "
        + $"VALUES ({string.Join(", ", Columns.Select(c => "$" + c))}) "
        + $"ON CONFLICT DO UPDATE SET {string.Join(", ", Sums.Select(s => $"{s} = {s} + excluded.{s}"))}";

    public static SqliteParameter[] AddParameters(SqliteCommand command) =>
        [.. Columns.Select(c => command.Parameters.Add("$" + c, SqliteType.Integer))];

    public static void Bind(SqliteParameter[] values, long minute, long series, in UsageSums sums)
    {
        long[] numbers =
        [
            minute, series, sums.Requests, sums.Tokens.Input, sums.Tokens.CacheRead, sums.Tokens.CacheWrite,
            sums.Tokens.Output, sums.ProviderCostMicros, sums.CustomerPriceMicros, sums.FirstTokens,
            sums.FirstTokenUs, sums.TotalUs,
        ];
        for (int i = 0; i < numbers.Length; i++)
        {
            values[i].Value = numbers[i];
        }
    }

    public static IReadOnlyList<UsageRow> Query(SqliteConnection connection, UsageQuery query)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Composed of constants of this class only; every value is a parameter.
        command.CommandText = Compose(command, query);
#pragma warning restore CA2100
        using SqliteDataReader row = command.ExecuteReader();
        var rows = new List<UsageRow>();
        while (row.Read())
        {
            rows.Add(Read(row, query.GroupBy.Count));
        }

        return rows;
    }

    private static string Compose(SqliteCommand command, UsageQuery query)
    {
        var sql = new StringBuilder("SELECT ");
        foreach (UsageDimension dimension in query.GroupBy)
        {
            sql.Append(ColumnOf(dimension)).Append(", ");
        }

        sql.Append($"""
            sum(requests), sum(requests) FILTER (WHERE outcome IN ('{UsageWords.Failed}', '{UsageWords.Interrupted}')),
            sum(input), sum(cache_read), sum(cache_write), sum(output), sum(provider_cost_micros),
            sum(customer_price_micros), sum(first_tokens), sum(first_token_us),
            sum(requests) FILTER (WHERE outcome <> '{UsageWords.Interrupted}'), sum(total_us)
            FROM usage_minutes JOIN usage_series ON id = series
            WHERE minute >= $from AND minute < $to
            """);
        command.Parameters.AddWithValue("$from", FloorMinute(query.From.ToUnixTimeMilliseconds()));
        command.Parameters.AddWithValue("$to", -FloorMinute(-query.To.ToUnixTimeMilliseconds()));
        Filter(command, sql, "tenant", query.Tenant);
        Filter(command, sql, "model", query.Model);
        Filter(command, sql, "provider", query.Provider);
        if (query.GroupBy.Count > 0)
        {
            string ordinals = string.Join(", ", Enumerable.Range(1, query.GroupBy.Count));
            sql.Append($" GROUP BY {ordinals} ORDER BY {ordinals}");
        }
        else
        {
            sql.Append(" HAVING count(*) > 0");
        }

        return sql.ToString();
    }

    private static void Filter(SqliteCommand command, StringBuilder sql, string column, string? value)
    {
        if (value is not null)
        {
            sql.Append($" AND {column} = ${column}");
            command.Parameters.AddWithValue("$" + column, value);
        }
    }

    private static string ColumnOf(UsageDimension dimension) => dimension switch
    {
        UsageDimension.Hour => "strftime('%Y-%m-%dT%H:00:00Z', minute * 60, 'unixepoch')",
        UsageDimension.Day => "strftime('%Y-%m-%d', minute * 60, 'unixepoch')",
        UsageDimension.Tenant => "tenant",
        UsageDimension.Key => "key",
        UsageDimension.Model => "model",
        UsageDimension.Deployment => "deployment",
        UsageDimension.Provider => "provider",
        UsageDimension.Backing => "backing",
        UsageDimension.Outcome => "outcome",
        UsageDimension.Pool => "pool",
        UsageDimension.Batch => "iif(batch, 'yes', 'no')",
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "A dimension without a column."),
    };

    private static UsageRow Read(SqliteDataReader row, int groups)
    {
        var group = new string[groups];
        for (int i = 0; i < groups; i++)
        {
            group[i] = row.GetString(i);
        }

        long Sum(int column) => row.IsDBNull(groups + column) ? 0 : row.GetInt64(groups + column);
        return new UsageRow(
            group,
            Sum(0),
            Sum(1),
            new TokenUsage(Sum(2), Sum(3), Sum(4), Sum(5)),
            Sum(6),
            Sum(7),
            MeanMs(Sum(9), Sum(8)),
            MeanMs(Sum(11), Sum(10)));
    }

    /// <summary>Negative where there is nothing to take the mean of, as in the records themselves.</summary>
    private static double MeanMs(long sumUs, long count) => count == 0 ? -1 : sumUs / 1000.0 / count;

    private static long FloorMinute(long unixMs)
    {
        (long quotient, long remainder) = Math.DivRem(unixMs, 60_000);
        return remainder < 0 ? quotient - 1 : quotient;
    }
}
