using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Forebay.Storage.Sqlite;

/// <summary>A step of the schema.</summary>
/// <param name="Number">1, 2, 3...</param>
/// <param name="Name">What it does.</param>
/// <param name="Sql">Its statements.</param>
internal sealed record SchemaMigration(int Number, string Name, string Sql)
{
    /// <summary>SHA-256 of the statements.</summary>
    public string Checksum { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));
}

/// <summary>Brings a database to the schema of this program, one transaction per step.</summary>
internal static class SchemaMigrations
{
    private const string Prefix = "Forebay.Storage.Sqlite.Migrations.";

    /// <summary>The steps in this program, in order; they are never changed once released.</summary>
    public static IReadOnlyList<SchemaMigration> Embedded { get; } = Load();

    /// <exception cref="StorageException">The database is of a newer program, or was changed by hand.</exception>
    public static void Apply(
        SqliteConnection database, IReadOnlyList<SchemaMigration> steps, string path, ILogger logger)
    {
        SqliteStore.Execute(database, """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                number INTEGER PRIMARY KEY,
                name TEXT NOT NULL,
                checksum TEXT NOT NULL
            ) STRICT;
            """);
        List<(int Number, string Checksum)> applied = ReadApplied(database);
        Check(applied, steps, path);
        foreach (SchemaMigration step in steps.Skip(applied.Count))
        {
            using SqliteTransaction transaction = database.BeginTransaction(deferred: false);
            SqliteStore.Execute(database, step.Sql);
            using SqliteCommand record = database.CreateCommand();
            record.CommandText =
                "INSERT INTO schema_migrations (number, name, checksum) VALUES ($number, $name, $checksum)";
            record.Parameters.AddWithValue("$number", step.Number);
            record.Parameters.AddWithValue("$name", step.Name);
            record.Parameters.AddWithValue("$checksum", step.Checksum);
            record.ExecuteNonQuery();
            transaction.Commit();
        }

        if (applied.Count < steps.Count)
        {
            StorageLog.Migrated(logger, applied.Count, steps.Count);
        }
    }

    private static void Check(
        List<(int Number, string Checksum)> applied, IReadOnlyList<SchemaMigration> steps, string path)
    {
        if (applied.Count > steps.Count)
        {
            throw new StorageException($"{path} has schema {applied[^1].Number}; this program knows up to "
                + $"{steps.Count}. Run the newer program, or restore a backup made by this one.");
        }

        for (int i = 0; i < applied.Count; i++)
        {
            if (applied[i] != (steps[i].Number, steps[i].Checksum))
            {
                throw new StorageException($"{path} was brought to schema {applied[i].Number} by a program that "
                    + "differs from this one. Run the program that made it, or restore a backup.");
            }
        }
    }

    private static List<(int Number, string Checksum)> ReadApplied(SqliteConnection database)
    {
        using SqliteCommand command = database.CreateCommand();
        command.CommandText = "SELECT number, checksum FROM schema_migrations ORDER BY number";
        using SqliteDataReader rows = command.ExecuteReader();
        var applied = new List<(int, string)>();
        while (rows.Read())
        {
            applied.Add((rows.GetInt32(0), rows.GetString(1)));
        }

        return applied;
    }

    private static List<SchemaMigration> Load()
    {
        Assembly assembly = typeof(SchemaMigrations).Assembly;
        var steps = new List<SchemaMigration>();
        foreach (string resource in assembly.GetManifestResourceNames().Order(StringComparer.Ordinal))
        {
            if (!resource.StartsWith(Prefix, StringComparison.Ordinal))
            {
                continue;
            }

            string name = System.IO.Path.GetFileNameWithoutExtension(resource[Prefix.Length..]);
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            steps.Add(new SchemaMigration(
                int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture), name[5..], reader.ReadToEnd()));
        }

        return steps;
    }
}
