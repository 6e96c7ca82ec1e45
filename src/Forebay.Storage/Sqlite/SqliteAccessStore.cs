using System.Text.Json;
using Forebay.Core.Access;
using Forebay.Storage.Data;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>API keys and admin tokens in SQLite.</summary>
internal sealed class SqliteAccessStore(SqliteStore store) : IAccessStore
{
    public Task<IReadOnlyList<ApiKey>> ListKeysAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<ApiKey> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                SELECT id, tenant, name, hash, hint, created_ms, expires_ms, revoked_ms, models, replaced_by,
                    data_class
                FROM api_keys ORDER BY created_ms, id
                """;
            using SqliteDataReader row = command.ExecuteReader();
            var keys = new List<ApiKey>();
            while (row.Read())
            {
                keys.Add(new ApiKey(
                    row.GetString(0),
                    row.GetString(1),
                    row.GetString(2),
                    SecretHash.FromBytes(row.GetFieldValue<byte[]>(3)),
                    row.GetString(4),
                    row.GetInt64(5),
                    row.IsDBNull(6) ? null : row.GetInt64(6),
                    row.IsDBNull(7) ? null : row.GetInt64(7),
                    row.IsDBNull(8)
                        ? null
                        : JsonSerializer.Deserialize(row.GetString(8), StorageJson.Default.IReadOnlyListString),
                    row.IsDBNull(9) ? null : row.GetString(9),
                    row.IsDBNull(10) ? null : row.GetString(10)));
            }

            return keys;
        },
        cancel);

    public Task SaveKeyAsync(ApiKey key, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO api_keys
                    (id, tenant, name, hash, hint, created_ms, expires_ms, revoked_ms, models, replaced_by,
                    data_class)
                VALUES ($id, $tenant, $name, $hash, $hint, $created, $expires, $revoked, $models, $replaced,
                    $class)
                ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, name = excluded.name, hash = excluded.hash,
                    hint = excluded.hint, created_ms = excluded.created_ms, expires_ms = excluded.expires_ms,
                    revoked_ms = excluded.revoked_ms, models = excluded.models, replaced_by = excluded.replaced_by,
                    data_class = excluded.data_class
                """;
            command.Parameters.AddWithValue("$id", key.Id);
            command.Parameters.AddWithValue("$tenant", key.Tenant);
            command.Parameters.AddWithValue("$name", key.Name);
            command.Parameters.AddWithValue("$hash", key.Hash.ToBytes());
            command.Parameters.AddWithValue("$hint", key.Hint);
            command.Parameters.AddWithValue("$created", key.CreatedUnixMs);
            command.Parameters.AddWithValue("$expires", OrNull(key.ExpiresUnixMs));
            command.Parameters.AddWithValue("$revoked", OrNull(key.RevokedUnixMs));
            command.Parameters.AddWithValue("$models", key.Models is null
                ? DBNull.Value
                : JsonSerializer.Serialize(key.Models, StorageJson.Default.IReadOnlyListString));
            command.Parameters.AddWithValue("$replaced", (object?)key.ReplacedBy ?? DBNull.Value);
            command.Parameters.AddWithValue("$class", (object?)key.DataClass ?? DBNull.Value);
            return command.ExecuteNonQuery();
        },
        cancel);

    public Task<IReadOnlyList<AdminToken>> ListTokensAsync(CancellationToken cancel) =>
        store.ReadAsync<IReadOnlyList<AdminToken>>(
            connection =>
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = """
                    SELECT id, name, role, hash, hint, created_ms, expires_ms, revoked_ms
                    FROM admin_tokens ORDER BY created_ms, id
                    """;
                using SqliteDataReader row = command.ExecuteReader();
                var tokens = new List<AdminToken>();
                while (row.Read())
                {
                    tokens.Add(new AdminToken(
                        row.GetString(0),
                        row.GetString(1),
                        RoleOf(row.GetString(2)),
                        SecretHash.FromBytes(row.GetFieldValue<byte[]>(3)),
                        row.GetString(4),
                        row.GetInt64(5),
                        row.IsDBNull(6) ? null : row.GetInt64(6),
                        row.IsDBNull(7) ? null : row.GetInt64(7)));
                }

                return tokens;
            },
            cancel);

    public Task SaveTokenAsync(AdminToken token, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO admin_tokens (id, name, role, hash, hint, created_ms, expires_ms, revoked_ms)
                VALUES ($id, $name, $role, $hash, $hint, $created, $expires, $revoked)
                ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, hash = excluded.hash,
                    hint = excluded.hint, created_ms = excluded.created_ms, expires_ms = excluded.expires_ms,
                    revoked_ms = excluded.revoked_ms
                """;
            command.Parameters.AddWithValue("$id", token.Id);
            command.Parameters.AddWithValue("$name", token.Name);
            command.Parameters.AddWithValue("$role", WordOf(token.Role));
            command.Parameters.AddWithValue("$hash", token.Hash.ToBytes());
            command.Parameters.AddWithValue("$hint", token.Hint);
            command.Parameters.AddWithValue("$created", token.CreatedUnixMs);
            command.Parameters.AddWithValue("$expires", OrNull(token.ExpiresUnixMs));
            command.Parameters.AddWithValue("$revoked", OrNull(token.RevokedUnixMs));
            return command.ExecuteNonQuery();
        },
        cancel);

    private static object OrNull(long? value) => value is { } v ? v : DBNull.Value;

    private static string WordOf(AdminRole role) => role switch
    {
        AdminRole.Viewer => "viewer",
        AdminRole.Operator => "operator",
        AdminRole.Admin => "admin",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "A role without a word."),
    };

    private static AdminRole RoleOf(string word) => word switch
    {
        "viewer" => AdminRole.Viewer,
        "operator" => AdminRole.Operator,
        "admin" => AdminRole.Admin,
        _ => throw new StorageException(
            $"The database holds a token with the unknown role '{word}'. Restore a backup."),
    };
}
