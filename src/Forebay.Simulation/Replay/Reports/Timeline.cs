namespace Forebay.Simulation.Replay.Reports;

/// <summary>One stretch of a run. Latencies are medians and 95th percentiles of the requests that ended in it, null
/// where none did; in flight and waiting are the most at any moment.</summary>
public sealed record TimelinePoint(
    double StartSeconds,
    long Sent,
    long Succeeded,
    long Failed,
    long InputTokens,
    long OutputTokens,
    int InFlight,
    int Waiting,
    double? TimeToFirstTokenP50Ms,
    double? TimeToFirstTokenP95Ms,
    double? TimePerOutputTokenP50Ms,
    double? TimePerOutputTokenP95Ms);

/// <summary>
/// A run in equal stretches of time. At most 240: when the run grows past them, each two become one. So memory is
/// bounded (5 MB) however long the run. Not safe for concurrent callers.
/// </summary>
internal sealed class Timeline
{
    internal const int MaxStretches = 240;

    private readonly List<Stretch> _stretches = [];
    private int _inFlight;
    private int _waiting;

    /// <summary>Length of each stretch: a second, doubled as often as needed.</summary>
    public double StretchSeconds { get; private set; } = 1;

    public void Sent(double atSeconds)
    {
        At(atSeconds).Sent++;
        Gauge(atSeconds, inFlight: 1, waiting: 1);
    }

    /// <summary>The first piece of an answer came.</summary>
    public void Started(double atSeconds) => Gauge(atSeconds, inFlight: 0, waiting: -1);

    /// <param name="outcome">What came of the request.</param>
    /// <param name="started">Whether the first piece of its answer had come.</param>
    /// <param name="atSeconds">When it ended.</param>
    public void Ended(ReplayOutcome outcome, bool started, double atSeconds)
    {
        Gauge(atSeconds, inFlight: -1, waiting: started ? 0 : -1);
        Stretch stretch = At(atSeconds);
        if (outcome.End == ReplayEnd.Failed)
        {
            stretch.Failed++;
        }
        else if (outcome.End == ReplayEnd.Succeeded)
        {
            stretch.Succeeded++;
            stretch.InputTokens += outcome.InputTokens;
            stretch.OutputTokens += outcome.OutputTokens;
            Record(stretch.First, outcome.TimeToFirstTokenMs);
            Record(stretch.Each, outcome.TimePerOutputTokenMs);
        }
    }

    public TimelinePoint[] Points()
    {
        var points = new TimelinePoint[_stretches.Count];
        for (int i = 0; i < points.Length; i++)
        {
            points[i] = _stretches[i].ToPoint(i * StretchSeconds);
        }

        return points;
    }

    private static void Record(LatencyHistogram histogram, double? ms)
    {
        if (ms is { } value)
        {
            histogram.Record(value);
        }
    }

    private void Gauge(double atSeconds, int inFlight, int waiting)
    {
        // A new stretch begins with what the one before it left, so the change comes after.
        Stretch stretch = At(atSeconds);
        _inFlight += inFlight;
        _waiting += waiting;
        stretch.InFlight = Math.Max(stretch.InFlight, _inFlight);
        stretch.Waiting = Math.Max(stretch.Waiting, _waiting);
    }

    private Stretch At(double atSeconds)
    {
        while (atSeconds >= MaxStretches * StretchSeconds)
        {
            Halve();
        }

        int index = Math.Max(0, (int)(atSeconds / StretchSeconds));
        while (_stretches.Count <= index)
        {
            _stretches.Add(new Stretch { InFlight = _inFlight, Waiting = _waiting });
        }

        return _stretches[index];
    }

    private void Halve()
    {
        StretchSeconds *= 2;
        int kept = (_stretches.Count + 1) / 2;
        for (int i = 0; i < kept; i++)
        {
            Stretch joined = _stretches[2 * i];
            if (2 * i + 1 < _stretches.Count)
            {
                joined.Add(_stretches[2 * i + 1]);
            }

            _stretches[i] = joined;
        }

        _stretches.RemoveRange(kept, _stretches.Count - kept);
    }

    private sealed class Stretch
    {
        public long Sent { get; set; }

        public long Succeeded { get; set; }

        public long Failed { get; set; }

        public long InputTokens { get; set; }

        public long OutputTokens { get; set; }

        public int InFlight { get; set; }

        public int Waiting { get; set; }

        public LatencyHistogram First { get; } = new();

        public LatencyHistogram Each { get; } = new();

        public void Add(Stretch later)
        {
            Sent += later.Sent;
            Succeeded += later.Succeeded;
            Failed += later.Failed;
            InputTokens += later.InputTokens;
            OutputTokens += later.OutputTokens;
            InFlight = Math.Max(InFlight, later.InFlight);
            Waiting = Math.Max(Waiting, later.Waiting);
            First.Add(later.First);
            Each.Add(later.Each);
        }

        public TimelinePoint ToPoint(double startSeconds) => new(
            startSeconds, Sent, Succeeded, Failed, InputTokens, OutputTokens, InFlight, Waiting,
            At(First, 0.5), At(First, 0.95), At(Each, 0.5), At(Each, 0.95));

        private static double? At(LatencyHistogram histogram, double share) =>
            histogram.Count == 0 ? null : histogram.Percentile(share);
    }
}
