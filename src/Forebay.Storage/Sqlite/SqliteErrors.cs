using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Turns the database's errors into words that say what to do.</summary>
internal static class SqliteErrors
{
    private const int Busy = 5;
    private const int ReadOnly = 8;
    private const int InputOutput = 10;
    private const int Corrupt = 11;
    private const int Full = 13;
    private const int CannotOpen = 14;
    private const int Constraint = 19;
    private const int NotADatabase = 26;

    public static StorageException Explain(SqliteException e, string path) => new(
        e.SqliteErrorCode switch
        {
            Full => $"The disk of {path} is full. Free space; nothing was changed.",
            ReadOnly => $"{path} is read-only. Make it and its directory writable for this user.",
            CannotOpen => $"{path} cannot be opened ({e.Message}). Make it and its directory readable and writable "
                + "for this user.",
            InputOutput => $"The disk of {path} failed ({e.Message}). Check the disk.",
            Corrupt or NotADatabase => $"{path} is damaged ({e.Message}). Restore a backup with forebay restore.",
            Busy => $"{path} is locked by another program. Close it.",
            Constraint => $"{path} refused the change: {e.Message}.",
            _ => $"{path}: {e.Message}",
        },
        e);
}
