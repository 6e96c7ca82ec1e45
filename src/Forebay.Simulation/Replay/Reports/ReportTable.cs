using System.Text;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>A titled table of text, written plain, as Markdown or as HTML. The first column is to the left, others
/// right.
/// </summary>
internal sealed record ReportTable(string Title, string[] Columns, IReadOnlyList<string[]> Rows)
{
    /// <summary>The last column holds sentences, which stand to the left too.</summary>
    public bool LastColumnIsProse { get; init; }

    public void WriteText(StringBuilder to)
    {
        int[] widths = Widths();
        to.AppendLine(Title);
        AppendRow(to, Columns, widths);
        foreach (string[] row in Rows)
        {
            AppendRow(to, row, widths);
        }
    }

    public void WriteMarkdown(StringBuilder to)
    {
        to.Append("## ").AppendLine(Title).AppendLine();
        AppendMarkdownRow(to, Columns);
        to.Append("|---");
        for (int i = 1; i < Columns.Length; i++)
        {
            to.Append(LastColumnIsProse && i == Columns.Length - 1 ? "|---" : "|---:");
        }

        to.AppendLine("|");
        foreach (string[] row in Rows)
        {
            AppendMarkdownRow(to, row);
        }
    }

    public void WriteHtml(StringBuilder to)
    {
        to.Append("<h2>").Append(Html.Escape(Title)).Append("</h2>\n<div class=\"table\"><table><thead>");
        AppendHtmlRow(to, "th", Columns);
        to.Append("</thead><tbody>");
        foreach (string[] row in Rows)
        {
            AppendHtmlRow(to, "td", row);
        }

        to.Append("</tbody></table></div>\n");
    }

    private int[] Widths() =>
        [.. Columns.Select((column, i) => Rows.Select(r => r[i].Length).Append(column.Length).Max())];

    private void AppendRow(StringBuilder to, string[] cells, int[] widths)
    {
        var line = new StringBuilder("  ").Append(cells[0].PadRight(widths[0]));
        for (int i = 1; i < cells.Length; i++)
        {
            bool left = LastColumnIsProse && i == cells.Length - 1;
            line.Append("  ").Append(left ? cells[i].PadRight(widths[i]) : cells[i].PadLeft(widths[i]));
        }

        to.AppendLine(line.ToString().TrimEnd());
    }

    private void AppendHtmlRow(StringBuilder to, string element, string[] cells)
    {
        to.Append("<tr>");
        for (int i = 0; i < cells.Length; i++)
        {
            bool prose = LastColumnIsProse && i == cells.Length - 1;
            to.Append('<').Append(element).Append(prose ? " class=\"prose\">" : ">").Append(Html.Escape(cells[i]))
                .Append("</").Append(element).Append('>');
        }

        to.Append("</tr>");
    }

    private static void AppendMarkdownRow(StringBuilder to, string[] cells)
    {
        foreach (string cell in cells)
        {
            to.Append("| ").Append(cell.Replace("|", "\\|", StringComparison.Ordinal)).Append(' ');
        }

        to.AppendLine("|");
    }
}
