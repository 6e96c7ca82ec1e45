using Forebay.Storage.Data;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Forebay.Storage.Sqlite;

/// <summary>
/// The database file: one connection writes, a connection per question reads beside it (WAL). Every commit is synced,
/// since there is at most one a second besides administrative changes.
/// </summary>
internal sealed class SqliteStore : IAsyncDisposable
{
    private readonly SqliteConnection _writer;
    private readonly SemaphoreSlim _writing = new(1);

    private SqliteStore(string path, SqliteConnection writer)
    {
        Path = path;
        _writer = writer;
    }

    public string Path { get; }

    /// <summary>Opens the database, creating it or bringing it to this program's schema.</summary>
    /// <exception cref="StorageException">It is damaged, unwritable, or of a newer program.</exception>
    public static SqliteStore Open(string path, ILogger logger)
    {
        SqliteConnection? writer = null;
        try
        {
            // SQLite gives its side files the mode of the database, so the database must exist with the right one.
            PrivateFile.Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
            writer = Connect(path, SqliteOpenMode.ReadWrite);
            Execute(writer, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
            SchemaMigrations.Apply(writer, SchemaMigrations.Embedded, path, logger);
            return new SqliteStore(path, writer);
        }
        catch (SqliteException e)
        {
            writer?.Dispose();
            throw SqliteErrors.Explain(e, path);
        }
        catch
        {
            writer?.Dispose();
            throw;
        }
    }

    /// <summary>Runs a change in a transaction; it is on disk when this returns.</summary>
    /// <exception cref="StorageException">Nothing was changed.</exception>
    public async Task<T> WriteAsync<T>(Func<SqliteConnection, T> change, CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            using SqliteTransaction transaction = _writer.BeginTransaction(deferred: false);
            T result = change(_writer);
            transaction.Commit();
            return result;
        }
        catch (SqliteException e)
        {
            throw SqliteErrors.Explain(e, Path);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Runs a question on a snapshot of what is committed.</summary>
    /// <exception cref="StorageException">The database cannot be read.</exception>
    public Task<T> ReadAsync<T>(Func<SqliteConnection, T> question, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        try
        {
            using SqliteConnection reader = Connect(Path, SqliteOpenMode.ReadWrite);
            Execute(reader, "PRAGMA query_only = ON;");
            using SqliteTransaction snapshot = reader.BeginTransaction(deferred: true);
            return Task.FromResult(question(reader));
        }
        catch (SqliteException e)
        {
            throw SqliteErrors.Explain(e, Path);
        }
    }

    /// <summary>Copies a consistent state into a new file while writers go on.</summary>
    /// <exception cref="StorageException">The copy failed.</exception>
    public void CopyTo(string target)
    {
        try
        {
            PrivateFile.Open(target, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
            using SqliteConnection from = Connect(Path, SqliteOpenMode.ReadWrite);
            using SqliteConnection to = Connect(target, SqliteOpenMode.ReadWrite);
            from.BackupDatabase(to);
            Execute(to, "PRAGMA journal_mode = DELETE;");
        }
        catch (SqliteException e)
        {
            throw SqliteErrors.Explain(e, target);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _writing.WaitAsync().ConfigureAwait(false);
        await _writer.DisposeAsync().ConfigureAwait(false);
        _writing.Dispose();
    }

    public static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Every caller passes a constant or an embedded migration.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }

    private static SqliteConnection Connect(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = mode,
            Pooling = false,
            ForeignKeys = true,
            DefaultTimeout = 30,
        }.ToString());
        connection.Open();
        Execute(connection, "PRAGMA busy_timeout = 30000;");
        return connection;
    }
}
