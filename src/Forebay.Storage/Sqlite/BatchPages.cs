using System.Text;
using Forebay.Core.Batches;
using Microsoft.Data.Sqlite;

namespace Forebay.Storage.Sqlite;

/// <summary>Pages of tables that have a <c>sequence</c> and an <c>id</c>: the sequence is the order, so a page stays
/// where it is whatever is added or removed around it.</summary>
internal static class BatchPages
{
    public static BatchPage<T> Read<T>(
        SqliteConnection connection,
        string table,
        string columns,
        (string Column, string? Value)[] filters,
        BatchRange range,
        Func<SqliteDataReader, T> read)
    {
        using SqliteCommand command = connection.CreateCommand();
        // A page that precedes something is read away from it, and turned around.
        bool rising = range.OldestFirst == (range.Before is null);
        var sql = new StringBuilder($"SELECT {columns} FROM {table} WHERE 1 = 1");
        foreach ((string column, string? value) in filters)
        {
            if (value is not null)
            {
                sql.Append($" AND {column} = ${column}");
                command.Parameters.AddWithValue("$" + column, value);
            }
        }

        if ((range.Before ?? range.After) is { } from)
        {
            sql.Append($" AND sequence {(rising ? '>' : '<')} (SELECT sequence FROM {table} WHERE id = $from");
            sql.Append(filters[0].Value is null ? ")" : $" AND {filters[0].Column} = ${filters[0].Column})");
            command.Parameters.AddWithValue("$from", from);
        }

        sql.Append($" ORDER BY sequence {(rising ? "ASC" : "DESC")} LIMIT $limit");
        command.Parameters.AddWithValue("$limit", range.Limit + 1);
#pragma warning disable CA2100 // Composed of constants of this namespace only; every value is a parameter.
        command.CommandText = sql.ToString();
#pragma warning restore CA2100
        using SqliteDataReader row = command.ExecuteReader();
        var items = new List<T>();
        while (row.Read())
        {
            items.Add(read(row));
        }

        bool more = items.Count > range.Limit;
        if (more)
        {
            items.RemoveAt(items.Count - 1);
        }

        if (range.Before is not null)
        {
            items.Reverse();
        }

        return new BatchPage<T>(items, more);
    }
}
