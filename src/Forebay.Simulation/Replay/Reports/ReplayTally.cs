using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>
/// Counts the outcomes of a run. Memory does not grow with the requests: histograms, and a bounded number of groups and
/// reasons. Safe for concurrent callers.
/// </summary>
internal sealed class ReplayTally
{
    /// <summary>Groups of one split, and reasons; what comes later counts as <see cref="Other"/>.</summary>
    internal const int MaxGroups = 100;
    internal const string Other = "other";

    /// <summary>Where the server does not say; also what failed before it could.</summary>
    internal const string Unknown = "unknown";

    private readonly Lock _gate = new();
    private readonly GroupTally _all = new();
    private readonly LatencyHistogram _lag = new();
    private readonly SortedDictionary<string, SortedDictionary<string, GroupTally>> _splits = new()
    {
        ["backing"] = [],
        ["deployment"] = [],
        ["dialect"] = [],
        ["model"] = [],
        ["provider"] = [],
        ["turn"] = [],
    };

    private readonly Dictionary<string, ErrorTally> _errors = [];
    private readonly Timeline _timeline = new();
    private readonly ServedTally _served = new();
    private long _due;
    private long _sent;
    private long _notSent;
    private long _abandoned;
    private double _lastArrivalSeconds;

    /// <summary>A request left, this long after it was due.</summary>
    public void Sent(double lagMs, double atSeconds)
    {
        lock (_gate)
        {
            _sent++;
            _lag.Record(lagMs);
            _timeline.Sent(atSeconds);
        }
    }

    /// <summary>The first piece of an answer came.</summary>
    public void Started(double atSeconds)
    {
        lock (_gate)
        {
            _timeline.Started(atSeconds);
        }
    }

    /// <summary>Turns that will not be sent, because one before them was not answered.</summary>
    public void Abandoned(int turns)
    {
        lock (_gate)
        {
            _abandoned += turns;
        }
    }

    /// <summary>A request came due.</summary>
    /// <param name="request">The request.</param>
    /// <param name="admitted">False when too many were in flight to send it.</param>
    public void Due(TraceRequest request, bool admitted)
    {
        lock (_gate)
        {
            _due++;
            _lastArrivalSeconds = Math.Max(_lastArrivalSeconds, request.ArrivalSeconds);
            if (!admitted)
            {
                _notSent++;
            }
        }
    }

    /// <summary>A sent request ended.</summary>
    /// <param name="outcome">What came of it.</param>
    /// <param name="started">Whether the first piece of its answer had come.</param>
    /// <param name="atSeconds">When, in seconds of the run.</param>
    public void Ended(ReplayOutcome outcome, bool started, double atSeconds)
    {
        lock (_gate)
        {
            _all.Add(outcome);
            GroupOf("backing", outcome.Backing).Add(outcome);
            GroupOf("deployment", outcome.Deployment).Add(outcome);
            GroupOf("dialect", outcome.Dialect == ReplayDialect.Anthropic ? "anthropic" : "openai").Add(outcome);
            GroupOf("model", outcome.Model).Add(outcome);
            GroupOf("provider", outcome.Provider).Add(outcome);
            GroupOf("turn", TurnName(outcome.Turn)).Add(outcome);
            _timeline.Ended(outcome, started, atSeconds);
            _served.Add(outcome);
            if (outcome.Reason is { } reason)
            {
                ErrorOf(reason, outcome).Requests++;
            }
        }
    }

    public ReplayProgress Progress()
    {
        lock (_gate)
        {
            long ended = _all.Succeeded + _all.Failed + _all.Interrupted;
            return new ReplayProgress(
                _due, _sent, _notSent, _all.Succeeded, _all.Failed, _sent - ended, _lastArrivalSeconds);
        }
    }

    /// <summary>Writes the figures of the run into its report.</summary>
    public ReplayReport Fill(ReplayReport header)
    {
        lock (_gate)
        {
            double seconds = Math.Max(header.WallSeconds, 1e-9);
            return header with
            {
                Requests = new RequestCounts(
                    _due, _sent, _notSent, _all.Succeeded, _all.Failed, _all.Interrupted)
                {
                    Abandoned = _abandoned,
                },
                Tokens = new TokenCounts(
                    _all.InputTokens, _all.OutputTokens, _all.AskedInputTokens, _all.AskedOutputTokens)
                {
                    CachedInput = _all.CachedInputTokens,
                },
                Throughput = new Throughput(
                    _all.Succeeded / seconds, _all.InputTokens / seconds, _all.OutputTokens / seconds),
                TimeToFirstTokenMs = Percentiles.Of(_all.TimeToFirstToken),
                TimePerOutputTokenMs = Percentiles.Of(_all.TimePerOutputToken),
                TotalMs = Percentiles.Of(_all.Total),
                ScheduleLagMs = Percentiles.Of(_lag),
                Curves = new LatencyCurves(
                    CurveOf(_all.TimeToFirstToken), CurveOf(_all.TimePerOutputToken), CurveOf(_all.Total)),
                StretchSeconds = _timeline.StretchSeconds,
                Timeline = _timeline.Points(),
                Served = _served.ToReport(),
                Errors =
                [
                    .. _errors
                        .OrderByDescending(e => e.Value.Requests)
                        .ThenBy(e => e.Key, StringComparer.Ordinal)
                        .Select(e => new ErrorReport(
                            e.Key, e.Value.Status, e.Value.Requests, e.Value.Message, e.Value.RequestId)),
                ],
                Splits = _splits.ToDictionary(
                    s => s.Key,
                    s => s.Value.Select(g => g.Value.ToReport(g.Key, seconds)).ToArray()),
            };
        }
    }

    /// <summary>Late turns are few, so they share groups. The names sort as the turns do.</summary>
    private static string TurnName(int turn) => turn switch
    {
        <= 5 => $"{turn}",
        <= 9 => "6 to 9",
        _ => "from 10",
    };

    private static double[] CurveOf(LatencyHistogram histogram) => histogram.Count == 0
        ? []
        : [.. LatencyCurves.Shares.Select(histogram.Percentile)];

    private GroupTally GroupOf(string split, string? name)
    {
        SortedDictionary<string, GroupTally> groups = _splits[split];
        string key = name ?? Unknown;
        if (!groups.ContainsKey(key) && groups.Count >= MaxGroups)
        {
            key = Other;
        }

        if (!groups.TryGetValue(key, out GroupTally? group))
        {
            groups.Add(key, group = new GroupTally());
        }

        return group;
    }

    private ErrorTally ErrorOf(string reason, ReplayOutcome outcome)
    {
        string key = _errors.ContainsKey(reason) || _errors.Count < MaxGroups ? reason : Other;
        if (!_errors.TryGetValue(key, out ErrorTally? error))
        {
            _errors.Add(key, error = new ErrorTally(outcome.Status, outcome.Message, outcome.RequestId));
        }

        return error;
    }

    /// <summary>Failures with one reason; status, message and id are those of the first.</summary>
    private sealed class ErrorTally(int status, string message, string? requestId)
    {
        public int Status { get; } = status;

        public string Message { get; } = message;

        public string? RequestId { get; } = requestId;

        public long Requests { get; set; }
    }
}
