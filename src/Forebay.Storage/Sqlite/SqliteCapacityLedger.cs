using System.Text.Json;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>The capacity ledger in SQLite: each change, its log entry and its version are one transaction.</summary>
internal sealed class SqliteCapacityLedger(SqliteStore store) : ICapacityLedgerStore
{
    public Task<CapacityLedger> LoadLedgerAsync(long endedBeforeUnixMs, CancellationToken cancel) => store.ReadAsync(
        connection =>
        {
            (long version, long sequence) = ReadVersion(connection);
            using SqliteCommand supplies = connection.CreateCommand();
            supplies.CommandText = "SELECT supply FROM capacity_supplies";
            using SqliteCommand leases = connection.CreateCommand();
            leases.CommandText = "SELECT lease FROM capacity_leases WHERE end_ms >= $ended AND removed = 0";
            leases.Parameters.AddWithValue("$ended", endedBeforeUnixMs);
            return CapacityLedger.Load(
                version,
                sequence,
                Texts(supplies).Select(t => CapacityRows.Read(t, CapacityJson.Default.SupplyRow).ToSupply()),
                Leases(leases));
        },
        cancel);

    public Task CommitLedgerAsync(LedgerCommit commit, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            (long stored, _) = ReadVersion(connection);
            if (stored != commit.Before.Version)
            {
                throw new CapacityConflictException(
                    $"The capacity ledger is at version {stored}, not {commit.Before.Version}: somebody else changed "
                    + "it. Nothing was changed; try again.");
            }

            foreach ((CapacityLane lane, PoolSupply? supply) in commit.Result.Supplies)
            {
                Save(connection, lane, supply);
            }

            foreach (Lease lease in commit.Result.Leases.Values)
            {
                Save(connection, lease, removed: !commit.Result.Ledger.TryGetLease(lease.Id, out _));
            }

            Append(connection, commit);
            using SqliteCommand version = connection.CreateCommand();
            version.CommandText = "UPDATE capacity_ledger SET version = $version, sequence = $sequence";
            version.Parameters.AddWithValue("$version", commit.Result.Ledger.Version);
            version.Parameters.AddWithValue("$sequence", commit.Result.Ledger.Sequence);
            return version.ExecuteNonQuery();
        },
        cancel);

    public Task<IReadOnlyList<LedgerEntry>> ReadLedgerAsync(long afterVersion, int limit, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<LedgerEntry>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    SELECT version, at_ms, actor, reason, change FROM capacity_changes
                    WHERE version > $after ORDER BY version LIMIT $limit
                    """;
                command.Parameters.AddWithValue("$after", afterVersion);
                command.Parameters.AddWithValue("$limit", limit);
                using SqliteDataReader row = command.ExecuteReader();
                var entries = new List<LedgerEntry>();
                while (row.Read())
                {
                    entries.Add(new LedgerEntry(
                        row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3), row.GetString(4)));
                }

                return entries;
            },
            cancel);

    public Task<IReadOnlyList<Lease>> ReadLeasesAsync(long fromUnixMs, long toUnixMs, CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<Lease>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    SELECT lease FROM capacity_leases WHERE end_ms > $from AND from_ms < $to ORDER BY sequence
                    """;
                command.Parameters.AddWithValue("$from", fromUnixMs);
                command.Parameters.AddWithValue("$to", toUnixMs);
                return [.. Leases(command)];
            },
            cancel);

    private static (long Version, long Sequence) ReadVersion(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT version, sequence FROM capacity_ledger";
        using SqliteDataReader row = command.ExecuteReader();
        row.Read();
        return (row.GetInt64(0), row.GetInt64(1));
    }

    private static IEnumerable<Lease> Leases(SqliteCommand command) =>
        Texts(command).Select(t => CapacityRows.Read(t, CapacityJson.Default.LeaseRow).ToLease());

    private static IEnumerable<string> Texts(SqliteCommand command)
    {
        using SqliteDataReader row = command.ExecuteReader();
        while (row.Read())
        {
            yield return row.GetString(0);
        }
    }

    private static void Save(SqliteConnection connection, CapacityLane lane, PoolSupply? supply)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = supply is null
            ? "DELETE FROM capacity_supplies WHERE pool = $pool AND unit = $unit"
            : """
                INSERT INTO capacity_supplies (pool, unit, supply) VALUES ($pool, $unit, $supply)
                ON CONFLICT DO UPDATE SET supply = excluded.supply
                """;
        command.Parameters.AddWithValue("$pool", lane.Pool);
        command.Parameters.AddWithValue("$unit", CapacityUnitWords.Of(lane.Unit));
        if (supply is not null)
        {
            string json = JsonSerializer.Serialize(SupplyRow.Of(supply), CapacityJson.Default.SupplyRow);
            command.Parameters.AddWithValue("$supply", json);
        }

        command.ExecuteNonQuery();
    }

    private static void Save(SqliteConnection connection, Lease lease, bool removed)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO capacity_leases (sequence, id, pool, unit, from_ms, end_ms, removed, lease)
            VALUES ($sequence, $id, $pool, $unit, $from, $end, $removed, $lease)
            ON CONFLICT DO UPDATE SET from_ms = excluded.from_ms, end_ms = excluded.end_ms, removed = excluded.removed,
                lease = excluded.lease
            """;
        command.Parameters.AddWithValue("$sequence", lease.Sequence);
        command.Parameters.AddWithValue("$id", lease.Id);
        command.Parameters.AddWithValue("$pool", lease.Lane.Pool);
        command.Parameters.AddWithValue("$unit", CapacityUnitWords.Of(lease.Lane.Unit));
        command.Parameters.AddWithValue("$from", lease.Request.FromUnixMs);
        command.Parameters.AddWithValue("$end", lease.EndUnixMs);
        command.Parameters.AddWithValue("$removed", removed ? 1 : 0);
        command.Parameters.AddWithValue(
            "$lease", JsonSerializer.Serialize(LeaseRow.Of(lease), CapacityJson.Default.LeaseRow));
        command.ExecuteNonQuery();
    }

    private static void Append(SqliteConnection connection, LedgerCommit commit)
    {
        LedgerResult result = commit.Result;
        var change = new ChangeRow(
            [.. result.Supplies.Values.OfType<PoolSupply>().Select(SupplyRow.Of)],
            [.. result.Supplies.Where(s => s.Value is null).Select(s => s.Key.ToString())],
            [.. result.Leases.Values.Select(LeaseRow.Of)],
            [.. result.Cuts]);
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO capacity_changes (version, at_ms, actor, reason, change)
            VALUES ($version, $at, $actor, $reason, $change)
            """;
        command.Parameters.AddWithValue("$version", result.Ledger.Version);
        command.Parameters.AddWithValue("$at", commit.AtUnixMs);
        command.Parameters.AddWithValue("$actor", commit.Actor);
        command.Parameters.AddWithValue("$reason", commit.Reason);
        command.Parameters.AddWithValue("$change", JsonSerializer.Serialize(change, CapacityJson.Default.ChangeRow));
        command.ExecuteNonQuery();
    }
}
