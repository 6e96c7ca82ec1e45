using Forebay.Core.Serving.Routing;

namespace Forebay.Simulation.Cells;

/// <summary>What one cell runs.</summary>
public sealed record CellSpec
{
    public required CellFleet Fleet { get; init; }

    /// <summary>Requests in order of arrival.</summary>
    public required CellArrival[] Arrivals { get; init; }

    public CellPolicy Policy { get; init; } = new(RoutingPolicy.LeastLoaded);

    /// <summary>What the policies draw from.</summary>
    public ulong Seed { get; init; }

    /// <summary>Most requests waiting for a place.</summary>
    public int MaxWaiting { get; init; } = int.MaxValue;

    /// <summary>Longest wait for a place.</summary>
    public double MaxWaitSeconds { get; init; } = double.PositiveInfinity;

    /// <summary>How often output is charged to its tenant while it streams, in milliseconds; 0 for with its last token
    /// alone, which is enough where one tenant waits. The live gateway charges with every piece that it relays.
    /// </summary>
    public double ProgressMs { get; init; }

    /// <summary>Whether the router is told what the engines report, at each deployment's probe interval.</summary>
    public bool EngineReports { get; init; } = true;

    /// <summary>Wall time at virtual time zero: 2026-01-01.</summary>
    public long StartWallUnixMs { get; init; } = 1_767_225_600_000;
}
