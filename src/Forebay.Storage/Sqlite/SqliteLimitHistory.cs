using Forebay.Core.Limits;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>The history of limits in SQLite: what was recorded last per tenant, and each change since.</summary>
internal sealed class SqliteLimitHistory(SqliteStore store) : ILimitHistory
{
    public Task<int> RecordAsync(
        IReadOnlyCollection<TenantTerms> tenants,
        string changedBy,
        string source,
        DateTimeOffset at,
        CancellationToken cancel) => store.WriteAsync(
        connection => Record(connection, tenants, changedBy, source, at), cancel);

    /// <summary>The same within a transaction of something larger.</summary>
    internal static int Record(
        SqliteConnection connection,
        IReadOnlyCollection<TenantTerms> tenants,
        string changedBy,
        string source,
        DateTimeOffset at)
    {
        Dictionary<string, string> recorded = ReadRecorded(connection);
        int changes = 0;
        foreach ((string tenant, LimitTerms terms) in tenants)
        {
            string text = terms.ToText();
            string? before = recorded.GetValueOrDefault(tenant);
            if (text == before)
            {
                continue;
            }

            LimitTerms? old = before is null ? null : LimitTerms.Parse(before);
            foreach ((string name, string? modelClass, string? was, string? now) in LimitTerms.Changes(old, terms))
            {
                var change = new LimitChange(at, name, modelClass, was, now, changedBy, source);
                Insert(connection, tenant, change);
                changes++;
            }

            Save(connection, tenant, text);
        }

        return changes;
    }

    public Task<IReadOnlyList<LimitChange>> ReadAsync(string tenant, int most, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<LimitChange>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    SELECT at_ms, name, model_class, before, after, changed_by, source FROM limit_changes
                    WHERE tenant = $tenant ORDER BY sequence DESC LIMIT $most
                    """;
                command.Parameters.AddWithValue("$tenant", tenant);
                command.Parameters.AddWithValue("$most", most);
                using SqliteDataReader row = command.ExecuteReader();
                var changes = new List<LimitChange>();
                while (row.Read())
                {
                    changes.Add(new LimitChange(
                        DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(0)),
                        row.GetString(1),
                        TextOrNull(row, 2),
                        TextOrNull(row, 3),
                        TextOrNull(row, 4),
                        row.GetString(5),
                        row.GetString(6)));
                }

                return changes;
            },
            cancel);

    private static Dictionary<string, string> ReadRecorded(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT tenant, terms FROM limits_in_force";
        using SqliteDataReader row = command.ExecuteReader();
        var recorded = new Dictionary<string, string>(StringComparer.Ordinal);
        while (row.Read())
        {
            recorded.Add(row.GetString(0), row.GetString(1));
        }

        return recorded;
    }

    private static void Insert(SqliteConnection connection, string tenant, LimitChange change)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO limit_changes (at_ms, tenant, name, model_class, before, after, changed_by, source)
            VALUES ($at, $tenant, $name, $class, $before, $after, $by, $source)
            """;
        command.Parameters.AddWithValue("$at", change.At.ToUnixTimeMilliseconds());
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$name", change.Name);
        command.Parameters.AddWithValue("$class", OrNull(change.ModelClass));
        command.Parameters.AddWithValue("$before", OrNull(change.Before));
        command.Parameters.AddWithValue("$after", OrNull(change.After));
        command.Parameters.AddWithValue("$by", change.ChangedBy);
        command.Parameters.AddWithValue("$source", change.Source);
        command.ExecuteNonQuery();
    }

    private static void Save(SqliteConnection connection, string tenant, string terms)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO limits_in_force (tenant, terms) VALUES ($tenant, $terms)
            ON CONFLICT DO UPDATE SET terms = excluded.terms
            """;
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$terms", terms);
        command.ExecuteNonQuery();
    }

    private static object OrNull(string? text) => text is null ? DBNull.Value : text;

    private static string? TextOrNull(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetString(column);
}
