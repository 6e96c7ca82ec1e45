using System.Text;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>CSV as RFC 4180 has it.</summary>
internal static class CsvText
{
    public static void AppendLine(StringBuilder text, string[] fields) =>
        text.AppendJoin(',', fields.Select(Quote)).Append("\r\n");

    private static string Quote(string field) => field.AsSpan().IndexOfAny(",\"\r\n") < 0
        ? field
        : $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
