using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Replicas and the transfers of their weights in SQLite.</summary>
internal sealed class SqliteReplicaStore(SqliteStore store) : IReplicaStore, ITransferStore
{
    private static readonly ReplicaJson Json = ReplicaJson.Default;

    public Task<IReadOnlyList<ReplicaState>> ListReplicasAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<ReplicaState> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                SELECT id, generation, phase, since_ms, deadline_ms, failures, not_before_ms, after_stop,
                    warmed_generation, held, restart_generation, reason, spec
                FROM replicas ORDER BY id
                """;
            using SqliteDataReader row = command.ExecuteReader();
            var replicas = new List<ReplicaState>();
            while (row.Read())
            {
                replicas.Add(new ReplicaState
                {
                    Id = row.GetString(0),
                    Generation = row.GetInt64(1),
                    Phase = Enum.Parse<ReplicaPhase>(row.GetString(2), ignoreCase: true),
                    SinceUnixMs = row.GetInt64(3),
                    DeadlineUnixMs = row.IsDBNull(4) ? null : row.GetInt64(4),
                    Failures = row.GetInt32(5),
                    NotBeforeUnixMs = row.GetInt64(6),
                    After = Enum.Parse<AfterStop>(row.GetString(7), ignoreCase: true),
                    WarmedGeneration = row.GetInt64(8),
                    Held = row.GetInt64(9) != 0,
                    RestartGeneration = row.GetInt64(10),
                    Reason = row.IsDBNull(11) ? null : row.GetString(11),
                    Spec = Parse(row.GetString(12), Json.ReplicaWanted, "replica"),
                });
            }

            return replicas;
        },
        cancel);

    public Task SaveReplicasAsync(
        IReadOnlyCollection<ReplicaState> changed, IReadOnlyCollection<string> removed, CancellationToken cancel) =>
        store.WriteAsync(
            connection =>
            {
                foreach (ReplicaState replica in changed)
                {
                    Save(connection, replica);
                }

                foreach (string id in removed)
                {
                    using SqliteCommand command = connection.CreateCommand();
                    command.CommandText = "DELETE FROM replicas WHERE id = $id";
                    command.Parameters.AddWithValue("$id", id);
                    command.ExecuteNonQuery();
                }

                return changed.Count + removed.Count;
            },
            cancel);

    public Task<IReadOnlyList<StoredTransfer>> ListTransfersAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<StoredTransfer> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "SELECT spec, progress, used_ms FROM transfers ORDER BY site, sha256";
            using SqliteDataReader row = command.ExecuteReader();
            var transfers = new List<StoredTransfer>();
            while (row.Read())
            {
                transfers.Add(new StoredTransfer(
                    Parse(row.GetString(0), Json.TransferSpec, "transfer"),
                    Parse(row.GetString(1), Json.TransferProgress, "transfer"),
                    row.GetInt64(2)));
            }

            return transfers;
        },
        cancel);

    public Task SaveTransferAsync(StoredTransfer transfer, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO transfers (site, sha256, phase, verified_parts, sent_bytes, used_ms, spec, progress)
                VALUES ($site, $sha256, $phase, $verified, $sent, $used, $spec, $progress)
                ON CONFLICT DO UPDATE SET phase = excluded.phase, verified_parts = excluded.verified_parts,
                    sent_bytes = excluded.sent_bytes, used_ms = excluded.used_ms, spec = excluded.spec,
                    progress = excluded.progress
                """;
            TransferProgress progress = transfer.Progress;
            command.Parameters.AddWithValue("$site", transfer.Spec.Route.Site);
            command.Parameters.AddWithValue("$sha256", transfer.Spec.File.Sha256);
            command.Parameters.AddWithValue("$phase", WordOf(progress.Phase));
            command.Parameters.AddWithValue("$verified", progress.VerifiedParts);
            command.Parameters.AddWithValue("$sent", progress.SentBytes);
            command.Parameters.AddWithValue("$used", transfer.UsedUnixMs);
            command.Parameters.AddWithValue("$spec", JsonSerializer.Serialize(transfer.Spec, Json.TransferSpec));
            command.Parameters.AddWithValue("$progress", JsonSerializer.Serialize(progress, Json.TransferProgress));
            return command.ExecuteNonQuery();
        },
        cancel);

    public Task RemoveTransferAsync(TransferKey key, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "DELETE FROM transfers WHERE site = $site AND sha256 = $sha256";
            command.Parameters.AddWithValue("$site", key.Site);
            command.Parameters.AddWithValue("$sha256", key.Sha256);
            return command.ExecuteNonQuery();
        },
        cancel);

    private static void Save(SqliteConnection connection, ReplicaState replica)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO replicas (id, generation, phase, since_ms, deadline_ms, failures, not_before_ms, after_stop,
                warmed_generation, held, restart_generation, reason, spec)
            VALUES ($id, $generation, $phase, $since, $deadline, $failures, $not_before, $after, $warmed, $held,
                $restart, $reason, $spec)
            ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, phase = excluded.phase,
                since_ms = excluded.since_ms, deadline_ms = excluded.deadline_ms, failures = excluded.failures,
                not_before_ms = excluded.not_before_ms, after_stop = excluded.after_stop,
                warmed_generation = excluded.warmed_generation, held = excluded.held,
                restart_generation = excluded.restart_generation, reason = excluded.reason, spec = excluded.spec
            WHERE excluded.generation >= replicas.generation
            """;
        command.Parameters.AddWithValue("$id", replica.Id);
        command.Parameters.AddWithValue("$generation", replica.Generation);
        command.Parameters.AddWithValue("$phase", WordOf(replica.Phase));
        command.Parameters.AddWithValue("$since", replica.SinceUnixMs);
        command.Parameters.AddWithValue("$deadline", (object?)replica.DeadlineUnixMs ?? DBNull.Value);
        command.Parameters.AddWithValue("$failures", replica.Failures);
        command.Parameters.AddWithValue("$not_before", replica.NotBeforeUnixMs);
        command.Parameters.AddWithValue("$after", WordOf(replica.After));
        command.Parameters.AddWithValue("$warmed", replica.WarmedGeneration);
        command.Parameters.AddWithValue("$held", replica.Held ? 1 : 0);
        command.Parameters.AddWithValue("$restart", replica.RestartGeneration);
        command.Parameters.AddWithValue("$reason", (object?)replica.Reason ?? DBNull.Value);
        command.Parameters.AddWithValue("$spec", JsonSerializer.Serialize(replica.Spec, Json.ReplicaWanted));
        if (command.ExecuteNonQuery() == 0)
        {
            throw new StorageException($"Replica {replica.Id} is stored in a later generation than "
                + $"{replica.Generation}: another process runs over this data directory. Stop one of them.");
        }
    }

    private static string WordOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static T Parse<T>(string json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, string what)
        where T : class => JsonSerializer.Deserialize(json, type)
        ?? throw new StorageException($"The database holds a {what} without content. Restore a backup.");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ReplicaWanted))]
[JsonSerializable(typeof(TransferSpec))]
[JsonSerializable(typeof(TransferProgress))]
internal sealed partial class ReplicaJson : JsonSerializerContext;
