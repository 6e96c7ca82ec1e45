using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Workloads;

/// <summary>
/// A lognormal distribution, cut to a range: values beyond it count as its ends. It has heavy tails as token lengths
/// do, and a published median and mean (or one more percentile) are all that it takes.
/// </summary>
public sealed class LogNormal : ISampled
{
    /// <summary>The 90th percentile of the standard normal distribution.</summary>
    private const double Normal90 = 1.2815515655446004;

    private readonly double _logMedian;
    private readonly double _least;
    private readonly double _most;

    private LogNormal(double median, double sigma, double least, double most)
    {
        (_logMedian, Sigma, _least, _most) = (Math.Log(median), sigma, least, most);
    }

    /// <summary>Standard deviation of the logarithm.</summary>
    public double Sigma { get; }

    /// <summary>The one with a median and a mean: mean = median * exp(sigma^2 / 2).</summary>
    public static LogNormal OfMedianAndMean(double median, double mean, double least, double most)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(median);
        ArgumentOutOfRangeException.ThrowIfLessThan(mean, median);
        return new LogNormal(median, Math.Sqrt(2 * Math.Log(mean / median)), least, most);
    }

    /// <summary>The one with a median and a 90th percentile.</summary>
    public static LogNormal OfMedianAndP90(double median, double p90, double least, double most)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(median);
        ArgumentOutOfRangeException.ThrowIfLessThan(p90, median);
        return new LogNormal(median, Math.Log(p90 / median) / Normal90, least, most);
    }

    public double Draw(ref SplitMix64 draw) =>
        Math.Clamp(Math.Exp(_logMedian + Sigma * StandardNormal(ref draw)), _least, _most);

    /// <summary>One draw from the standard normal distribution (Box and Muller, 1958).</summary>
    internal static double StandardNormal(ref SplitMix64 draw)
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - draw.NextDouble()));
        return radius * Math.Cos(2 * Math.PI * draw.NextDouble());
    }
}
