namespace Forebay.Core.Serving.Routing;

/// <summary>
/// A time that depends on two loads, learned from what is observed: <c>y = a + b x1 + c x2</c>, tracked by a Kalman
/// filter whose state drifts (recursive least squares that forgets; Ljung, System Identification, 2nd ed., ch. 11), so
/// that it follows a deployment whose speed changes and keeps what it knew of loads not seen lately. Begins at a prior.
/// Observing takes a short lock and no memory; predicting reads three numbers.
/// </summary>
public sealed class SpeedEstimate
{
    /// <summary>Drift of a coefficient per observation, as a share of it.</summary>
    private const double Drift = 0.02;

    /// <summary>Noise of an observation, as a share of it.</summary>
    private const double Noise = 0.25;

    private readonly Lock _lock = new();
    private readonly double[,] _p = new double[3, 3];
    private readonly double[] _prior;
    private readonly double _trust;
    private readonly double[] _x = new double[3];
    private double _a;
    private double _b;
    private double _c;
    private long _observations;

    /// <param name="a">Prior of the part that is always there, in nanoseconds.</param>
    /// <param name="b">Prior of the time per unit of the first load.</param>
    /// <param name="c">Prior of the time per unit of the second.</param>
    /// <param name="trust">How well the prior is known: the share by which it may be off.</param>
    public SpeedEstimate(double a, double b, double c, double trust)
    {
        (_a, _b, _c) = (a, b, c);
        _prior = [a, b, c];
        _trust = trust;
        for (int i = 0; i < 3; i++)
        {
            _p[i, i] = Square(trust * Scale(i));
        }
    }

    /// <summary>What has been learned from.</summary>
    public long Observations => Volatile.Read(ref _observations);

    /// <summary>The coefficients in force.</summary>
    public (double A, double B, double C) Coefficients => (_a, _b, _c);

    /// <summary>The time to expect under two loads, in nanoseconds.</summary>
    public double At(double first, double second) => _a + _b * first + _c * second;

    /// <summary>Learns from one observation. What is far off counts less, so that one stall does not mark a deployment
    /// as slow.</summary>
    public void Observe(double first, double second, double observedNs)
    {
        if (!(observedNs >= 0) || !double.IsFinite(first) || !double.IsFinite(second))
        {
            return;
        }

        lock (_lock)
        {
            (_x[0], _x[1], _x[2]) = (1, first, second);
            double expected = At(first, second);
            double error = observedNs - expected;
            double noise = Square(Noise * Math.Max(expected, observedNs) + 1e6);
            double variance = noise;
            Span<double> gain = stackalloc double[3];
            for (int i = 0; i < 3; i++)
            {
                _p[i, i] += Square(Drift * Scale(i));
                Bound(i, Square(Math.Max(20, _trust) * Scale(i)));
            }

            for (int i = 0; i < 3; i++)
            {
                gain[i] = _p[i, 0] * _x[0] + _p[i, 1] * _x[1] + _p[i, 2] * _x[2];
            }

            for (int i = 0; i < 3; i++)
            {
                variance += _x[i] * gain[i];
            }

            variance = Math.Max(variance, noise);

            // Huber's rule: an error beyond two deviations moves the estimate no further than one of two would.
            double bound = 2 * Math.Sqrt(variance);
            Correct(gain, variance, Math.Clamp(error, -bound, bound));
            Volatile.Write(ref _observations, _observations + 1);
        }
    }

    /// <summary>Time passes without an observation: what seemed slower than it should be seems less so, and less is
    /// certain, so that a deployment that was slow once is tried again.</summary>
    /// <param name="share">Part of the way back to the prior.</param>
    public void Relax(double share)
    {
        lock (_lock)
        {
            _a -= share * Math.Max(0, _a - _prior[0]);
            _b -= share * Math.Max(0, _b - _prior[1]);
            _c -= share * Math.Max(0, _c - _prior[2]);
            for (int i = 0; i < 3; i++)
            {
                _p[i, i] += Square(share * Scale(i));
                Bound(i, Square(Math.Max(1, _trust) * Scale(i)));
            }
        }
    }

    /// <summary>Keeps a variance below a bound, its covariances with it: a variance alone made smaller would leave a
    /// matrix that is no covariance.</summary>
    private void Bound(int i, double most)
    {
        if (_p[i, i] <= most)
        {
            return;
        }

        double by = Math.Sqrt(most / _p[i, i]);
        for (int j = 0; j < 3; j++)
        {
            _p[i, j] *= by;
            _p[j, i] *= by;
        }
    }

    /// <summary>What a coefficient is like: the larger of prior and present.</summary>
    private double Scale(int i) => Math.Max(Math.Max(_prior[i], i == 0 ? _a : i == 1 ? _b : _c), i == 0 ? 1 : 1e-3);

    private void Correct(ReadOnlySpan<double> gain, double variance, double error)
    {
        _a = Math.Max(0, _a + gain[0] / variance * error);
        _b = Math.Max(0, _b + gain[1] / variance * error);
        _c = Math.Max(0, _c + gain[2] / variance * error);
        for (int i = 0; i < 3; i++)
        {
            for (int j = 0; j < 3; j++)
            {
                _p[i, j] -= gain[i] * gain[j] / variance;
            }
        }

        for (int i = 0; i < 3; i++)
        {
            // Rounding must not make a variance negative.
            _p[i, i] = Math.Max(_p[i, i], 1e-6 * Square(Scale(i)));
        }
    }

    private static double Square(double x) => x * x;
}
