using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Workloads;

/// <summary>A distribution that values are drawn from.</summary>
public interface ISampled
{
    /// <summary>The next value of a stream of draws.</summary>
    double Draw(ref SplitMix64 draw);
}
