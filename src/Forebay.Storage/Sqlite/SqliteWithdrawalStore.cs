using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Core.Capacity.Withdrawals;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Withdrawals in SQLite.</summary>
internal sealed class SqliteWithdrawalStore(SqliteStore store) : IWithdrawalStore
{
    private const string Columns =
        "id, kind, scope, target, actor, asked_ms, from_ms, cut_ms, return_ms, short_notice_days, phase, taken_out_ms, "
        + "was_cut_ms, emptied_ms, returned_ms, in_flight_at_start, cut_requests, report, quantity, partner";

    public Task<IReadOnlyList<WithdrawalRecord>> ListWithdrawalsAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<WithdrawalRecord> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = $"SELECT {Columns} FROM withdrawals ORDER BY sequence";
            using SqliteDataReader row = command.ExecuteReader();
            var records = new List<WithdrawalRecord>();
            while (row.Read())
            {
                records.Add(new WithdrawalRecord(AskedOf(row), ProgressOf(row), ReportOf(row)));
            }

            return records;
        },
        cancel);

    public Task SaveWithdrawalAsync(WithdrawalRecord record, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = $"""
                INSERT INTO withdrawals ({Columns})
                VALUES ($id, $kind, $scope, $target, $actor, $asked, $from, $cut, $return, $short, $phase, $taken,
                    $was_cut, $emptied, $returned, $in_flight, $cut_requests, $report, $quantity, $partner)
                ON CONFLICT (id) DO UPDATE SET return_ms = excluded.return_ms, phase = excluded.phase,
                    taken_out_ms = excluded.taken_out_ms, was_cut_ms = excluded.was_cut_ms,
                    emptied_ms = excluded.emptied_ms, returned_ms = excluded.returned_ms,
                    in_flight_at_start = excluded.in_flight_at_start, cut_requests = excluded.cut_requests,
                    report = excluded.report
                """;
            (Withdrawal asked, WithdrawalProgress progress, WithdrawalReport? report) = record;
            command.Parameters.AddWithValue("$id", asked.Id);
            command.Parameters.AddWithValue("$kind", asked.Kind.Word());
            command.Parameters.AddWithValue("$scope", asked.Target.Scope.Word());
            command.Parameters.AddWithValue("$target", asked.Target.Id);
            command.Parameters.AddWithValue("$actor", asked.Actor);
            command.Parameters.AddWithValue("$asked", asked.AskedUnixMs);
            command.Parameters.AddWithValue("$from", asked.FromUnixMs);
            command.Parameters.AddWithValue("$cut", asked.CutUnixMs);
            command.Parameters.AddWithValue("$return", OrNull(asked.ReturnUnixMs));
            command.Parameters.AddWithValue("$short", asked.ShortNoticeDays);
            command.Parameters.AddWithValue("$quantity", OrNull(asked.Quantity));
            command.Parameters.AddWithValue("$partner", (object?)asked.Partner ?? DBNull.Value);
            command.Parameters.AddWithValue("$phase", progress.Phase.Word());
            command.Parameters.AddWithValue("$taken", OrNull(progress.TakenOutUnixMs));
            command.Parameters.AddWithValue("$was_cut", OrNull(progress.CutUnixMs));
            command.Parameters.AddWithValue("$emptied", OrNull(progress.EmptiedUnixMs));
            command.Parameters.AddWithValue("$returned", OrNull(progress.ReturnedUnixMs));
            command.Parameters.AddWithValue("$in_flight", progress.InFlightAtStart);
            command.Parameters.AddWithValue("$cut_requests", progress.CutRequests);
            command.Parameters.AddWithValue("$report", report is null
                ? DBNull.Value
                : JsonSerializer.Serialize(report, WithdrawalStoreJson.Default.WithdrawalReport));
            return command.ExecuteNonQuery();
        },
        cancel);

    private static Withdrawal AskedOf(SqliteDataReader row) => new(
        row.GetString(0),
        WithdrawalWords.KindOf(row.GetString(1)) ?? throw Unknown(row.GetString(1)),
        new WithdrawalTarget(
            WithdrawalWords.ScopeOf(row.GetString(2)) ?? throw Unknown(row.GetString(2)), row.GetString(3)),
        row.GetString(4),
        row.GetInt64(5),
        row.GetInt64(6),
        row.GetInt64(7),
        Number(row, 8))
    {
        ShortNoticeDays = row.GetDouble(9),
        Quantity = Number(row, 18),
        Partner = row.IsDBNull(19) ? null : row.GetString(19),
    };

    private static WithdrawalProgress ProgressOf(SqliteDataReader row) => new()
    {
        Phase = WithdrawalWords.PhaseOf(row.GetString(10)) ?? throw Unknown(row.GetString(10)),
        TakenOutUnixMs = Number(row, 11),
        CutUnixMs = Number(row, 12),
        EmptiedUnixMs = Number(row, 13),
        ReturnedUnixMs = Number(row, 14),
        InFlightAtStart = row.GetInt32(15),
        CutRequests = row.GetInt32(16),
    };

    private static WithdrawalReport? ReportOf(SqliteDataReader row) => row.IsDBNull(17)
        ? null
        : JsonSerializer.Deserialize(row.GetString(17), WithdrawalStoreJson.Default.WithdrawalReport);

    private static long? Number(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetInt64(column);

    private static object OrNull(long? value) => value is { } number ? number : DBNull.Value;

    /// <summary>What this program does not know must not be read as nothing: the capacity would serve.</summary>
    private static StorageException Unknown(string word) => new(
        $"A withdrawal in the database says '{word}', which this program does not know. Run the program that wrote "
        + "it.");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(WithdrawalReport))]
internal sealed partial class WithdrawalStoreJson : JsonSerializerContext;
