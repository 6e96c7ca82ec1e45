using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>A place where replicas may stand. Sites are told by their position in the problem.</summary>
public sealed record PlacementSite
{
    public required string Id { get; init; }

    /// <summary>Bytes a second that its link has for weights; 0 where that is not limited.</summary>
    public double WeightBytesPerSecond { get; init; }

    /// <summary>Bytes of weights that are on their way there already.</summary>
    public double BacklogBytes { get; init; }

    /// <summary>Round-trip time from each client region, the site's own link included, in milliseconds; what it does
    /// not reach counts as none.</summary>
    public ImmutableArray<double> RoundTripMs { get; init; } = [];

    /// <summary>Share of each hour of the horizon in which its link is up; empty for all of it.</summary>
    public ImmutableArray<double> UpShareByHour { get; init; } = [];
}

/// <summary>Accelerators that replicas may be placed on.</summary>
public sealed record PlacementPool
{
    public required string Id { get; init; }

    /// <summary>Position of its site.</summary>
    public required int Site { get; init; }

    /// <summary>Type of the accelerator catalogue.</summary>
    public required string AcceleratorType { get; init; }

    /// <summary>Memory of one accelerator that an engine can use, in GB; 0 where it is not known, and not checked.
    /// </summary>
    public double UsableMemoryGb { get; init; }

    /// <summary>Accelerators that share one fast interconnect.</summary>
    public required int InterconnectDomain { get; init; }

    /// <summary>Accelerators there are in each hour of the horizon; the last entry holds for the hours after
    /// it.</summary>
    public required ImmutableArray<int> AvailableByHour { get; init; }

    /// <summary>Accelerators that others hold by lease, in the same form; empty for none.</summary>
    public ImmutableArray<int> LeasedToOthersByHour { get; init; } = [];

    /// <summary>Concentration groups it falls with, its provider among them.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>US dollars that one accelerator costs more per hour when it is used; 0 where it is paid for anyway.
    /// </summary>
    public double UsdPerAcceleratorHour { get; init; }
}

/// <summary>One way to run a version on one type of accelerator.</summary>
public sealed record PlacementBuild
{
    public required string Id { get; init; }

    public required string AcceleratorType { get; init; }

    public required int AcceleratorsPerReplica { get; init; }

    /// <summary>Memory that a replica needs, over its accelerators, in GB.</summary>
    public double MemoryGb { get; init; }

    /// <summary>Uncached prompt tokens a second of one replica that does nothing else.</summary>
    public required double PrefillTokensPerSecond { get; init; }

    /// <summary>Output tokens a second of one replica that does nothing else.</summary>
    public required double DecodeTokensPerSecond { get; init; }

    /// <summary>Seconds from its start, weights at hand, until it can serve.</summary>
    public double StartSeconds { get; init; }

    public int MaxConcurrency { get; init; } = 256;
}

/// <summary>Where one residency policy lets replicas stand.</summary>
/// <param name="Id">The policy.</param>
/// <param name="Sites">By site.</param>
public sealed record PlacementMarket(string Id, ImmutableArray<bool> Sites);

/// <summary>A model version, and what is owed to it.</summary>
public sealed record PlacementVersion
{
    public required string Model { get; init; }

    public required string Version { get; init; }

    /// <summary>Share of the model's demand that it serves, 0 to 1.</summary>
    public double Share { get; init; } = 1;

    public double WeightsBytes { get; init; }

    public required ImmutableArray<PlacementBuild> Builds { get; init; }

    /// <summary>Whether export rules let its weights be at each site.</summary>
    public required ImmutableArray<bool> MayRun { get; init; }

    public int MinimumReplicas { get; init; }

    public int MinimumGroups { get; init; } = 1;

    public ImmutableArray<PlacementMarket> Markets { get; init; } = [];

    public double Weight { get; init; } = 1;

    /// <summary>Time to first token that it is placed for; where the round trip alone takes longer nobody is served.
    /// </summary>
    public double TimeToFirstTokenMs { get; init; } = 2000;
}

/// <summary>What is asked of a model by clients of one region whose data may go to the same places.</summary>
public sealed record PlacementDemand
{
    public required string Model { get; init; }

    /// <summary>Position of the region; negative where it is not known.</summary>
    public int Region { get; init; } = -1;

    /// <summary>Region and residency, for people.</summary>
    public required string Label { get; init; }

    /// <summary>Whether residency lets each site serve it.</summary>
    public required ImmutableArray<bool> MayServe { get; init; }

    /// <summary>Uncached prompt tokens a second in each hour of the horizon; the last entry holds on.</summary>
    public required ImmutableArray<double> InputTokensPerSecond { get; init; }

    /// <summary>Output tokens a second in each hour of the horizon; the last entry holds on.</summary>
    public required ImmutableArray<double> OutputTokensPerSecond { get; init; }
}

/// <summary>Capacity for a model that placement does not decide about: a deployment of the fleet file, an API account.
/// </summary>
public sealed record FixedService(
    string Model, int Site, double PrefillTokensPerSecond, double DecodeTokensPerSecond);

/// <summary>How many accelerators more may be placed in a concentration group.</summary>
public sealed record GroupRoom(string Group, double Accelerators);

/// <summary>A pool on which nothing more of a version is started now, because what was started there failed. What
/// stands there stays.</summary>
public readonly record struct PoolBar(string Model, string Version, string Pool);

/// <summary>
/// What placement decides on, frozen: nothing in it changes during a step, and parts that are the same object as in the
/// step before are not looked at anew.
/// </summary>
public sealed record PlacementProblem
{
    /// <summary>Wall time at which hour 0 of the horizon begins.</summary>
    public required long StartUnixMs { get; init; }

    public ImmutableArray<PlacementSite> Sites { get; init; } = [];

    public ImmutableArray<PlacementPool> Pools { get; init; } = [];

    public ImmutableArray<PlacementVersion> Versions { get; init; } = [];

    public ImmutableArray<PlacementDemand> Demands { get; init; } = [];

    public ImmutableArray<FixedService> Fixed { get; init; } = [];

    /// <summary>Groups without an entry are not bounded.</summary>
    public ImmutableArray<GroupRoom> Rooms { get; init; } = [];

    /// <summary>Where which version is not started now.</summary>
    public ImmutableArray<PoolBar> Barred { get; init; } = [];

    /// <summary>Horizon, prices of change, dwell.</summary>
    public PlacementConfig Terms { get; init; } = new();
}
