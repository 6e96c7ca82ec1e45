using System.Globalization;
using Forebay.Commands.Connection;

namespace Forebay.Demo;

/// <summary>What the demonstration says while it runs and at its end. Progress goes to standard error where standard
/// output is for one line of JSON.</summary>
internal sealed class DemoLines(TextWriter progress, TimeProvider time)
{
    private static readonly Column[] Columns =
        [new(""), new("BEFORE", true), new("COLOSSUS 1", true), new("AFTER THE LOSS", true)];

    private readonly long _began = time.GetTimestamp();

    public void Say(string text)
    {
        progress.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{time.GetElapsedTime(_began).TotalSeconds,5:0.0}s  {text}"));
        progress.Flush();
    }

    /// <summary>The table, and what had to hold.</summary>
    public static void Show(DemoReport report, CommandOutput output)
    {
        string[] Row(string name, Func<DemoPart, string> value) =>
            [name, .. report.Parts.Select(value).Concat(Enumerable.Repeat("-", 3 - report.Parts.Count))];
        static string Number(double number) => double.IsNaN(number) ? "-"
            : number.ToString("#,0", CultureInfo.InvariantCulture);
        output.Line("");
        output.Table(Columns,
        [
            Row("TTFT p50 ms", p => Number(p.Figures.FirstTokenP50Ms)),
            Row("TTFT p95 ms", p => Number(p.Figures.FirstTokenP95Ms)),
            Row("output tokens/s", p => Number(p.Figures.TokensPerSecond)),
            Row("waiting, mean", p => p.Waiting.ToString("0.0", CultureInfo.InvariantCulture)),
            Row("replicas on Colossus 1", p => Number(p.Replicas)),
            Row("basil's limit, tokens/min", p => p.LimitTokensPerMinute is { } limit ? Number(limit) : "-"),
            Row("basil gets, tokens/s", p => p.MeteredTokensPerSecond.ToString("0.0", CultureInfo.InvariantCulture)),
            Row("answered", p => Number(p.Figures.Answered)),
            Row("failed or wrong", p => Number(p.Figures.Bad)),
        ]);
        output.Line("");
        foreach (DemoCheck check in report.Checks)
        {
            output.Line($"  {(check.Holds ? "ok    " : "FAILED")}  {check.Name}: {check.Detail}");
        }

        output.Line("");
        output.Line(string.Create(CultureInfo.InvariantCulture,
            $"{report.Requests:N0} answers: {report.Failed} failed, {report.LostUsage} lost usage, ")
            + $"{report.ResidencyViolations} residency violations. "
            + (report.Passed ? "Every check holds." : "FAILED."));
    }
}
