using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Workloads;

/// <summary>
/// Times between arrivals from a gamma distribution with a stated mean and coefficient of variation: 1 is Poisson, more
/// is bursty. Shape = 1 / cv^2.
/// </summary>
/// <remarks>Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26 (2000), with the
/// paper's section 6 for shapes below 1.</remarks>
internal sealed class GammaInterarrivals(double meanSeconds, double cv) : ISampled
{
    private readonly double _shape = 1 / (cv * cv);

    public double Draw(ref SplitMix64 draw)
    {
        double raised = _shape < 1 ? _shape + 1 : _shape;
        double value = OfShapeFromOne(raised, ref draw);
        if (_shape < 1)
        {
            value *= Math.Pow(1 - draw.NextDouble(), 1 / _shape);
        }

        return value * meanSeconds / _shape;
    }

    private static double OfShapeFromOne(double shape, ref SplitMix64 draw)
    {
        double d = shape - 1.0 / 3;
        double c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = LogNormal.StandardNormal(ref draw);
            double v = 1 + c * x;
            v = v * v * v;
            if (v > 0 && Math.Log(1 - draw.NextDouble()) < 0.5 * x * x + d - d * v + d * Math.Log(v))
            {
                return d * v;
            }
        }
    }
}
