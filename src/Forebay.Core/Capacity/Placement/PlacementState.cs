using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>Where a replica is in its life, as far as placement cares.</summary>
public enum ReplicaPhase : byte
{
    /// <summary>Waits for its weights.</summary>
    Transferring,

    /// <summary>Its engine starts.</summary>
    Warming,

    /// <summary>It serves.</summary>
    Ready,

    /// <summary>It finishes what it has, holding its accelerators.</summary>
    Draining,
}

/// <summary>A replica that holds accelerators now.</summary>
public sealed record PlacementReplica
{
    public required string Id { get; init; }

    public required string Model { get; init; }

    public required string Version { get; init; }

    public required string Build { get; init; }

    public required string Pool { get; init; }

    public required ReplicaPhase Phase { get; init; }

    /// <summary>Accelerators it holds by lease.</summary>
    public required int LeasedAccelerators { get; init; }

    /// <summary>Wall time at which it was started.</summary>
    public required long StartedUnixMs { get; init; }

    /// <summary>Wall time at which it is thought to serve, where somebody knows; else by its build's times.</summary>
    public long? ReadyUnixMs { get; init; }
}

/// <summary>A version's weights that stand complete at a site.</summary>
public readonly record struct HeldWeights(string Model, string Version, string Site);

/// <summary>Accelerators that others drain for a version.</summary>
/// <param name="Pool">Where.</param>
/// <param name="Model">Whose.</param>
/// <param name="Version">Whose.</param>
/// <param name="Build">What is to run there.</param>
/// <param name="ExpiresUnixMs">Wall time at which it is void.</param>
public readonly record struct PlacementPromise(
    string Pool, string Model, string Version, string Build, long ExpiresUnixMs);

/// <summary>What stands now.</summary>
public sealed record PlacementState
{
    public static PlacementState Empty { get; } = new();

    public ImmutableArray<PlacementReplica> Replicas { get; init; } = [];

    /// <summary>Weights that need no transfer, beside those of replicas that warm or serve.</summary>
    public ImmutableArray<HeldWeights> Held { get; init; } = [];

    /// <summary><see cref="PlacementPlan.Promises"/> of the step before.</summary>
    public ImmutableArray<PlacementPromise> Promises { get; init; } = [];
}
