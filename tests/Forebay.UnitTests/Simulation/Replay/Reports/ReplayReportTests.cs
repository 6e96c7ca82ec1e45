using System.Text.Json;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Reports;
using Forebay.Simulation.Traces;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay.Reports;

public sealed class ReplayReportTests
{
    private static readonly TraceRequest Any = new(0, 100, 10);

    private static ReplayReport Header(bool stopped = false) => new()
    {
        Origin = new ReplayOrigin("1.2.3", "a machine", ["speed 2"]),
        StartedAt = DateTimeOffset.UnixEpoch,
        Url = new Uri("http://localhost:8080"),
        Trace = new TraceSummary("hand-made", 6, 10, 600, 60),
        Speed = 2,
        Seed = 9,
        Dialect = "mixed",
        Models = ["m"],
        WallSeconds = 4,
        Stopped = stopped,
    };

    private static ReplayOutcome Success(string provider, double firstMs) => new()
    {
        Dialect = ReplayDialect.Anthropic,
        Model = "m",
        AskedInputTokens = 100,
        AskedOutputTokens = 10,
        Status = 200,
        Provider = provider,
        Deployment = $"{provider}-1",
        Backing = "emulated",
        TimeToFirstTokenMs = firstMs,
        TimePerOutputTokenMs = 5,
        TotalMs = firstMs + 45,
        InputTokens = 101,
        CachedInputTokens = 32,
        OutputTokens = 10,
    };

    private static ReplayOutcome Failure(string? provider, string reason, string message) => Success("", 1) with
    {
        End = ReplayEnd.Failed,
        Provider = provider,
        Reason = reason,
        Message = message,
        Status = 429,
        RequestId = "req_1",
    };

    internal static ReplayReport Sample() => HandMade();

    /// <summary>Seven due: one not sent, three succeeded, two failed alike, one interrupted.</summary>
    private static ReplayReport HandMade()
    {
        var tally = new ReplayTally();
        for (int i = 0; i < 7; i++)
        {
            tally.Due(Any, admitted: i != 3);
        }

        for (int i = 0; i < 6; i++)
        {
            tally.Sent(lagMs: i, atSeconds: i / 10.0);
        }

        tally.Ended(Success("aws", 100), started: true, atSeconds: 2);
        tally.Ended(Success("aws", 300), started: true, atSeconds: 2);
        tally.Ended(Success("google", 200), started: true, atSeconds: 2);
        tally.Ended(Failure(null, "rate_limit_error", "first | words"), started: true, atSeconds: 2);
        tally.Ended(Failure("google", "rate_limit_error", "second"), started: true, atSeconds: 2);
        tally.Ended(Success("aws", 1) with { End = ReplayEnd.Interrupted }, started: true, atSeconds: 2);
        return tally.Fill(Header());
    }

    [Fact]
    public void Requests_tokens_and_rates_add_up()
    {
        ReplayReport report = HandMade();

        Assert.Equal(new RequestCounts(7, 6, 1, 3, 2, 1), report.Requests);
        Assert.Equal(new TokenCounts(303, 30, 300, 30) { CachedInput = 96 }, report.Tokens);
        Assert.Equal(96.0 / 303, report.CachedShare);
        Assert.Equal(new Throughput(0.75, 75.75, 7.5), report.Throughput);
        Assert.False(report.AllSucceeded);
    }

    [Fact]
    public void Times_are_those_of_requests_that_succeeded()
    {
        ReplayReport report = HandMade();

        Assert.Equal(3, report.TimeToFirstTokenMs.Count);
        Assert.Equal(200, report.TimeToFirstTokenMs.Mean, 1e-9);
        Assert.Equal(200, report.TimeToFirstTokenMs.P50, 2.0);
        Assert.Equal(300, report.TimeToFirstTokenMs.P99);
        Assert.Equal(5, report.TimePerOutputTokenMs.P50, 0.05);
        Assert.Equal(345, report.TotalMs.Max);
        Assert.Equal(6, report.ScheduleLagMs.Count);
        Assert.Equal(5, report.ScheduleLagMs.Max);
    }

    [Fact]
    public void Failures_count_by_reason_with_the_words_of_the_first()
    {
        ErrorReport error = Assert.Single(HandMade().Errors);

        Assert.Equal(new ErrorReport("rate_limit_error", 429, 2, "first | words", "req_1"), error);
    }

    [Fact]
    public void Splits_hold_every_request_that_ended()
    {
        ReplayReport report = HandMade();

        Assert.Equal(["aws", "google", "unknown"], report.Splits["provider"].Select(g => g.Name));
        Assert.Equal([3, 2, 1], report.Splits["provider"].Select(g => g.Requests));
        Assert.Equal([2, 1, 0], report.Splits["provider"].Select(g => g.Succeeded));
        Assert.Equal([0, 1, 1], report.Splits["provider"].Select(g => g.Failed));
        Assert.Equal(5, report.Splits["provider"][0].OutputTokensPerSecond);
        Assert.All(report.Splits.Values, groups => Assert.Equal(6, groups.Sum(g => g.Requests)));
    }

    [Fact]
    public void Strangers_cannot_make_a_report_grow_without_end()
    {
        var tally = new ReplayTally();
        for (int i = 0; i < 500; i++)
        {
            tally.Ended(Failure($"provider-{i}", $"reason-{i}", ""), started: true, atSeconds: 2);
        }

        ReplayReport report = tally.Fill(Header());

        Assert.Equal(ReplayTally.MaxGroups + 1, report.Splits["provider"].Length);
        Assert.Equal(ReplayTally.MaxGroups + 1, report.Errors.Length);
        Assert.Equal(400, Assert.Single(report.Errors, e => e.Reason == ReplayTally.Other).Requests);
    }

    [Fact]
    public void All_succeeded_means_all_sent_and_nothing_stopped()
    {
        var tally = new ReplayTally();
        tally.Due(Any, admitted: true);
        tally.Sent(0, 0);
        tally.Ended(Success("aws", 1), started: true, atSeconds: 2);

        Assert.True(tally.Fill(Header()).AllSucceeded);
        Assert.False(tally.Fill(Header(stopped: true)).AllSucceeded);
    }

    [Fact]
    public void Json_has_snake_case_keys_and_every_figure()
    {
        using var json = JsonDocument.Parse(HandMade().ToJson());
        JsonElement root = json.RootElement;

        Assert.Equal(3, root.GetProperty("requests").GetProperty("succeeded").GetInt32());
        Assert.Equal(300, root.GetProperty("time_to_first_token_ms").GetProperty("p99").GetDouble());
        Assert.Equal("aws", root.GetProperty("splits").GetProperty("provider")[0].GetProperty("name").GetString());
        Assert.Equal(9, root.GetProperty("seed").GetInt32());
    }

    [Fact]
    public void Text_and_markdown_tell_the_same_and_say_what_to_do()
    {
        string text = ReplayReportText.Text(HandMade());
        string markdown = ReplayReportText.Markdown(HandMade());

        foreach (string words in (string[])["7 due, 6 sent, 1 not sent", "seed 9", "hand-made", "--max-in-flight"])
        {
            Assert.Contains(words, text, StringComparison.Ordinal);
            Assert.Contains(words, markdown, StringComparison.Ordinal);
        }

        Assert.Contains("first | words", text, StringComparison.Ordinal);
        Assert.Contains("| first \\| words |", markdown, StringComparison.Ordinal);
        Assert.StartsWith("# Replay report", markdown, StringComparison.Ordinal);
    }

    [Fact]
    public void Client_and_ledger_are_compared_row_by_row()
    {
        ReplayReport report = HandMade();
        var aws = new LedgerRow("m", "aws", "emulated", 2, 1, 202, 64, 20, 1_500_000, 3_000_000);
        var google = new LedgerRow("m", "google", "emulated", 1, 0, 101, 32, 10, 0, 500_000);

        string agreeing = ReplayReportText.Text(report with { Ledger = [aws, google] });
        string differing = ReplayReportText.Text(report with { Ledger = [aws with { OutputTokens = 21 }, google] });
        string missing = ReplayReportText.Text(report with { Ledger = [aws] });

        Assert.Contains("agrees with the client's count", agreeing, StringComparison.Ordinal);
        Assert.Contains("cost 1.5000 USD, price 3.5000 USD", agreeing, StringComparison.Ordinal);
        Assert.Contains("differs from the client's count in 1 of the rows", differing, StringComparison.Ordinal);
        Assert.Contains("20 / 21", differing, StringComparison.Ordinal);
        Assert.Contains("differs from the client's count in 1 of the rows", missing, StringComparison.Ordinal);
        Assert.Contains("101 / 0", missing, StringComparison.Ordinal);
    }

    [Fact]
    public void Turns_are_split_only_where_there_are_later_ones_and_late_turns_share_groups()
    {
        var tally = new ReplayTally();
        foreach (int turn in (int[])[1, 2, 6, 9, 10, 300])
        {
            tally.Ended(Success("aws", 1) with { Turn = turn }, started: true, atSeconds: 0);
        }

        ReplayReport report = tally.Fill(Header());

        Assert.Equal(["1", "2", "6 to 9", "from 10"], report.Splits["turn"].Select(g => g.Name));
        Assert.Equal([1, 1, 2, 2], report.Splits["turn"].Select(g => g.Requests));
        Assert.Contains("By turn", ReplayReportText.Text(report), StringComparison.Ordinal);
        Assert.DoesNotContain("By turn", ReplayReportText.Text(HandMade()), StringComparison.Ordinal);
    }

    [Fact]
    public void An_emulator_is_named_one_and_cache_hits_stand_beside_what_the_trace_implies()
    {
        ReplayReport report = HandMade();
        string text = ReplayReportText.Text(
            report with { Trace = report.Trace with { ReusableInputTokens = 240 } });

        Assert.Contains("answered by: emulated engines, no accelerator", text, StringComparison.Ordinal);
        Assert.Contains("31.7% of the prompts' tokens", text, StringComparison.Ordinal);
        Assert.Contains("implies 40.0%", text, StringComparison.Ordinal);
    }
}
