namespace Forebay.Core.Serving.Health;

/// <summary>
/// The time to first token that a deployment usually needs without load, as a line over uncached prompt tokens:
/// <c>T0(u) = a + c u</c>. Both parameters follow the median by online quantile regression in the log domain (the
/// pinball loss of Koenker and Bassett 1978, by stochastic gradient): a sample moves the line by a bounded step, so one
/// absurd time does not, and long prompts move its slope, short ones its foot. Not safe for concurrent callers.
/// </summary>
/// <remarks>
/// Times measured under load may lower the line but raise it only very slowly, or an overload that lasts would become
/// what is usual.
/// </remarks>
internal sealed class LatencyBaseline
{
    private const double LeastStep = 0.03;

    /// <summary>Under load it at most doubles in an hour.</summary>
    private const double LoadedRisePerNs = 0.693 / (3600.0 * Time.Instant.NsPerSecond);

    private const int Bootstrap = 8;

    private double _lnFoot;
    private double _lnSlope;
    private int _samples;
    private long _lastNs;

    /// <summary>Whether anything is known.</summary>
    public bool IsKnown => _samples > 0;

    /// <summary>Seconds to first token without load; meaningless before the first sample.</summary>
    public double SecondsFor(long uncachedTokens) =>
        Math.Exp(_lnFoot) + Math.Exp(_lnSlope) * Math.Clamp(uncachedTokens, 0, 100_000_000);

    /// <summary>Takes a sample in.</summary>
    /// <param name="seconds">Time to first token.</param>
    /// <param name="uncachedTokens">Prompt tokens computed for it.</param>
    /// <param name="loaded">Whether the deployment was busy meanwhile.</param>
    /// <param name="nowNs">The present.</param>
    public void Learn(double seconds, long uncachedTokens, bool loaded, long nowNs)
    {
        double elapsedNs = Math.Max(0, (double)nowNs - _lastNs);
        _lastNs = nowNs;
        double tokens = Math.Clamp(uncachedTokens, 0, 100_000_000);
        seconds = Math.Clamp(seconds, 1e-6, 36_000);
        if (_samples == 0)
        {
            _lnFoot = Math.Log(seconds / 2);
            _lnSlope = Math.Log(seconds / 2 / Math.Max(tokens, 16));
            _samples = 1;
            return;
        }

        double foot = Math.Exp(_lnFoot);
        double sloped = Math.Exp(_lnSlope) * tokens;
        double whole = foot + sloped;
        double step = Math.Max(LeastStep, 0.7 / Math.Sqrt(_samples));
        if (seconds > whole)
        {
            step = loaded && _samples >= Bootstrap ? Math.Min(step, elapsedNs * LoadedRisePerNs) : step;
        }
        else
        {
            step = -step;
        }

        _lnFoot = Math.Clamp(_lnFoot + step * foot / whole, -14, 10);
        _lnSlope = Math.Clamp(_lnSlope + step * sloped / whole, -25, 3);
        _samples = Math.Min(_samples + 1, 1 << 20);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear() => _samples = 0;
}
