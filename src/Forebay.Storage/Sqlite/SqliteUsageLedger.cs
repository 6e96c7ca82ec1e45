using System.Buffers.Binary;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Usage;
using Forebay.Storage.Journal;
using Forebay.Storage.Usage;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Folded usage in SQLite: one row per minute and series.</summary>
internal sealed class SqliteUsageLedger(SqliteStore store) : IFoldStore
{
    /// <summary>Rows of <c>usage_series</c> by value; only ever right, as rows are never changed. Touched under the
    /// store's write lock.</summary>
    private readonly Dictionary<UsageSeries, long> _series = [];

    public Task<FoldState> LoadAsync(CancellationToken cancel) => store.ReadAsync(
        connection => new FoldState(ReadPosition(connection), ReadOpen(connection)), cancel);

    public async Task ApplyAsync(FoldStep step, CancellationToken cancel)
    {
        try
        {
            _ = await store.WriteAsync(connection => Apply(connection, step), cancel).ConfigureAwait(false);
        }
        catch
        {
            // Series added by a transaction that was rolled back are not there.
            _series.Clear();
            throw;
        }
    }

    public Task<IReadOnlyList<UsageRow>> QueryAsync(UsageQuery query, CancellationToken cancel) =>
        store.ReadAsync(connection => UsageSql.Query(connection, query), cancel);

    public Task<ResidencyEvidence> ReadPlacesAsync(ResidencyQuery query, CancellationToken cancel) =>
        store.ReadAsync(connection => PlaceSql.Read(connection, query), cancel);

    private int Apply(SqliteConnection connection, FoldStep step)
    {
        MovePosition(connection, step);
        AddSums(connection, step);
        LimitSql.Apply(connection, step);
        AddOpen(connection, step.Opened);
        RemoveOpen(connection, step.Closed);
        PlaceSql.Add(connection, step);
        return step.Sums.Count;
    }

    private static void MovePosition(SqliteConnection connection, FoldStep step)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            UPDATE fold_position SET segment = $segment, offset = $offset
            WHERE id = 1 AND segment = $from_segment AND offset = $from_offset
            """;
        command.Parameters.AddWithValue("$segment", step.To.Segment);
        command.Parameters.AddWithValue("$offset", step.To.Offset);
        command.Parameters.AddWithValue("$from_segment", step.From.Segment);
        command.Parameters.AddWithValue("$from_offset", step.From.Offset);
        if (command.ExecuteNonQuery() != 1)
        {
            throw new StorageException("Another process folds usage into this database. Stop it.");
        }
    }

    private void AddSums(SqliteConnection connection, FoldStep step)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = UsageSql.Upsert;
        SqliteParameter[] values = UsageSql.AddParameters(command);
        command.Prepare();
        foreach ((AggregateKey key, UsageSums sums) in step.Sums)
        {
            UsageSql.Bind(values, key.Minute, SeriesId(connection, key.Series), sums);
            command.ExecuteNonQuery();
        }
    }

    private long SeriesId(SqliteConnection connection, UsageSeries series)
    {
        if (_series.TryGetValue(series, out long known))
        {
            return known;
        }

        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = UsageSql.EnsureSeries;
        command.Parameters.AddWithValue("$tenant", series.Tenant);
        command.Parameters.AddWithValue("$key", series.Key);
        command.Parameters.AddWithValue("$model", series.Model);
        command.Parameters.AddWithValue("$deployment", series.Deployment);
        command.Parameters.AddWithValue("$pool", series.Pool);
        command.Parameters.AddWithValue("$site", series.Site);
        command.Parameters.AddWithValue("$provider", series.Provider);
        command.Parameters.AddWithValue("$backing", series.Backing);
        command.Parameters.AddWithValue("$outcome", series.Outcome);
        command.Parameters.AddWithValue("$batch", series.Batch ? 1 : 0);
        long id = (long)command.ExecuteScalar()!;
        _series.Add(series, id);
        return id;
    }

    private static void AddOpen(SqliteConnection connection, IReadOnlyCollection<AcceptRecord> opened)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO fold_open (request_id, accepted_ms, tenant, key, model, estimated_input_tokens,
                reserved_output_tokens, batch)
            VALUES ($id, $accepted, $tenant, $key, $model, $input, $output, $batch)
            """;
        foreach (AcceptRecord accept in opened)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$id", BytesOf(accept.RequestId));
            command.Parameters.AddWithValue("$accepted", accept.AcceptedUnixMs);
            command.Parameters.AddWithValue("$tenant", accept.Tenant);
            command.Parameters.AddWithValue("$key", accept.Key);
            command.Parameters.AddWithValue("$model", accept.Model);
            command.Parameters.AddWithValue("$input", accept.EstimatedInputTokens);
            command.Parameters.AddWithValue("$output", accept.ReservedOutputTokens);
            command.Parameters.AddWithValue("$batch", accept.Batch ? 1 : 0);
            command.ExecuteNonQuery();
        }
    }

    private static void RemoveOpen(SqliteConnection connection, IReadOnlyCollection<UInt128> closed)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "DELETE FROM fold_open WHERE request_id = $id";
        SqliteParameter id = command.Parameters.Add("$id", SqliteType.Blob);
        foreach (UInt128 request in closed)
        {
            id.Value = BytesOf(request);
            command.ExecuteNonQuery();
        }
    }

    private static JournalPosition ReadPosition(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT segment, offset FROM fold_position WHERE id = 1";
        using SqliteDataReader row = command.ExecuteReader();
        return row.Read()
            ? new JournalPosition(row.GetInt64(0), row.GetInt64(1))
            : throw new StorageException("The database does not say how far usage is folded. Restore a backup.");
    }

    private static List<AcceptRecord> ReadOpen(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            SELECT request_id, accepted_ms, tenant, key, model, estimated_input_tokens, reserved_output_tokens,
                batch
            FROM fold_open
            """;
        using SqliteDataReader row = command.ExecuteReader();
        var open = new List<AcceptRecord>();
        while (row.Read())
        {
            open.Add(new AcceptRecord(
                BinaryPrimitives.ReadUInt128BigEndian(row.GetFieldValue<byte[]>(0)), row.GetInt64(1), row.GetString(2),
                row.GetString(3), row.GetString(4), row.GetInt64(5), row.GetInt64(6), row.GetInt64(7) != 0));
        }

        return open;
    }

    private static byte[] BytesOf(UInt128 id)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, id);
        return bytes;
    }
}
