using System.Globalization;
using System.Text;

namespace Forebay.Simulation.Replay;

/// <summary>The report for people: plain text for a terminal, Markdown for a page.</summary>
public static class ReplayReportText
{
    /// <summary>Past this the sender itself was late, and the times say less about the server.</summary>
    private const double NotableLagMs = 100;

    public static string Text(ReplayReport report)
    {
        var text = new StringBuilder();
        foreach (string line in Facts(report))
        {
            text.AppendLine(line);
        }

        foreach (ReportTable table in Tables(report))
        {
            text.AppendLine();
            table.WriteText(text);
        }

        foreach (string note in Notes(report))
        {
            text.AppendLine().AppendLine(note);
        }

        return text.ToString();
    }

    public static string Markdown(ReplayReport report)
    {
        var text = new StringBuilder("# Replay report").AppendLine().AppendLine();
        foreach (string line in Facts(report))
        {
            text.Append("- ").AppendLine(line);
        }

        foreach (ReportTable table in Tables(report))
        {
            text.AppendLine();
            table.WriteMarkdown(text);
        }

        foreach (string note in Notes(report))
        {
            text.AppendLine().AppendLine(note);
        }

        return text.ToString();
    }

    private static IEnumerable<string> Facts(ReplayReport r)
    {
        yield return $"trace: {r.Trace.Name}, {N(r.Trace.Requests)} requests over {Span(r.Trace.DurationSeconds)}, " +
            $"{N(r.Trace.InputTokens)} tokens in, {N(r.Trace.OutputTokens)} out";
        yield return $"sent to {r.Url} at {r.Speed:0.###}x speed, seed {r.Seed}, dialect {r.Dialect}, " +
            $"models {string.Join(", ", r.Models)}";
        yield return $"measured by forebay {r.Version} from {r.StartedAt:yyyy-MM-dd HH:mm:ss} UTC, " +
            $"{Span(r.WallSeconds)}{(r.Stopped ? ", stopped before the end" : "")}";
        yield return $"requests: {N(r.Requests.Due)} due, {N(r.Requests.Sent)} sent, " +
            $"{N(r.Requests.NotSent)} not sent, {N(r.Requests.Succeeded)} succeeded, {N(r.Requests.Failed)} failed, " +
            $"{N(r.Requests.Interrupted)} interrupted";
        yield return $"throughput: {r.Throughput.RequestsPerSecond:N1} requests/s, " +
            $"{r.Throughput.InputTokensPerSecond:N0} tokens/s in, {r.Throughput.OutputTokensPerSecond:N0} tokens/s out";
        yield return $"tokens reported: {N(r.Tokens.Input)} in ({N(r.Tokens.AskedInput)} asked), " +
            $"{N(r.Tokens.Output)} out ({N(r.Tokens.AskedOutput)} asked)";
    }

    private static IEnumerable<ReportTable> Tables(ReplayReport r)
    {
        yield return new ReportTable(
            "Times (ms)",
            ["", "mean", "p50", "p90", "p95", "p99", "max"],
            [
                Row("time to first token", r.TimeToFirstTokenMs),
                Row("time per output token", r.TimePerOutputTokenMs),
                Row("total", r.TotalMs),
                Row("schedule lag", r.ScheduleLagMs),
            ]);
        if (r.Errors.Length > 0)
        {
            yield return new ReportTable(
                "Errors",
                ["reason", "requests", "status", "first request id", "its message"],
                [.. r.Errors.Select(e => (string[])[
                    e.Reason, N(e.Requests), e.Status == 0 ? "-" : $"{e.Status}", e.RequestId ?? "-", e.Message])])
            {
                LastColumnIsProse = true,
            };
        }

        foreach (string split in (string[])["provider", "deployment", "backing", "model", "dialect"])
        {
            // A server that names no provider has nothing to split by.
            if (r.Splits.TryGetValue(split, out GroupReport[]? groups)
                && groups.Any(g => g.Name != ReplayTally.Unknown))
            {
                yield return SplitTable(split, groups);
            }
        }
    }

    private static ReportTable SplitTable(string split, GroupReport[] groups) => new(
        $"By {split} (ttft: time to first token, tpot: time per output token, ms)",
        [
            split, "requests", "failed", "tokens in", "tokens out", "out/s",
            "ttft p50", "ttft p90", "ttft p99", "tpot p50", "tpot p90", "tpot p99",
        ],
        [.. groups.Select(g => (string[])[
            g.Name, N(g.Requests), N(g.Failed), N(g.InputTokens), N(g.OutputTokens),
            g.OutputTokensPerSecond.ToString("N0", CultureInfo.InvariantCulture),
            .. Short(g.TimeToFirstTokenMs), .. Short(g.TimePerOutputTokenMs),
        ])]);

    private static IEnumerable<string> Notes(ReplayReport r)
    {
        if (r.Requests.NotSent > 0)
        {
            yield return $"{N(r.Requests.NotSent)} requests came due while the most in flight allowed were in " +
                "flight and were not sent: raise --max-in-flight, or lower --speed.";
        }

        if (r.ScheduleLagMs.P99 > NotableLagMs)
        {
            yield return "The sender itself was late (schedule lag above): it had too little CPU. Lower --speed, or " +
                "send from another machine.";
        }
    }

    private static string[] Row(string name, Percentiles p) => p.Count == 0
        ? [name, "-", "-", "-", "-", "-", "-"]
        : [name, Ms(p.Mean), Ms(p.P50), Ms(p.P90), Ms(p.P95), Ms(p.P99), Ms(p.Max)];

    private static string[] Short(Percentiles p) =>
        p.Count == 0 ? ["-", "-", "-"] : [Ms(p.P50), Ms(p.P90), Ms(p.P99)];

    private static string N(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Three significant digits: the percentiles hold no more.</summary>
    private static string Ms(double ms) => ms switch
    {
        >= 100 => ms.ToString("N0", CultureInfo.InvariantCulture),
        >= 10 => ms.ToString("0.0", CultureInfo.InvariantCulture),
        _ => ms.ToString("0.00", CultureInfo.InvariantCulture),
    };

    private static string Span(double seconds) => seconds < 60
        ? $"{seconds:0.0} s"
        : $"{(long)seconds / 60} min {(long)seconds % 60} s";
}
