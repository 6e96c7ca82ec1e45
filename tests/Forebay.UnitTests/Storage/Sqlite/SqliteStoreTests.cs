using Forebay.Storage;
using Forebay.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.UnitTests.Storage.Sqlite;

public sealed class SqliteStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Path => _folder.Of("forebay.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_database_of_a_newer_program_is_refused()
    {
        await OpenAsync();
        Execute("INSERT INTO schema_migrations VALUES (999, 'future', 'x')");

        StorageException e = await Assert.ThrowsAsync<StorageException>(OpenAsync);

        Assert.Contains("Run the newer program", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_made_by_other_steps_is_refused()
    {
        await OpenAsync();
        Execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1");

        StorageException e = await Assert.ThrowsAsync<StorageException>(OpenAsync);

        Assert.Contains("differs from this one", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_fails_leaves_nothing_of_itself()
    {
        await OpenAsync();
        using SqliteConnection database = Connect();
        SchemaMigration[] steps =
        [
            .. SchemaMigrations.Embedded,
            new SchemaMigration(SchemaMigrations.Embedded.Count + 1, "broken",
                "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);"),
        ];

        Assert.Throws<SqliteException>(
            () => SchemaMigrations.Apply(database, steps, Path, NullLogger.Instance));

        SqliteStore.Execute(database, "CREATE TABLE half (id INTEGER)");
        await OpenAsync();
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_named_as_damaged()
    {
        await File.WriteAllTextAsync(Path, new string('x', 8192));

        StorageException e = await Assert.ThrowsAsync<StorageException>(OpenAsync);

        Assert.Contains("damaged", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_database_and_its_side_files_are_the_owners_alone()
    {
        await using SqliteStore store = SqliteStore.Open(Path, NullLogger.Instance);
        await store.WriteAsync(c =>
        {
            SqliteStore.Execute(c, "CREATE TABLE t (id INTEGER)");
            return 0;
        }, default);

        string[] files = Directory.GetFiles(_folder.Path);
        Assert.True(files.Length > 1);
        Assert.All(files, f =>
            Assert.Equal(Modes.OwnerFile, Modes.Of(f)));
    }

    private async Task OpenAsync()
    {
        await using SqliteStore store = SqliteStore.Open(Path, NullLogger.Instance);
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        connection.Open();
        return connection;
    }

    private void Execute(string sql)
    {
        using SqliteConnection connection = Connect();
        SqliteStore.Execute(connection, sql);
    }
}
