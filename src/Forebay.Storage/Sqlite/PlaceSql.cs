using System.Buffers.Binary;
using Forebay.Core.Audit.Residency;
using Forebay.Storage.Usage;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>The statements over where requests were sent.</summary>
internal static class PlaceSql
{
    private const long MsPerMinute = 60_000;

    public static void Add(SqliteConnection connection, FoldStep step)
    {
        AddContexts(connection, step.Contexts);
        using SqliteCommand series = connection.CreateCommand();
        series.CommandText = """
            INSERT INTO place_series (tenant, model, role, context, site, jurisdiction, country, kind)
            VALUES ($tenant, $model, $role, $context, $site, $jurisdiction, $country, $kind)
            ON CONFLICT DO UPDATE SET tenant = excluded.tenant
            RETURNING id
            """;
        using SqliteCommand minute = connection.CreateCommand();
        minute.CommandText = """
            INSERT INTO place_minutes (minute, series, requests) VALUES ($minute, $series, $requests)
            ON CONFLICT DO UPDATE SET requests = requests + excluded.requests
            """;
        foreach ((PlaceKey key, long requests) in step.Places)
        {
            series.Parameters.Clear();
            series.Parameters.AddWithValue("$tenant", key.Tenant);
            series.Parameters.AddWithValue("$model", key.Model);
            series.Parameters.AddWithValue("$role", PlaceRoles.WordOf(key.Role));
            series.Parameters.AddWithValue("$context", BytesOf(key.Context));
            series.Parameters.AddWithValue("$site", key.Site);
            series.Parameters.AddWithValue("$jurisdiction", key.Jurisdiction);
            series.Parameters.AddWithValue("$country", key.Country);
            series.Parameters.AddWithValue("$kind", key.Kind);
            minute.Parameters.Clear();
            minute.Parameters.AddWithValue("$minute", key.Minute);
            minute.Parameters.AddWithValue("$series", (long)series.ExecuteScalar()!);
            minute.Parameters.AddWithValue("$requests", requests);
            minute.ExecuteNonQuery();
        }
    }

    public static ResidencyEvidence Read(SqliteConnection connection, ResidencyQuery query)
    {
        long from = Floor(query.From.ToUnixTimeMilliseconds());
        long to = -Floor(-query.To.ToUnixTimeMilliseconds());
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            SELECT tenant, model, role, context, content, site, jurisdiction, country, kind, sum(requests), min(minute),
                max(minute)
            FROM place_minutes JOIN place_series ON id = series LEFT JOIN permission_contexts ON hash = context
            WHERE minute >= $from AND minute < $to AND ($tenant IS NULL OR tenant = $tenant)
            GROUP BY series ORDER BY tenant, model, site, series
            """;
        Bind(command, query, from, to);
        using SqliteDataReader row = command.ExecuteReader();
        var places = new List<PlaceEvidence>();
        while (row.Read())
        {
            places.Add(new PlaceEvidence(
                row.GetString(0),
                row.GetString(1),
                PlaceRoles.Parse(row.GetString(2)),
                BinaryPrimitives.ReadUInt128BigEndian(row.GetFieldValue<byte[]>(3)),
                row.IsDBNull(4) ? null : row.GetString(4),
                row.GetString(5),
                row.GetString(6),
                row.GetString(7),
                row.GetString(8),
                row.GetInt64(9),
                At(row.GetInt64(10)),
                At(row.GetInt64(11))));
        }

        return new ResidencyEvidence(At(from), At(to), places, CountUsage(connection, query, from, to));
    }

    private static long CountUsage(SqliteConnection connection, ResidencyQuery query, long from, long to)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            SELECT coalesce(sum(requests), 0) FROM usage_minutes JOIN usage_series ON id = series
            WHERE minute >= $from AND minute < $to AND ($tenant IS NULL OR tenant = $tenant)
            """;
        Bind(command, query, from, to);
        return (long)command.ExecuteScalar()!;
    }

    private static void Bind(SqliteCommand command, ResidencyQuery query, long from, long to)
    {
        command.Parameters.AddWithValue("$from", from);
        command.Parameters.AddWithValue("$to", to);
        command.Parameters.AddWithValue("$tenant", (object?)query.Tenant ?? DBNull.Value);
    }

    private static void AddContexts(SqliteConnection connection, IReadOnlyDictionary<UInt128, string> contexts)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText =
            "INSERT INTO permission_contexts (hash, content) VALUES ($hash, $content) ON CONFLICT DO NOTHING";
        foreach ((UInt128 hash, string content) in contexts)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$hash", BytesOf(hash));
            command.Parameters.AddWithValue("$content", content);
            command.ExecuteNonQuery();
        }
    }

    private static byte[] BytesOf(UInt128 value)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        return bytes;
    }

    private static DateTimeOffset At(long minute) =>
        DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(minute, -30_000_000, 4_000_000_000) * MsPerMinute);

    private static long Floor(long unixMs)
    {
        (long quotient, long remainder) = Math.DivRem(unixMs, MsPerMinute);
        return remainder < 0 ? quotient - 1 : quotient;
    }
}
