using System.Text;
using static Forebay.Simulation.Replay.Reports.ReportFormat;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>
/// The report as one HTML page that needs nothing else: no script, no font, no image from anywhere. The same report
/// always gives the same bytes.
/// </summary>
public static class ReplayReportHtml
{
    public static string Page(ReplayReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var page = new StringBuilder("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
            .Append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
            .Append("<meta http-equiv=\"content-security-policy\" ")
            .Append("content=\"default-src 'none';style-src 'unsafe-inline'\">")
            .Append("<title>Replay of ").Append(Html.Escape(report.Trace.Name)).Append("</title><style>\n")
            .Append(HtmlStyle.Css).Append("\n</style></head>\n<body><main>\n");
        WriteHead(page, report);
        WriteTiles(page, report);
        page.Append("<h2>Curves</h2>\n<div class=\"charts\">\n");
        foreach (SvgChart chart in Charts(report))
        {
            chart.Write(page);
            page.Append('\n');
        }

        page.Append("</div>\n");
        foreach (ReportTable table in ReportContent.Tables(report))
        {
            table.WriteHtml(page);
        }

        WriteList(page, "The run", ReportContent.Facts(report));
        WriteList(page, "Options", report.Origin.Options);
        return page.Append("<footer>Times and tokens are those of requests that succeeded. Percentiles are within 1% ")
            .Append("of the exact ones; means and maxima are exact.</footer>\n</main></body></html>\n").ToString();
    }

    private static void WriteHead(StringBuilder page, ReplayReport r)
    {
        page.Append("<h1>Replay of ").Append(Html.Escape(r.Trace.Name)).Append("</h1>\n<p class=\"sub\">")
            .Append(Html.Escape($"{r.StartedAt:yyyy-MM-dd HH:mm} UTC, {Span(r.WallSeconds)}, {r.Speed:0.###}x speed, " +
                $"seed {r.Seed}, forebay {r.Origin.Version}, {r.Origin.Machine}"))
            .Append("</p>\n<ul class=\"badges\">");
        Badge(page, r.AllSucceeded ? "good" : "bad", r.AllSucceeded
            ? "every request succeeded"
            : $"{Count(r.Requests.Due + r.Requests.Abandoned - r.Requests.Succeeded)} requests without an answer");
        foreach (string backing in ReportContent.Backings(r))
        {
            Badge(page, "note", $"answered by {backing}");
        }

        if (r.Ledger is { } ledger)
        {
            string words = ReportContent.Agreement(r, ledger);
            Badge(page, words.Contains("differs", StringComparison.Ordinal) ? "bad" : "good", $"ledger: {words}");
        }

        page.Append("</ul>\n");
        foreach (string note in ReportContent.Notes(r))
        {
            page.Append("<p class=\"note\">").Append(Html.Escape(note)).Append("</p>\n");
        }
    }

    private static void Badge(StringBuilder page, string kind, string words) =>
        page.Append("<li class=\"").Append(kind).Append("\">").Append(Html.Escape(words)).Append("</li>");

    private static void WriteTiles(StringBuilder page, ReplayReport r)
    {
        List<(string Name, string Value)> tiles =
        [
            ("requests succeeded", Count(r.Requests.Succeeded)),
            ("requests failed", Count(r.Requests.Failed)),
            ("requests/s", $"{r.Throughput.RequestsPerSecond:N1}"),
            ("tokens/s out", Count(r.Throughput.OutputTokensPerSecond)),
            ("time to first token, p50 ms", Figure(r.TimeToFirstTokenMs, p => p.P50)),
            ("time to first token, p99 ms", Figure(r.TimeToFirstTokenMs, p => p.P99)),
            ("time per output token, p50 ms", Figure(r.TimePerOutputTokenMs, p => p.P50)),
            ("prefix-cache hits (the trace implies " + Share(r.ReusableShare) + ")", Share(r.CachedShare)),
        ];
        if (r.Ledger is { } ledger)
        {
            tiles.Add(("provider cost, USD", Dollars(ledger.Sum(l => l.ProviderCostMicros))));
            tiles.Add(("customer price, USD", Dollars(ledger.Sum(l => l.CustomerPriceMicros))));
        }

        page.Append("<div class=\"tiles\">");
        foreach ((string name, string value) in tiles)
        {
            page.Append("<div class=\"tile\"><b>").Append(Html.Escape(value)).Append("</b><span>")
                .Append(Html.Escape(name)).Append("</span></div>");
        }

        page.Append("</div>\n");
    }

    private static string Figure(Percentiles p, Func<Percentiles, double> of) => p.Count == 0 ? "-" : Ms(of(p));

    private static IEnumerable<SvgChart> Charts(ReplayReport r)
    {
        yield return OverTime(r, "Time to first token", "ms",
            ("median", p => p.TimeToFirstTokenP50Ms), ("95th percentile", p => p.TimeToFirstTokenP95Ms));
        yield return OverTime(r, "Time per output token", "ms",
            ("median", p => p.TimePerOutputTokenP50Ms), ("95th percentile", p => p.TimePerOutputTokenP95Ms));
        yield return OverTime(r, "Requests and errors", "requests/s",
            ("sent", p => p.Sent / r.StretchSeconds),
            ("failed", p => p.Failed / r.StretchSeconds),
            ("succeeded", p => p.Succeeded / r.StretchSeconds));
        yield return OverTime(r, "Output", "tokens/s", ("tokens out", p => p.OutputTokens / r.StretchSeconds));
        yield return OverTime(r, "Input", "tokens/s", ("tokens in", p => p.InputTokens / r.StretchSeconds));
        yield return OverTime(r, "Queue, as the client sees it", "requests, most at once",
            ("in flight", p => p.InFlight), ("of these, waiting for their first token", p => p.Waiting));
        yield return Distribution(
            "Time to first token and total, distribution",
            ("time to first token", r.Curves.TimeToFirstTokenMs),
            ("total", r.Curves.TotalMs));
        yield return Distribution(
            "Time per output token, distribution", ("time per output token", r.Curves.TimePerOutputTokenMs));
    }

    private static SvgChart OverTime(
        ReplayReport r,
        string title,
        string unit,
        params (string Name, Func<TimelinePoint, double?> Of)[] series) => new(
            title,
            "seconds of the run",
            unit,
            [.. series.Select(s => new ChartSeries(
                s.Name, [.. r.Timeline.Select(p => (p.StartSeconds + r.StretchSeconds / 2, s.Of(p)))]))]);

    private static SvgChart Distribution(string title, params (string Name, double[] Ms)[] curves) => new(
        title,
        "ms",
        "share of requests",
        [.. curves.Select(c => new ChartSeries(
            c.Name, [.. c.Ms.Zip(LatencyCurves.Shares, (ms, share) => (ms, (double?)share))]))])
    {
        YMost = 1,
        LogX = true,
    };

    private static void WriteList(StringBuilder page, string title, IEnumerable<string> lines)
    {
        page.Append("<h2>").Append(Html.Escape(title)).Append("</h2>\n<ul class=\"facts\">");
        foreach (string line in lines)
        {
            page.Append("<li>").Append(Html.Escape(line)).Append("</li>");
        }

        page.Append("</ul>\n");
    }
}
