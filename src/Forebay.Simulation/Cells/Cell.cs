using Forebay.Core.Serving.Engine;
using Forebay.Simulation.Events;

namespace Forebay.Simulation.Cells;

/// <summary>What is left of a cell when it has run.</summary>
/// <param name="Digest">Over every event, in order: equal for equal runs.</param>
/// <param name="Events">Events handled.</param>
/// <param name="Engines">Counters of the engines by deployment, in the order of the model's list.</param>
public sealed record CellEnd(ulong Digest, long Events, IReadOnlyList<EngineCounters[]> Engines);

/// <summary>A cell: arrivals, the gateway's decisions, links and engines, in virtual time.</summary>
public static class Cell
{
    /// <summary>Runs a cell to its end. O(log n) per event, plus what the router and the engines cost.</summary>
    /// <param name="spec">What to run.</param>
    /// <param name="observer">Who watches.</param>
    public static CellEnd Run(CellSpec spec, ICellObserver observer)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var loop = new EventLoop(spec.StartWallUnixMs);
        var gateway = new SimulatedGateway(spec, loop, observer);
        loop.Run();
        return new CellEnd(
            loop.Digest,
            loop.Handled,
            [.. gateway.Deployments.Select(d => d.Engines.Select(e => e.Counters).ToArray())]);
    }
}
