using System.Globalization;
using System.Text;

namespace Forebay.Bench.Gateway;

/// <summary>The results as the tables of docs/reference/benchmarks.md.</summary>
internal static class Markdown
{
    public static string Of(Results r)
    {
        var text = new StringBuilder();
        Machine m = r.Machine;
        Line(text, $"{m.Date}; {m.Processor}, {m.Cores} cores, {m.MemoryGib} GiB; {m.System}; {m.Runtime}.");
        Rates(text, "Small requests, 32 connections", r.Small, "Forebay", "req/s");
        Rates(text, "Small requests, one connection", r.One, "Forebay", "req/s");
        Rates(text, "Streams of 20 events, 32 connections", r.Stream, "Forebay", "streams/s");
        Rates(text, "353 kB bodies, 8 connections", r.Large, "Forebay", "req/s");
        Translated(text, r.Translated);
        Frontiers(text, r.Frontier);
        Streams(text, "Paced streams: an event each 200 ms", r.Slow);
        Streams(text, "Paced streams: the most held at an event each 20 ms", r.Fast);
        MemoryOf(text, r);
        return text.ToString();
    }

    private static void Line(StringBuilder text, FormattableString line) =>
        text.AppendLine(Text(line));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Row(StringBuilder text, IEnumerable<string> cells) =>
        text.Append("| ").AppendJoin(" | ", cells).AppendLine(" |");

    private static IEnumerable<string> Figures(Rate x) =>
    [
        Text($"{x.PerSecond:N0}"), Text($"{x.P50Us / 1000:0.000}"), Text($"{x.P99Us / 1000:0.000}"), Text($"{x.CpuUs:0.0}"),
    ];

    private static void Title(StringBuilder text, string title) => Line(text, $"\n### {title}\n");

    private static void Rates(StringBuilder text, string title, List<Rate> rates, string ours, string unit)
    {
        Title(text, title);
        Line(text, $"| | {unit} | p50 ms | p99 ms | gateway CPU µs each | Forebay's rate is |");
        Line(text, $"|---|---|---|---|---|---|");
        double own = rates.FirstOrDefault(x => x.Name == ours)?.PerSecond ?? double.NaN;
        foreach (Rate x in rates)
        {
            string ratio = x.Name == ours ? "" : string.Create(CultureInfo.InvariantCulture, $"{own / x.PerSecond:0.00}x");
            string failed = x.Failed > 0 ? $" ({x.Failed} failed)" : "";
            Row(text, [x.Name + failed, .. Figures(x), ratio]);
        }
    }

    private static void Translated(StringBuilder text, List<Rate> rates)
    {
        Title(text, "Translation, 32 connections");
        Line(text, $"| | per s | p50 ms | p99 ms | gateway CPU µs each | of the same dialect's rate |");
        Line(text, $"|---|---|---|---|---|---|");
        for (int i = 0; i < rates.Count; i++)
        {
            Rate x = rates[i];
            double same = rates[i / 3 * 3].PerSecond;
            string failed = x.Failed > 0 ? $" ({x.Failed} failed)" : "";
            Row(text, [x.Name + failed, .. Figures(x), Text($"{x.PerSecond / same:0.00}x")]);
        }
    }

    private static void Frontiers(StringBuilder text, List<Frontier> frontier)
    {
        Title(text, "Most small requests per second with 99% under a limit");
        Line(text, $"| | 1 ms | 5 ms | 10 ms | 50 ms |");
        Line(text, $"|---|---|---|---|---|");
        foreach (IGrouping<string, Frontier> of in frontier.GroupBy(f => f.Name))
        {
            string cells = string.Join(" | ", of.Select(f => f.PerSecond > 0
                ? string.Create(CultureInfo.InvariantCulture, $"{f.PerSecond:N0}")
                : "none"));
            Line(text, $"| {of.Key} | {cells} |");
        }
    }

    private static void Streams(StringBuilder text, string title, List<Paced> paced)
    {
        Title(text, title);
        Row(
            text,
            [
                "", "streams", "completed", "failed", "events", "stalls", "first event p99 ms", "gap p50 ms", "gap p99 ms",
                "longest gap ms", "kB each", "gateway CPU µs an event",
            ]);
        Line(text, $"|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (Paced p in paced)
        {
            StreamRun s = p.Run;
            Row(
                text,
                [
                    p.Name, Text($"{p.Streams:N0}"), Text($"{s.Completed:N0}"), Text($"{s.Failed:N0}"), Text($"{s.Events:N0}"),
                    Text($"{s.Stalls:N0}"), Text($"{s.FirstP99Ms:0.0}"), Text($"{s.GapP50Ms:0.0}"), Text($"{s.GapP99Ms:0.0}"),
                    Text($"{s.GapMaxMs:0.0}"), Text($"{p.KilobytesPerStream:0.0}"), Text($"{s.CpuUsPerEvent:0.0}"),
                ]);
        }
    }

    private static void MemoryOf(StringBuilder text, Results r)
    {
        Title(text, "Forebay's start and memory");
        Line(text, $"Ready {r.ForebayReadyMs / 1000:0.00} s after its start; {r.Memory!.IdleBytes / 1e6:0} MB resident then.");
        Line(text, $"");
        Line(text, $"| requests | MB resident |");
        Line(text, $"|---|---|");
        foreach ((long requests, double bytes) in r.Memory.AfterRequests)
        {
            Line(text, $"| {requests:N0} | {bytes / 1e6:0} |");
        }
    }
}
