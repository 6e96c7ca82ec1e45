using System.Runtime.InteropServices;
using Forebay.Core.Limits;
using Forebay.Storage.Usage;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>The part of a fold that limits are rebuilt from: sums by hour and day, and the windows that were opened.
/// Runs in the fold's transaction, so it is never ahead of the sums by minute nor behind them.</summary>
internal static class LimitSql
{
    private const long HourMinutes = 60;
    private const long DayMinutes = 24 * 60;

    private const string UpsertHour = """
        INSERT INTO usage_hours (hour, tenant, model, requests, tokens, price_micros)
        VALUES ($at, $tenant, $model, $requests, $tokens, $price)
        ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, tokens = tokens + excluded.tokens,
            price_micros = price_micros + excluded.price_micros
        """;

    private const string UpsertDay = """
        INSERT INTO usage_days (day, tenant, model, requests, tokens, price_micros)
        VALUES ($at, $tenant, $model, $requests, $tokens, $price)
        ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, tokens = tokens + excluded.tokens,
            price_micros = price_micros + excluded.price_micros
        """;

    public static void Apply(SqliteConnection connection, FoldStep step)
    {
        AddSums(connection, UpsertHour, Group(step, HourMinutes, batches: false));
        AddSums(connection, UpsertDay, Group(step, DayMinutes, batches: true));
        foreach ((string tenant, IReadOnlyList<long> minutes) in step.AcceptedMinutes)
        {
            Open(connection, tenant, minutes);
        }
    }

    /// <summary>Days are for the month's spend, which items of batches count towards; hours are for windows, which they
    /// do not.</summary>
    private static Dictionary<(long At, string Tenant, string Model), PeriodUse> Group(
        FoldStep step, long minutes, bool batches)
    {
        var groups = new Dictionary<(long, string, string), PeriodUse>();
        foreach ((AggregateKey key, UsageSums sums) in step.Sums)
        {
            if (key.Series.Batch && !batches)
            {
                continue;
            }

            ref PeriodUse use = ref CollectionsMarshal.GetValueRefOrAddDefault(
                groups, (key.Minute / minutes, key.Series.Tenant, key.Series.Model), out _);
            use = new PeriodUse(
                use.Requests + sums.Requests,
                use.Tokens + sums.Tokens.Input + sums.Tokens.CacheWrite + sums.Tokens.Output,
                use.PriceMicros + sums.CustomerPriceMicros);
        }

        return groups;
    }

    private static void AddSums(
        SqliteConnection connection, string upsert, Dictionary<(long At, string Tenant, string Model), PeriodUse> sums)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // One of the two constants above.
        command.CommandText = upsert;
#pragma warning restore CA2100
        SqliteParameter at = command.Parameters.Add("$at", SqliteType.Integer);
        SqliteParameter tenant = command.Parameters.Add("$tenant", SqliteType.Text);
        SqliteParameter model = command.Parameters.Add("$model", SqliteType.Text);
        SqliteParameter requests = command.Parameters.Add("$requests", SqliteType.Integer);
        SqliteParameter tokens = command.Parameters.Add("$tokens", SqliteType.Integer);
        SqliteParameter price = command.Parameters.Add("$price", SqliteType.Integer);
        foreach (((long start, string ofTenant, string ofModel), PeriodUse use) in sums)
        {
            (at.Value, tenant.Value, model.Value) = (start, ofTenant, ofModel);
            (requests.Value, tokens.Value, price.Value) = (use.Requests, use.Tokens, use.PriceMicros);
            command.ExecuteNonQuery();
        }
    }

    private static void Open(SqliteConnection connection, string tenant, IReadOnlyList<long> minutes)
    {
        FiveHourOpening? stored = Read(connection, tenant);
        FiveHourOpening? opening = stored;
        foreach (long minute in minutes)
        {
            opening = FiveHourOpening.Next(opening, minute);
        }

        if (opening is not { } changed || opening == stored)
        {
            return;
        }

        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO limit_windows (tenant, opened_minute, before_minute) VALUES ($tenant, $opened, $before)
            ON CONFLICT DO UPDATE SET opened_minute = excluded.opened_minute, before_minute = excluded.before_minute
            """;
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$opened", changed.Minute);
        command.Parameters.AddWithValue("$before", (object?)changed.Before ?? DBNull.Value);
        command.ExecuteNonQuery();
    }

    private static FiveHourOpening? Read(SqliteConnection connection, string tenant)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT opened_minute, before_minute FROM limit_windows WHERE tenant = $tenant";
        command.Parameters.AddWithValue("$tenant", tenant);
        using SqliteDataReader row = command.ExecuteReader();
        return row.Read()
            ? new FiveHourOpening(row.GetInt64(0), row.IsDBNull(1) ? null : row.GetInt64(1))
            : null;
    }
}
