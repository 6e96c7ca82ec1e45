using System.Text.Json;
using System.Text.Json.Serialization;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>Percentiles of a time in milliseconds, each within 1%; mean and maximum exact; zeros when none.</summary>
public sealed record Percentiles(long Count, double Mean, double P50, double P90, double P95, double P99, double Max)
{
    public static Percentiles None { get; } = new(0, 0, 0, 0, 0, 0, 0);

    public static Percentiles Of(LatencyHistogram histogram)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        return new(
            histogram.Count,
            histogram.MeanMs,
            histogram.Percentile(0.5),
            histogram.Percentile(0.9),
            histogram.Percentile(0.95),
            histogram.Percentile(0.99),
            histogram.MaxMs);
    }
}

/// <summary>Requests by what became of them: due = sent + not sent, sent = succeeded + failed + interrupted.</summary>
/// <param name="Due">Came due by the trace's schedule.</param>
/// <param name="Sent">Left this process.</param>
/// <param name="NotSent">Came due while the most in flight allowed were in flight.</param>
/// <param name="Succeeded">Answered in full.</param>
/// <param name="Failed">Anything else, by reason in <see cref="ReplayReport.Errors"/>.</param>
/// <param name="Interrupted">Still unanswered when the run was stopped.</param>
public sealed record RequestCounts(
    long Due, long Sent, long NotSent, long Succeeded, long Failed, long Interrupted)
{
    /// <summary>Later turns that never came due, because one before them was not answered.</summary>
    public long Abandoned { get; init; }
}

/// <summary>Tokens of the requests that succeeded: as the server reported them, and as the trace asked.</summary>
public sealed record TokenCounts(long Input, long Output, long AskedInput, long AskedOutput)
{
    /// <summary>What of the prompts the server read from a prefix cache.</summary>
    public long CachedInput { get; init; }
}

/// <summary>
/// Times in milliseconds at <see cref="Shares"/> of the requests, each within 1%; empty where there are none.
/// </summary>
public sealed record LatencyCurves(double[] TimeToFirstTokenMs, double[] TimePerOutputTokenMs, double[] TotalMs)
{
    /// <summary>Every second percent, then finer to the end.</summary>
    public static IReadOnlyList<double> Shares { get; } =
        [.. Enumerable.Range(1, 49).Select(i => i / 50.0), 0.99, 0.995, 0.999, 1];
}

/// <summary>Who measures, on what, and how it was asked to.</summary>
/// <param name="Version">Version of Forebay.</param>
/// <param name="Machine">The sender's machine: system, cores, memory.</param>
/// <param name="Options">Options of the run in words, without secrets.</param>
public sealed record ReplayOrigin(string Version, string Machine, IReadOnlyList<string> Options);

/// <summary>Successful requests and their tokens over the wall time of the run.</summary>
public sealed record Throughput(
    double RequestsPerSecond, double InputTokensPerSecond, double OutputTokensPerSecond);

/// <summary>Failures with one reason; status, message and request id are those of the first.</summary>
public sealed record ErrorReport(string Reason, int Status, long Requests, string Message, string? RequestId);

/// <summary>The figures of one provider, deployment, backing, model, dialect or turn. Times are in
/// milliseconds.</summary>
public sealed record GroupReport(
    string Name,
    long Requests,
    long Succeeded,
    long Failed,
    long InputTokens,
    long CachedInputTokens,
    long OutputTokens,
    double OutputTokensPerSecond,
    Percentiles TimeToFirstTokenMs,
    Percentiles TimePerOutputTokenMs,
    Percentiles TotalMs);

/// <summary>How far a run has come.</summary>
/// <param name="Due">Requests that came due.</param>
/// <param name="Sent">Requests that left.</param>
/// <param name="NotSent">Requests not sent because too many were in flight.</param>
/// <param name="Succeeded">Answered in full.</param>
/// <param name="Failed">Failed.</param>
/// <param name="InFlight">Waiting for their answer.</param>
/// <param name="ArrivalSeconds">Arrival in the trace of the last request that came due.</param>
public readonly record struct ReplayProgress(
    long Due, long Sent, long NotSent, long Succeeded, long Failed, long InFlight, double ArrivalSeconds);

/// <summary>The closing report of a replay.</summary>
public sealed record ReplayReport
{
    public required ReplayOrigin Origin { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required Uri Url { get; init; }

    public required TraceSummary Trace { get; init; }

    public required double Speed { get; init; }

    public required ulong Seed { get; init; }

    public required string Dialect { get; init; }

    public required string[] Models { get; init; }

    /// <summary>From the start to the end of the last answer.</summary>
    public required double WallSeconds { get; init; }

    /// <summary>True when the run was stopped before its end.</summary>
    public required bool Stopped { get; init; }

    public RequestCounts Requests { get; init; } = new(0, 0, 0, 0, 0, 0);

    public TokenCounts Tokens { get; init; } = new(0, 0, 0, 0);

    public Throughput Throughput { get; init; } = new(0, 0, 0);

    /// <summary>Sent to first piece of the answer.</summary>
    public Percentiles TimeToFirstTokenMs { get; init; } = Percentiles.None;

    /// <summary>First to last piece over the output tokens after the first.</summary>
    public Percentiles TimePerOutputTokenMs { get; init; } = Percentiles.None;

    /// <summary>Sent to end of the answer.</summary>
    public Percentiles TotalMs { get; init; } = Percentiles.None;

    /// <summary>Due to sent: how late this process was. Not part of the times above.</summary>
    public Percentiles ScheduleLagMs { get; init; } = Percentiles.None;

    /// <summary>Distributions of the times above.</summary>
    public LatencyCurves Curves { get; init; } = new([], [], []);

    /// <summary>Length of each stretch of the timeline.</summary>
    public double StretchSeconds { get; init; } = 1;

    /// <summary>The run over time, from its start without gaps.</summary>
    public TimelinePoint[] Timeline { get; init; } = [];

    /// <summary>What each model got from each provider and backing.</summary>
    public ServedReport[] Served { get; init; } = [];

    /// <summary>The same by the server's usage ledger; null where it was not asked.</summary>
    public LedgerRow[]? Ledger { get; init; }

    /// <summary>Failures by reason, most frequent first.</summary>
    public ErrorReport[] Errors { get; init; } = [];

    /// <summary>The same figures by provider, deployment, backing, model, dialect and turn.</summary>
    public IReadOnlyDictionary<string, GroupReport[]> Splits { get; init; } =
        new Dictionary<string, GroupReport[]>();

    /// <summary>True when the whole trace was sent and every request succeeded.</summary>
    public bool AllSucceeded =>
        !Stopped && Requests.NotSent == 0 && Requests.Failed == 0 && Requests.Interrupted == 0;

    /// <summary>Share of the prompts' tokens that the server read from a prefix cache; null without prompts.</summary>
    public double? CachedShare => Tokens.Input > 0 ? (double)Tokens.CachedInput / Tokens.Input : null;

    /// <summary>Share of the prompts' tokens that an ideal cache would hold; null where it is not known.</summary>
    public double? ReusableShare => Trace is { ReusableInputTokens: { } reusable, InputTokens: > 0 }
        ? (double)reusable / Trace.InputTokens
        : null;

    /// <summary>The report as one line of JSON, keys in snake_case.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ReplayJson.Default.ReplayReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReplayReport))]
internal sealed partial class ReplayJson : JsonSerializerContext;
