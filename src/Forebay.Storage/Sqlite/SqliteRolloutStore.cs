using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Core.Serving.Rollout;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Rollouts in SQLite.</summary>
internal sealed class SqliteRolloutStore(SqliteStore store) : IRolloutStore
{
    public Task<IReadOnlyList<ModelRollout>> ListRolloutsAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<ModelRollout> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                SELECT id, model, from_version, to_version, steps, hold_seconds, min_requests, false_alarm_share,
                    latency_slack_share, phase, step, started_ms, step_since_ms, looks, actor, reason, changed_ms
                FROM rollouts ORDER BY id
                """;
            using SqliteDataReader row = command.ExecuteReader();
            var rollouts = new List<ModelRollout>();
            while (row.Read())
            {
                rollouts.Add(Read(row));
            }

            return rollouts;
        },
        cancel);

    public Task SaveRolloutAsync(ModelRollout rollout, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO rollouts
                    (id, model, from_version, to_version, steps, hold_seconds, min_requests, false_alarm_share,
                        latency_slack_share, phase, step, started_ms, step_since_ms, looks, actor, reason, changed_ms)
                VALUES ($id, $model, $from, $to, $steps, $hold, $min, $alarm, $slack, $phase, $step, $started, $since,
                    $looks, $actor, $reason, $changed)
                ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, step = excluded.step,
                    step_since_ms = excluded.step_since_ms, looks = excluded.looks, actor = excluded.actor,
                    reason = excluded.reason, changed_ms = excluded.changed_ms
                """;
            command.Parameters.AddWithValue("$id", rollout.Id);
            command.Parameters.AddWithValue("$model", rollout.Model);
            command.Parameters.AddWithValue("$from", rollout.From);
            command.Parameters.AddWithValue("$to", rollout.To);
            command.Parameters.AddWithValue(
                "$steps", string.Join(' ', rollout.Steps.Select(s => s.ToString("R", CultureInfo.InvariantCulture))));
            command.Parameters.AddWithValue("$hold", rollout.HoldSeconds);
            command.Parameters.AddWithValue("$min", rollout.MinRequests);
            command.Parameters.AddWithValue("$alarm", rollout.FalseAlarmShare);
            command.Parameters.AddWithValue("$slack", rollout.LatencySlackShare);
            command.Parameters.AddWithValue("$phase", rollout.Phase.Word());
            command.Parameters.AddWithValue("$step", rollout.Step);
            command.Parameters.AddWithValue("$started", rollout.StartedUnixMs);
            command.Parameters.AddWithValue("$since", rollout.StepSinceUnixMs);
            command.Parameters.AddWithValue("$looks", rollout.Looks);
            command.Parameters.AddWithValue("$actor", rollout.Actor);
            command.Parameters.AddWithValue("$reason", rollout.Reason);
            command.Parameters.AddWithValue("$changed", rollout.ChangedUnixMs);
            return command.ExecuteNonQuery();
        },
        cancel);

    public Task<IReadOnlyList<RolloutCounts>> ListCountsAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<RolloutCounts> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "SELECT rollout, at_ms, step_base, looked, looked_ms, arms FROM rollout_counts";
            using SqliteDataReader row = command.ExecuteReader();
            var counts = new List<RolloutCounts>();
            while (row.Read())
            {
                counts.Add(new RolloutCounts(
                    row.GetInt64(0),
                    row.GetInt64(1),
                    new RolloutMark(row.GetInt64(2), row.GetInt64(3), row.GetInt64(4)),
                    JsonSerializer.Deserialize(row.GetString(5), RolloutStoreJson.Default.ArmCountsArray) ?? []));
            }

            return counts;
        },
        cancel);

    public Task SaveCountsAsync(RolloutCounts counts, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO rollout_counts (rollout, at_ms, step_base, looked, looked_ms, arms)
                VALUES ($rollout, $at, $base, $looked, $looked_ms, $arms)
                ON CONFLICT (rollout) DO UPDATE SET at_ms = excluded.at_ms, step_base = excluded.step_base,
                    looked = excluded.looked, looked_ms = excluded.looked_ms, arms = excluded.arms
                """;
            command.Parameters.AddWithValue("$rollout", counts.Rollout);
            command.Parameters.AddWithValue("$at", counts.AtUnixMs);
            command.Parameters.AddWithValue("$base", counts.Mark.StepBase);
            command.Parameters.AddWithValue("$looked", counts.Mark.Looked);
            command.Parameters.AddWithValue("$looked_ms", counts.Mark.LookedUnixMs);
            command.Parameters.AddWithValue(
                "$arms", JsonSerializer.Serialize([.. counts.Arms], RolloutStoreJson.Default.ArmCountsArray));
            return command.ExecuteNonQuery();
        },
        cancel);

    private static ModelRollout Read(SqliteDataReader row)
    {
        string word = row.GetString(9);
        return new ModelRollout
        {
            Id = row.GetInt64(0),
            Model = row.GetString(1),
            From = row.GetString(2),
            To = row.GetString(3),
            Steps = [.. row.GetString(4).Split(' ').Select(s => double.Parse(s, CultureInfo.InvariantCulture))],
            HoldSeconds = row.GetDouble(5),
            MinRequests = row.GetInt32(6),
            FalseAlarmShare = row.GetDouble(7),
            LatencySlackShare = row.GetDouble(8),
            Phase = RolloutPhaseWords.TryParse(word, out RolloutPhase phase)
                ? phase
                : throw new StorageException($"A rollout in the database is '{word}', which this program does not "
                    + "know. Run the program that wrote it."),
            Step = row.GetInt32(10),
            StartedUnixMs = row.GetInt64(11),
            StepSinceUnixMs = row.GetInt64(12),
            Looks = row.GetInt32(13),
            Actor = row.GetString(14),
            Reason = row.GetString(15),
            ChangedUnixMs = row.GetInt64(16),
        };
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ArmCounts[]))]
internal sealed partial class RolloutStoreJson : JsonSerializerContext;
