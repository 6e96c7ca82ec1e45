using static Forebay.Simulation.Replay.Reports.ReportFormat;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>What every form of the report says: facts, tables, notes.</summary>
internal static class ReportContent
{
    /// <summary>Past this the sender itself was late, and the times say less about the server.</summary>
    private const double NotableLagMs = 100;

    public static IEnumerable<string> Facts(ReplayReport r)
    {
        string conversations = r.Trace.Conversations < r.Trace.Requests
            ? $" in {Count(r.Trace.Conversations)} conversations"
            : "";
        yield return $"trace: {r.Trace.Name}, {Count(r.Trace.Requests)} requests{conversations} over " +
            $"{Span(r.Trace.DurationSeconds)}, {Count(r.Trace.InputTokens)} tokens in, " +
            $"{Count(r.Trace.OutputTokens)} out";
        yield return $"sent to {r.Url} at {r.Speed:0.###}x speed, seed {r.Seed}, dialect {r.Dialect}, " +
            $"models {string.Join(", ", r.Models)}";
        yield return $"answered by: {string.Join(", ", Backings(r))}";
        yield return $"measured by forebay {r.Origin.Version} on {r.Origin.Machine} from " +
            $"{r.StartedAt:yyyy-MM-dd HH:mm:ss} UTC, {Span(r.WallSeconds)}" +
            (r.Stopped ? ", stopped before the end" : "");
        string abandoned = r.Requests.Abandoned > 0 ? $", {Count(r.Requests.Abandoned)} later turns abandoned" : "";
        yield return $"requests: {Count(r.Requests.Due)} due, {Count(r.Requests.Sent)} sent, " +
            $"{Count(r.Requests.NotSent)} not sent, {Count(r.Requests.Succeeded)} succeeded, " +
            $"{Count(r.Requests.Failed)} failed, {Count(r.Requests.Interrupted)} interrupted{abandoned}";
        yield return $"throughput: {r.Throughput.RequestsPerSecond:N1} requests/s, " +
            $"{r.Throughput.InputTokensPerSecond:N0} tokens/s in, {r.Throughput.OutputTokensPerSecond:N0} tokens/s out";
        yield return $"tokens reported: {Count(r.Tokens.Input)} in ({Count(r.Tokens.AskedInput)} asked), " +
            $"{Count(r.Tokens.Output)} out ({Count(r.Tokens.AskedOutput)} asked)";
        yield return $"prefix cache: {Share(r.CachedShare)} of the prompts' tokens were read from it; the trace " +
            $"implies {Share(r.ReusableShare)} with one cache that never forgets";
        if (r.Ledger is { } ledger)
        {
            yield return $"ledger: {Count(ledger.Sum(l => l.Requests))} completed, " +
                $"{Count(ledger.Sum(l => l.InputTokens))} tokens in, " +
                $"{Count(ledger.Sum(l => l.OutputTokens))} out, cost " +
                $"{Dollars(ledger.Sum(l => l.ProviderCostMicros))} USD, price " +
                $"{Dollars(ledger.Sum(l => l.CustomerPriceMicros))} USD; {Agreement(r, ledger)}";
        }
    }

    public static IEnumerable<ReportTable> Tables(ReplayReport r)
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
                    e.Reason, Count(e.Requests), e.Status == 0 ? "-" : $"{e.Status}", e.RequestId ?? "-", e.Message])])
            {
                LastColumnIsProse = true,
            };
        }

        foreach (string split in (string[])["backing", "provider", "deployment", "model", "dialect", "turn"])
        {
            // A server that names no provider has nothing to split by, nor has a trace without later turns.
            if (r.Splits.TryGetValue(split, out GroupReport[]? groups)
                && groups.Any(g => g.Name != ReplayTally.Unknown) && (split != "turn" || groups.Length > 1))
            {
                yield return SplitTable(split, groups);
            }
        }

        if (r.Ledger is { } ledger)
        {
            yield return LedgerTable(r, ledger);
        }
    }

    public static IEnumerable<string> Notes(ReplayReport r)
    {
        if (r.Requests.NotSent > 0)
        {
            yield return $"{Count(r.Requests.NotSent)} requests came due while the most in flight allowed were in " +
                "flight and were not sent: raise --max-in-flight, or lower --speed.";
        }

        if (r.ScheduleLagMs.P99 > NotableLagMs)
        {
            yield return "The sender itself was late (schedule lag above): it had too little CPU. Lower --speed, or " +
                "send from another machine.";
        }
    }

    /// <summary>What stood behind the answers, an emulator named as one.</summary>
    public static IEnumerable<string> Backings(ReplayReport r)
    {
        GroupReport[] groups = r.Splits.GetValueOrDefault("backing") ?? [];
        return groups.Length == 0
            ? ["nobody"]
            : groups.Select(g => $"{BackingWords(g.Name)} ({Count(g.Requests)} requests)");
    }

    /// <summary>Where client and ledger differ, in words.</summary>
    public static string Agreement(ReplayReport r, LedgerRow[] ledger)
    {
        int differing = ledger.Count(l => !Agrees(l, ClientOf(r, l)))
            + r.Served.Count(s => !ledger.Any(l => IsFor(l, s)));
        return differing == 0
            ? "it agrees with the client's count to the request and the token"
            : $"it differs from the client's count in {differing} of the rows below";
    }

    private static string BackingWords(string backing) => backing switch
    {
        "emulated" => "emulated engines, no accelerator",
        "real" => "real engines",
        "cloud" => "cloud APIs",
        ReplayTally.Unknown => "what names no backing",
        _ => backing,
    };

    private static ReportTable SplitTable(string split, GroupReport[] groups) => new(
        $"By {split} (ttft: time to first token, tpot: time per output token, ms)",
        [
            split, "requests", "failed", "tokens in", "cached", "tokens out", "out/s",
            "ttft p50", "ttft p90", "ttft p99", "tpot p50", "tpot p90", "tpot p99",
        ],
        [.. groups.Select(g => (string[])[
            g.Name, Count(g.Requests), Count(g.Failed), Count(g.InputTokens),
            Share(g.CachedInputTokens, g.InputTokens), Count(g.OutputTokens), Count(g.OutputTokensPerSecond),
            .. Short(g.TimeToFirstTokenMs), .. Short(g.TimePerOutputTokenMs),
        ])]);

    private static ReportTable LedgerTable(ReplayReport r, LedgerRow[] ledger)
    {
        IEnumerable<string[]> rows = ledger.Select(l =>
        {
            ServedReport client = ClientOf(r, l);
            return (string[])[
                l.Model, l.Provider, l.Backing, Both(client.Requests, l.Requests), Count(l.OtherRequests),
                Both(client.InputTokens, l.InputTokens), Both(client.CachedInputTokens, l.CachedInputTokens),
                Both(client.OutputTokens, l.OutputTokens), Dollars(l.ProviderCostMicros),
                Dollars(l.CustomerPriceMicros),
            ];
        });
        IEnumerable<string[]> missing = r.Served.Where(s => !ledger.Any(l => IsFor(l, s))).Select(s => (string[])[
            s.Model, s.Provider, s.Backing, Both(s.Requests, 0), "0", Both(s.InputTokens, 0),
            Both(s.CachedInputTokens, 0), Both(s.OutputTokens, 0), "-", "-"]);
        return new ReportTable(
            "Cost and the usage ledger (one figure where client and ledger agree, else client / ledger)",
            [
                "model", "provider", "backing", "completed", "other", "tokens in", "cached", "tokens out", "cost USD",
                "price USD",
            ],
            [.. rows, .. missing]);
    }

    private static string Both(long client, long ledger) =>
        client == ledger ? Count(client) : $"{Count(client)} / {Count(ledger)}";

    private static ServedReport ClientOf(ReplayReport r, LedgerRow l) => r.Served.FirstOrDefault(s => IsFor(l, s))
        ?? new ServedReport(l.Model, l.Provider, l.Backing, 0, 0, 0, 0);

    private static bool IsFor(LedgerRow l, ServedReport s) =>
        (l.Model, l.Provider, l.Backing) == (s.Model, s.Provider, s.Backing);

    private static bool Agrees(LedgerRow l, ServedReport s) =>
        (l.Requests, l.InputTokens, l.CachedInputTokens, l.OutputTokens)
        == (s.Requests, s.InputTokens, s.CachedInputTokens, s.OutputTokens);

    private static string[] Row(string name, Percentiles p) => p.Count == 0
        ? [name, "-", "-", "-", "-", "-", "-"]
        : [name, Ms(p.Mean), Ms(p.P50), Ms(p.P90), Ms(p.P95), Ms(p.P99), Ms(p.Max)];

    private static string[] Short(Percentiles p) =>
        p.Count == 0 ? ["-", "-", "-"] : [Ms(p.P50), Ms(p.P90), Ms(p.P99)];
}
