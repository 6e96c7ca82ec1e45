using Forebay.Core.Time;

namespace Forebay.Core.Serving.Health;

/// <summary>
/// How many requests a deployment is given at once, found from its answers: an adaptation of Netflix's
/// concurrency-limits (Gradient2Limit and AIMDLimit). It starts unlimited, so that what is configured holds until there
/// is evidence; a window of answers that are slow against the <see cref="LatencyBaseline"/> shrinks it by the
/// gradient, a refusal for capacity (429, 503, 529) multiplicatively, and windows that used the limit and were quick
/// let it grow by half its square root. Never above what is configured, never below the floor.
/// </summary>
/// <remarks>
/// Two things differ from the original. The latency is the median of a window, each sample over what its own prompt
/// should take, so that a change of the mix is no congestion. And only answers to requests that entered after the last
/// change count, so that one congestion is answered once (as TCP does, RFC 6582): a hundred refusals of one moment are
/// one. Safe for concurrent callers; a sample costs a short lock and no allocation.
/// </remarks>
public sealed class ConcurrencyLimit
{
    private const int MinSamples = 10;
    private const int MaxSamples = 64;
    private const double UsedShare = 0.8;
    private const double RefusalFactor = 0.7;
    private const double SlowdownWeight = 0.1;
    private const long WindowNs = Instant.NsPerSecond / 2;

    private readonly Lock _lock = new();
    private readonly LatencyBaseline _baseline = new();
    private readonly double[] _ratios = new double[MaxSamples];
    private readonly double[] _sorted = new double[MaxSamples];
    private double _limit = double.PositiveInfinity;
    private int _whole = int.MaxValue;
    /// <summary>When the limit was cut last: refusals of what entered before are the same congestion.</summary>
    private long _cutNs = long.MinValue;

    /// <summary>When the last window was decided: only what entered since shows what it did.</summary>
    private long _decidedNs = long.MinValue;
    private long _windowNs = long.MinValue;
    private int _samples;
    private int _plain;
    private int _peak;
    private double _lnSlowdown;
    private int _slowdowns;

    /// <summary>Places under what is configured.</summary>
    public int Within(int configured) => Math.Min(configured, Volatile.Read(ref _whole));

    /// <summary>How many times its usual time to first token the deployment takes now, with little to do: a moving
    /// geometric mean; 1 when nothing is known.</summary>
    public double Slowdown
    {
        get
        {
            lock (_lock)
            {
                return Math.Exp(_lnSlowdown);
            }
        }
    }

    /// <summary>Samples that <see cref="Slowdown"/> rests on.</summary>
    public int SlowdownSamples
    {
        get
        {
            lock (_lock)
            {
                return _slowdowns;
            }
        }
    }

    /// <summary>A first token came.</summary>
    /// <param name="ttftNs">From the request sent to its first token.</param>
    /// <param name="uncachedTokens">Prompt tokens that were not in a cache, as far as known.</param>
    /// <param name="inFlight">Requests at the deployment now, this one included.</param>
    /// <param name="enteredNs">When the request got its place.</param>
    /// <param name="nowNs">The present.</param>
    /// <param name="configured">Most places configured.</param>
    /// <param name="rules">The rules in force.</param>
    /// <param name="adaptive">False only measures, and gives back what was taken.</param>
    public void FirstToken(
        long ttftNs,
        long uncachedTokens,
        int inFlight,
        long enteredNs,
        long nowNs,
        int configured,
        HealthRulesConfig rules,
        bool adaptive = true)
    {
        double seconds = Math.Max(0, ttftNs) / (double)Instant.NsPerSecond;
        lock (_lock)
        {
            double limit = Math.Min(_limit, configured);
            bool loaded = inFlight > Math.Max(Floor(configured, rules), limit / 16);
            double ratio = _baseline.IsKnown ? seconds / Allowed(uncachedTokens, rules) : 1;
            _baseline.Learn(seconds, uncachedTokens, loaded, nowNs);
            NoteSlowdown(seconds / _baseline.SecondsFor(uncachedTokens), inFlight, configured, rules);
            if (!adaptive)
            {
                Set(double.PositiveInfinity, configured, rules);
                return;
            }

            if (enteredNs < _decidedNs)
            {
                return;
            }

            Open(nowNs, inFlight);
            _ratios[_samples % MaxSamples] = ratio;
            _samples++;
            if (_samples >= MinSamples && nowNs - _windowNs >= WindowNs)
            {
                Close(Median(), nowNs, configured, rules);
            }
        }
    }

    /// <summary>An answer came whose first token was not seen; where there are no others, enough of them let the limit
    /// grow.</summary>
    public void Answered(int inFlight, long enteredNs, long nowNs, int configured, HealthRulesConfig rules)
    {
        if (Volatile.Read(ref _whole) == int.MaxValue)
        {
            return;
        }

        lock (_lock)
        {
            if (enteredNs < _decidedNs)
            {
                return;
            }

            Open(nowNs, inFlight);
            _plain++;
            if (_samples == 0 && _plain >= MinSamples && nowNs - _windowNs >= WindowNs)
            {
                Close(0, nowNs, configured, rules);
            }
        }
    }

    /// <summary>The deployment refused a request for want of capacity.</summary>
    /// <returns>Whether the limit changed: not when it was cut already since the request entered.</returns>
    public bool Refused(int inFlight, long enteredNs, long nowNs, int configured, HealthRulesConfig rules)
    {
        lock (_lock)
        {
            if (enteredNs < _cutNs)
            {
                return false;
            }

            // What was in flight is the evidence, but one stray refusal does not take more than half.
            double limit = Math.Min(_limit, configured);
            double next = Math.Max(limit / 2, RefusalFactor * Math.Min(limit, Math.Max(1, inFlight)));
            Set(next, configured, rules);
            _cutNs = nowNs;
            Begin(nowNs);
            return true;
        }
    }

    /// <summary>Begins to measure the slowdown anew: the deployment comes back.</summary>
    public void ForgetSlowdown()
    {
        lock (_lock)
        {
            _lnSlowdown = 0;
            _slowdowns = 0;
        }
    }

    /// <summary>Forgets everything: the endpoint is another one.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _baseline.Clear();
            _limit = double.PositiveInfinity;
            Volatile.Write(ref _whole, int.MaxValue);
            _cutNs = _decidedNs = long.MinValue;
            _windowNs = long.MinValue;
            _samples = _plain = _peak = _slowdowns = 0;
            _lnSlowdown = 0;
        }
    }

    /// <summary>Slow under load is for the limit to mend; slow with little to do is a fault.</summary>
    private void NoteSlowdown(double ratio, int inFlight, int configured, HealthRulesConfig rules)
    {
        if (inFlight <= Math.Max(Floor(configured, rules), configured / 8.0))
        {
            _lnSlowdown += SlowdownWeight * (Math.Log(Math.Clamp(ratio, 0.01, 1e4)) - _lnSlowdown);
            _slowdowns = Math.Min(_slowdowns + 1, 1 << 20);
        }
    }

    private static double Floor(int configured, HealthRulesConfig rules) => Math.Min(rules.MinConcurrency, configured);

    /// <summary>A ratio of the tolerance then means <c>tolerance x T0 + slack</c>.</summary>
    private double Allowed(long uncachedTokens, HealthRulesConfig rules) =>
        _baseline.SecondsFor(uncachedTokens) + rules.LatencySlackSeconds / rules.LatencyTolerance;

    private void Open(long nowNs, int inFlight)
    {
        if (_windowNs == long.MinValue)
        {
            _windowNs = nowNs;
        }

        _peak = Math.Max(_peak, inFlight);
    }

    private void Close(double ratio, long nowNs, int configured, HealthRulesConfig rules)
    {
        double limit = Math.Min(_limit, configured);
        double gradient = ratio <= rules.LatencyTolerance ? 1 : Math.Max(0.5, rules.LatencyTolerance / ratio);
        if (gradient < 1)
        {
            // Where fewer are in flight than the limit, the limit is not what keeps them few.
            double basis = Math.Min(limit, Math.Max(_peak, Floor(configured, rules)));
            Set(basis * gradient, configured, rules);
            _cutNs = nowNs;
        }
        else if (_peak >= UsedShare * limit && !double.IsPositiveInfinity(_limit))
        {
            Set(limit + Math.Max(1, Math.Sqrt(limit) / 2), configured, rules);
        }

        else
        {
            // Nothing changed: what is under way shows as much as what comes.
            Begin(_decidedNs);
            return;
        }

        Begin(nowNs);
    }

    private void Set(double limit, int configured, HealthRulesConfig rules)
    {
        double next = Math.Max(Floor(configured, rules), limit);
        _limit = next >= configured ? double.PositiveInfinity : next;
        Volatile.Write(ref _whole, double.IsPositiveInfinity(_limit) ? int.MaxValue : (int)_limit);
    }

    private void Begin(long nowNs)
    {
        _decidedNs = nowNs;
        _windowNs = long.MinValue;
        _samples = 0;
        _plain = 0;
        _peak = 0;
    }

    private double Median()
    {
        int count = Math.Min(_samples, MaxSamples);
        Array.Copy(_ratios, _sorted, count);
        Array.Sort(_sorted, 0, count);
        return _sorted[count / 2];
    }
}
