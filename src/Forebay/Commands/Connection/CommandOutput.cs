using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace Forebay.Commands.Connection;

/// <summary>A column of a printed table.</summary>
public readonly record struct Column(string Title, bool IsNumber = false);

/// <summary>
/// What commands print: framed tables on a terminal, plain aligned text everywhere else, one line of JSON on request.
/// </summary>
public sealed class CommandOutput(TextWriter output)
{
    private readonly bool _isTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;

    public void Line(string text) => output.WriteLine(text);

    public void Raw(string text) => output.Write(text);

    public void Json<T>(T value, JsonTypeInfo<T> type) => output.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>Names and values, one pair a line.</summary>
    public void Pairs(params ReadOnlySpan<(string Name, string Value)> pairs)
    {
        int width = 0;
        foreach ((string name, _) in pairs)
        {
            width = Math.Max(width, name.Length);
        }

        foreach ((string name, string value) in pairs)
        {
            output.WriteLine($"{name.PadRight(width)}  {Clean(value)}".TrimEnd());
        }
    }

    public void Table(IReadOnlyList<Column> columns, IReadOnlyList<string[]> rows)
    {
        if (_isTerminal)
        {
            WriteFramed(columns, rows);
        }
        else
        {
            WritePlain(columns, rows);
        }
    }

    private void WriteFramed(IReadOnlyList<Column> columns, IReadOnlyList<string[]> rows)
    {
        Table table = new Table().Border(TableBorder.Rounded);
        foreach (Column column in columns)
        {
            var shown = new TableColumn(Markup.Escape(column.Title));
            table.AddColumn(column.IsNumber ? shown.RightAligned() : shown);
        }

        foreach (string[] row in rows)
        {
            table.AddRow([.. row.Select(cell => Markup.Escape(Clean(cell)))]);
        }

        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) }).Write(table);
    }

    private void WritePlain(IReadOnlyList<Column> columns, IReadOnlyList<string[]> rows)
    {
        string[][] all = [[.. columns.Select(c => c.Title)], .. rows.Select(r => r.Select(Clean).ToArray())];
        int[] widths = [.. columns.Select((_, i) => all.Max(r => r[i].Length))];
        foreach (string[] row in all)
        {
            var line = new StringBuilder();
            for (int i = 0; i < row.Length; i++)
            {
                line.Append(i == 0 ? "" : "  ");
                line.Append(columns[i].IsNumber ? row[i].PadLeft(widths[i]) : row[i].PadRight(widths[i]));
            }

            output.WriteLine(line.ToString().TrimEnd());
        }
    }

    /// <summary>Text from elsewhere must not move the cursor or colour the terminal.</summary>
    private static string Clean(string text) => text.Any(char.IsControl)
        ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c))
        : text;
}
