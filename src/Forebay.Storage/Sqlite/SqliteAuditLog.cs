using Forebay.Core.Audit;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>The audit log in SQLite. Appends are serialised by the store's one writer.</summary>
internal sealed class SqliteAuditLog(SqliteStore store) : IAuditLog
{
    private const string Columns = "sequence, at_ms, actor, action, subject, detail, previous_hash, hash";

    /// <summary>The highest number ever given, also when its entry is gone.</summary>
    private const string LastSequence = """
        SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'), 0),
            coalesce((SELECT max(sequence) FROM audit_log), 0))
        """;

    public Task<AuditEntry> AppendAsync(
        long atUnixMs,
        string actor,
        string action,
        string subject,
        string detailJson,
        CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            long sequence = ReadLastSequence(connection) + 1;
            string previous = ReadLastHash(connection);
            var entry = new AuditEntry(sequence, atUnixMs, actor, action, subject, detailJson, previous,
                AuditChain.HashOf(sequence, atUnixMs, actor, action, subject, detailJson, previous));
            Insert(connection, entry);
            return entry;
        },
        cancel);

    public Task<IReadOnlyList<AuditEntry>> ReadAsync(long afterSequence, int limit, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<AuditEntry>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText =
                    $"SELECT {Columns} FROM audit_log WHERE sequence > $after ORDER BY sequence LIMIT $limit";
                command.Parameters.AddWithValue("$after", afterSequence);
                command.Parameters.AddWithValue("$limit", limit);
                using SqliteDataReader rows = command.ExecuteReader();
                return [.. Entries(rows)];
            },
            cancel);

    public Task<long?> VerifyAsync(CancellationToken cancel) => store.ReadAsync<long?>(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = $"SELECT {Columns} FROM audit_log ORDER BY sequence";
            using SqliteDataReader rows = command.ExecuteReader();
            long last = 0;
            IEnumerable<AuditEntry> entries = Entries(rows).Select(e =>
            {
                cancel.ThrowIfCancellationRequested();
                last = e.Sequence;
                return e;
            });
            long? broken = AuditChain.FirstBreak(entries);
            return broken ?? (last < ReadLastSequence(connection) ? last + 1 : null);
        },
        cancel);

    private static void Insert(SqliteConnection connection, AuditEntry entry)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = $"""
            INSERT INTO audit_log ({Columns})
            VALUES ($sequence, $at, $actor, $action, $subject, $detail, $previous, $hash)
            """;
        command.Parameters.AddWithValue("$sequence", entry.Sequence);
        command.Parameters.AddWithValue("$at", entry.AtUnixMs);
        command.Parameters.AddWithValue("$actor", entry.Actor);
        command.Parameters.AddWithValue("$action", entry.Action);
        command.Parameters.AddWithValue("$subject", entry.Subject);
        command.Parameters.AddWithValue("$detail", entry.DetailJson);
        command.Parameters.AddWithValue("$previous", entry.PreviousHash);
        command.Parameters.AddWithValue("$hash", entry.Hash);
        command.ExecuteNonQuery();
    }

    private static long ReadLastSequence(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = LastSequence;
        return (long)command.ExecuteScalar()!;
    }

    private static string ReadLastHash(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT hash FROM audit_log ORDER BY sequence DESC LIMIT 1";
        return (string?)command.ExecuteScalar() ?? AuditChain.Genesis;
    }

    private static IEnumerable<AuditEntry> Entries(SqliteDataReader row)
    {
        while (row.Read())
        {
            yield return new AuditEntry(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3),
                row.GetString(4), row.GetString(5), row.GetString(6), row.GetString(7));
        }
    }
}
