using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Core.Batches;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Batches and files in SQLite, without their contents.</summary>
internal sealed class SqliteBatchStore(SqliteStore store) : IBatchStore
{
    public Task SaveAsync(Batch batch, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO batches (id, tenant, surface, phase, bytes, purge_ms, state)
                VALUES ($id, $tenant, $surface, $phase, $bytes, $purge, $state)
                ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, bytes = excluded.bytes,
                    purge_ms = excluded.purge_ms, state = excluded.state
                """;
            command.Parameters.AddWithValue("$id", batch.Id);
            command.Parameters.AddWithValue("$tenant", batch.Tenant);
            command.Parameters.AddWithValue("$surface", WordOf(batch.Surface));
            command.Parameters.AddWithValue("$phase", WordOf(batch.Phase));
            command.Parameters.AddWithValue("$bytes", batch.Bytes);
            command.Parameters.AddWithValue("$purge", (object?)batch.PurgeUnixMs ?? DBNull.Value);
            command.Parameters.AddWithValue("$state", JsonSerializer.Serialize(batch, BatchJson.Default.Batch));
            return command.ExecuteNonQuery();
        },
        cancel);

    public Task<Batch?> FindAsync(string id, CancellationToken cancel) => store.ReadAsync(
        connection => Read(connection, "SELECT state FROM batches WHERE id = $id", ("$id", id)).FirstOrDefault(),
        cancel);

    public Task<BatchPage<Batch>> ListAsync(
        string? tenant, BatchSurface? surface, BatchRange range, CancellationToken cancel) => store.ReadAsync(
        connection => BatchPages.Read(
            connection, "batches", "state",
            [("tenant", tenant), ("surface", surface is { } s ? WordOf(s) : null)],
            range,
            row => Parse(row.GetString(0))),
        cancel);

    public Task<IReadOnlyList<Batch>> ListOpenAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<Batch> (connection) => Read(
            connection, "SELECT state FROM batches WHERE phase NOT IN ('failed', 'ended') ORDER BY sequence"),
        cancel);

    public Task<IReadOnlyList<Batch>> ListDueAsync(long nowUnixMs, CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<Batch> (connection) => Read(
            connection, "SELECT state FROM batches WHERE purge_ms <= $now", ("$now", nowUnixMs)),
        cancel);

    public Task RemoveAsync(string id, CancellationToken cancel) =>
        RemoveAsync("DELETE FROM batches WHERE id = $id", id, cancel);

    public Task SaveFileAsync(StoredFile file, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO batch_files (id, tenant, key, purpose, name, bytes, created_ms, expires_ms)
                VALUES ($id, $tenant, $key, $purpose, $name, $bytes, $created, $expires)
                ON CONFLICT (id) DO NOTHING
                """;
            command.Parameters.AddWithValue("$id", file.Id);
            command.Parameters.AddWithValue("$tenant", file.Tenant);
            command.Parameters.AddWithValue("$key", file.Key);
            command.Parameters.AddWithValue("$purpose", file.Purpose);
            command.Parameters.AddWithValue("$name", file.Name);
            command.Parameters.AddWithValue("$bytes", file.Bytes);
            command.Parameters.AddWithValue("$created", file.CreatedUnixMs);
            command.Parameters.AddWithValue("$expires", file.ExpiresUnixMs);
            return command.ExecuteNonQuery();
        },
        cancel);

    public Task<StoredFile?> FindFileAsync(string id, CancellationToken cancel) => store.ReadAsync(
        connection => ReadFiles(connection, "WHERE id = $value", id).FirstOrDefault(), cancel);

    public Task<BatchPage<StoredFile>> ListFilesAsync(
        string tenant, string? purpose, BatchRange range, CancellationToken cancel) => store.ReadAsync(
        connection => BatchPages.Read(
            connection, "batch_files", FileColumns, [("tenant", tenant), ("purpose", purpose)], range, FileOf),
        cancel);

    public Task<IReadOnlyList<StoredFile>> ListDueFilesAsync(long nowUnixMs, CancellationToken cancel) =>
        store.ReadAsync(
            IReadOnlyList<StoredFile> (connection) => ReadFiles(connection, "WHERE expires_ms <= $value", nowUnixMs),
            cancel);

    public Task RemoveFileAsync(string id, CancellationToken cancel) =>
        RemoveAsync("DELETE FROM batch_files WHERE id = $id", id, cancel);

    public Task<BatchStock> StockAsync(string tenant, CancellationToken cancel) => store.ReadAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                SELECT (SELECT count(*) FROM batch_files WHERE tenant = $tenant),
                    (SELECT coalesce(sum(bytes), 0) FROM batch_files WHERE tenant = $tenant)
                    + (SELECT coalesce(sum(bytes), 0) FROM batches WHERE tenant = $tenant)
                """;
            command.Parameters.AddWithValue("$tenant", tenant);
            using SqliteDataReader row = command.ExecuteReader();
            row.Read();
            return new BatchStock(row.GetInt32(0), row.GetInt64(1));
        },
        cancel);

    public Task<IReadOnlySet<string>> ListIdsAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlySet<string> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "SELECT id FROM batches UNION ALL SELECT id FROM batch_files";
            using SqliteDataReader row = command.ExecuteReader();
            var ids = new HashSet<string>(StringComparer.Ordinal);
            while (row.Read())
            {
                ids.Add(row.GetString(0));
            }

            return ids;
        },
        cancel);

    /// <summary>The fingerprint of the key that contents are encrypted with; null where none was noted.</summary>
    public Task<byte[]?> ReadKeyAsync(CancellationToken cancel) => store.ReadAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "SELECT fingerprint FROM content_key";
            return command.ExecuteScalar() as byte[];
        },
        cancel);

    public Task SaveKeyAsync(byte[] fingerprint, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO content_key (id, fingerprint) VALUES (1, $fingerprint)
                ON CONFLICT DO UPDATE SET fingerprint = excluded.fingerprint
                """;
            command.Parameters.AddWithValue("$fingerprint", fingerprint);
            return command.ExecuteNonQuery();
        },
        cancel);

    private const string FileColumns = "id, tenant, key, purpose, name, bytes, created_ms, expires_ms";

    private Task<int> RemoveAsync(string sql, string id, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // One of the constants of this class.
            command.CommandText = sql;
#pragma warning restore CA2100
            command.Parameters.AddWithValue("$id", id);
            return command.ExecuteNonQuery();
        },
        cancel);

    private static List<Batch> Read(
        SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of this class; every value is a parameter.
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object value) in values)
        {
            command.Parameters.AddWithValue(name, value);
        }

        using SqliteDataReader row = command.ExecuteReader();
        var batches = new List<Batch>();
        while (row.Read())
        {
            batches.Add(Parse(row.GetString(0)));
        }

        return batches;
    }

    private static List<StoredFile> ReadFiles(SqliteConnection connection, string where, object value)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of this class; every value is a parameter.
        command.CommandText = $"SELECT {FileColumns} FROM batch_files {where}";
#pragma warning restore CA2100
        command.Parameters.AddWithValue("$value", value);
        using SqliteDataReader row = command.ExecuteReader();
        var files = new List<StoredFile>();
        while (row.Read())
        {
            files.Add(FileOf(row));
        }

        return files;
    }

    private static StoredFile FileOf(SqliteDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetInt64(5),
        row.GetInt64(6), row.GetInt64(7));

    private static Batch Parse(string json) => JsonSerializer.Deserialize(json, BatchJson.Default.Batch)
        ?? throw new StorageException("The database holds a batch without content. Restore a backup.");

    private static string WordOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    IgnoreReadOnlyProperties = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Batch))]
internal sealed partial class BatchJson : JsonSerializerContext;
