using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>
/// What a fleet can do of a trace: the prompt and output tokens it works off each second while there is always more
/// waiting. The whole trace arrives at once, in its order, and is routed to the least loaded; what counts is the time
/// between the ends of the first and the last tenth of its tokens, so that neither filling nor draining counts.
/// </summary>
public static class CellCapacity
{
    private const double Edge = 0.1;

    /// <summary>Prompt and output tokens per second, saturated.</summary>
    public static double TokensPerSecond(CellFleet fleet, CellTrace trace)
    {
        ArgumentNullException.ThrowIfNull(trace);
        CellArrival[] arrivals = trace.Arrivals(seed: 0, double.PositiveInfinity);
        var tally = new CellTally(arrivals);
        Cell.Run(new CellSpec { Fleet = fleet, Arrivals = arrivals }, tally);
        (long EndNs, double Tokens)[] ends =
        [
            .. tally.Times
                .Select((t, i) => (t.FinishedNs, (double)arrivals[i].Request.InputTokens + t.OutputTokens))
                .OrderBy(e => e.FinishedNs),
        ];
        double all = ends.Sum(e => e.Tokens);
        double seen = 0, counted = 0;
        long fromNs = 0, toNs = 0;
        foreach ((long endNs, double tokens) in ends)
        {
            seen += tokens;
            if (seen <= Edge * all)
            {
                fromNs = endNs;
            }
            else if (seen <= (1 - Edge) * all)
            {
                counted += tokens;
                toNs = endNs;
            }
        }

        // A trace of a few requests has no middle: then the whole of it counts.
        return toNs > fromNs
            ? counted / (toNs - fromNs) * Instant.NsPerSecond
            : all / Math.Max(1, ends[^1].EndNs) * Instant.NsPerSecond;
    }
}
