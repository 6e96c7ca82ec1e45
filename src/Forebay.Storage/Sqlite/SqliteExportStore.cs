using System.Text.Json;
using Forebay.Core.Capacity;
using Forebay.Core.Serving.Permission;
using Forebay.Storage.Data;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Export masks in SQLite.</summary>
internal sealed class SqliteExportStore(SqliteStore store) : IExportStore
{
    public Task<IReadOnlyList<ExportDenials>> ListExportsAsync(CancellationToken cancel) => store.ReadAsync(
        IReadOnlyList<ExportDenials> (connection) =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                SELECT model, version, changed_ms, actor, everywhere, jurisdictions, countries, site_kinds
                FROM export_masks ORDER BY model
                """;
            using SqliteDataReader row = command.ExecuteReader();
            var masks = new List<ExportDenials>();
            while (row.Read())
            {
                masks.Add(new ExportDenials(
                    row.GetString(0),
                    row.GetInt64(1),
                    row.GetInt64(2),
                    row.GetString(3),
                    row.GetInt64(4) != 0,
                    Texts(row.GetString(5)),
                    Texts(row.GetString(6)),
                    [.. Texts(row.GetString(7)).Select(KindOf)]));
            }

            return masks;
        },
        cancel);

    public Task SaveExportAsync(ExportDenials mask, CancellationToken cancel) => store.WriteAsync(
        connection =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO export_masks
                    (model, version, changed_ms, actor, everywhere, jurisdictions, countries, site_kinds)
                VALUES ($model, $version, $changed, $actor, $everywhere, $jurisdictions, $countries, $kinds)
                ON CONFLICT (model) DO UPDATE SET version = excluded.version, changed_ms = excluded.changed_ms,
                    actor = excluded.actor, everywhere = excluded.everywhere, jurisdictions = excluded.jurisdictions,
                    countries = excluded.countries, site_kinds = excluded.site_kinds
                """;
            command.Parameters.AddWithValue("$model", mask.Model);
            command.Parameters.AddWithValue("$version", mask.Version);
            command.Parameters.AddWithValue("$changed", mask.ChangedUnixMs);
            command.Parameters.AddWithValue("$actor", mask.Actor);
            command.Parameters.AddWithValue("$everywhere", mask.Everywhere ? 1 : 0);
            command.Parameters.AddWithValue("$jurisdictions", Json(mask.Jurisdictions));
            command.Parameters.AddWithValue("$countries", Json(mask.Countries));
            command.Parameters.AddWithValue("$kinds", Json([.. mask.SiteKinds.Select(k => k.Word())]));
            return command.ExecuteNonQuery();
        },
        cancel);

    /// <summary>What this program does not know must not be read as nothing: it would permit.</summary>
    private static SiteKind KindOf(string word) => SiteKindWords.TryParse(word, out SiteKind kind)
        ? kind
        : throw new StorageException($"An export mask denies sites of kind '{word}', which this program does not know. "
            + "Run the program that wrote it.");

    private static IReadOnlyList<string> Texts(string json) =>
        JsonSerializer.Deserialize(json, StorageJson.Default.IReadOnlyListString)
            ?? throw new StorageException("An export mask in the database is damaged. Restore a backup.");

    private static string Json(IReadOnlyList<string> texts) =>
        JsonSerializer.Serialize(texts, StorageJson.Default.IReadOnlyListString);
}
