using System.Text;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>The report for people: plain text for a terminal, Markdown for a page.</summary>
public static class ReplayReportText
{
    public static string Text(ReplayReport report)
    {
        var text = new StringBuilder();
        foreach (string line in ReportContent.Facts(report))
        {
            text.AppendLine(line);
        }

        foreach (ReportTable table in ReportContent.Tables(report))
        {
            text.AppendLine();
            table.WriteText(text);
        }

        foreach (string note in ReportContent.Notes(report))
        {
            text.AppendLine().AppendLine(note);
        }

        return text.ToString();
    }

    public static string Markdown(ReplayReport report)
    {
        var text = new StringBuilder("# Replay report").AppendLine().AppendLine();
        foreach (string line in ReportContent.Facts(report))
        {
            text.Append("- ").AppendLine(line);
        }

        foreach (ReportTable table in ReportContent.Tables(report))
        {
            text.AppendLine();
            table.WriteMarkdown(text);
        }

        foreach (string note in ReportContent.Notes(report))
        {
            text.AppendLine().AppendLine(note);
        }

        return text.ToString();
    }
}
