using System.Collections.Immutable;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Workloads;

/// <summary>
/// A distribution given by its quantiles, straight lines between them: what published percentiles say, and nothing that
/// they do not.
/// </summary>
public sealed class Quantiles : ISampled
{
    private readonly ImmutableArray<(double Share, double Value)> _knots;

    /// <summary>Takes (percent, value) pairs from 0 to 100 percent, both rising.</summary>
    public Quantiles(params ReadOnlySpan<(double Percent, double Value)> knots)
    {
        if (knots.Length < 2 || knots[0].Percent != 0 || knots[^1].Percent != 100)
        {
            throw new ArgumentException("Quantiles start at 0 and end at 100 percent.", nameof(knots));
        }

        for (int i = 1; i < knots.Length; i++)
        {
            if (knots[i].Percent <= knots[i - 1].Percent || knots[i].Value < knots[i - 1].Value)
            {
                throw new ArgumentException("Quantiles rise.", nameof(knots));
            }
        }

        var shares = ImmutableArray.CreateBuilder<(double, double)>(knots.Length);
        foreach ((double percent, double value) in knots)
        {
            shares.Add((percent / 100, value));
        }

        _knots = shares.MoveToImmutable();
    }

    /// <summary>The mean of the distribution.</summary>
    public double Mean
    {
        get
        {
            double sum = 0;
            for (int i = 1; i < _knots.Length; i++)
            {
                sum += (_knots[i].Share - _knots[i - 1].Share) * (_knots[i].Value + _knots[i - 1].Value) / 2;
            }

            return sum;
        }
    }

    /// <summary>The value that the given share (0 to 1) of all draws does not pass.</summary>
    public double At(double share)
    {
        int i = 1;
        while (i < _knots.Length - 1 && _knots[i].Share < share)
        {
            i++;
        }

        (double s0, double v0) = _knots[i - 1];
        (double s1, double v1) = _knots[i];
        return v0 + (v1 - v0) * Math.Clamp((share - s0) / (s1 - s0), 0, 1);
    }

    public double Draw(ref SplitMix64 draw) => At(draw.NextDouble());
}
