using Forebay.Core.Limits.Following;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Usage by minute, tenant and model, from the ledger's aggregates.</summary>
internal sealed class SqliteDemandHistory(SqliteStore store) : IDemandHistory
{
    public Task<long?> FirstMinuteAsync(CancellationToken cancel) => store.ReadAsync<long?>(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "SELECT min(minute) FROM usage_minutes";
            return command.ExecuteScalar() is long minute ? minute : null;
        },
        cancel);

    public Task ReadAsync(long fromMinute, long toMinute, Action<DemandMinute> each, CancellationToken cancel) =>
        store.ReadAsync(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    SELECT minute, tenant, model, sum(requests), sum(input + cache_write), sum(output)
                    FROM usage_minutes JOIN usage_series ON id = series WHERE minute >= $from AND minute < $to
                    GROUP BY minute, tenant, model ORDER BY minute
                    """;
                command.Parameters.AddWithValue("$from", fromMinute);
                command.Parameters.AddWithValue("$to", toMinute);
                using SqliteDataReader row = command.ExecuteReader();
                while (row.Read())
                {
                    cancel.ThrowIfCancellationRequested();
                    each(new DemandMinute(
                        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4),
                        row.GetInt64(5)));
                }

                return true;
            },
            cancel);
}
