using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Placement;

/// <summary>What is to happen with a replica.</summary>
public enum PlacementAction : byte
{
    Keep,
    Start,
    Drain,
}

/// <summary>Why.</summary>
public enum PlacementCause : byte
{
    /// <summary>Kept: draining it would not gain what a change costs.</summary>
    Serves,

    /// <summary>Kept for now: it may go, but was started too short a time ago.</summary>
    Dwells,

    /// <summary>Kept or started for the minimum, its spread or a market.</summary>
    Minimum,

    /// <summary>Started: demand would else go unserved.</summary>
    Demand,

    /// <summary>Drained: what it serves is worth less than what it holds.</summary>
    Surplus,

    /// <summary>Drained: another version gains more from its accelerators.</summary>
    GivesWay,

    /// <summary>Drained: its pool has no accelerators for it from now or soon on.</summary>
    CapacityEnds,

    /// <summary>Drained: export rules no longer let it stand there.</summary>
    Export,

    /// <summary>Drained: its version, build or pool is not there any more, or does not go together.</summary>
    Withdrawn,

    /// <summary>Draining already.</summary>
    Draining,
}

/// <summary>What a decision was made on. Money in US dollars over the horizon, hours ahead discounted by their
/// half-life.
/// </summary>
/// <param name="ServedUsd">Worth of what one replica serves that would else go unserved.</param>
/// <param name="HoldUsd">Price of its accelerators and what they are worth to others.</param>
/// <param name="ChangeUsd">Cost of the change.</param>
/// <param name="RoundTripMs">Way to its users, weighed by demand.</param>
/// <param name="TransferSeconds">Until the weights are there.</param>
/// <param name="StartSeconds">From then until it serves.</param>
public readonly record struct PlacementTerms(
    double ServedUsd,
    double HoldUsd,
    double ChangeUsd,
    double RoundTripMs,
    double TransferSeconds,
    double StartSeconds)
{
    /// <summary>What is left.</summary>
    public double NetUsd => ServedUsd - HoldUsd - ChangeUsd;
}

/// <summary>One decision about one replica.</summary>
public sealed record PlacementDecision
{
    public required PlacementAction Action { get; init; }

    public required PlacementCause Cause { get; init; }

    public required string ReplicaId { get; init; }

    public required string Model { get; init; }

    public required string Version { get; init; }

    public required string Build { get; init; }

    public required string Pool { get; init; }

    /// <summary>Accelerators it runs on.</summary>
    public int Accelerators { get; init; }

    /// <summary>Accelerators it holds by lease: where its gang does not divide its interconnect domain, the rest of its
    /// part of the domain too.</summary>
    public int LeasedAccelerators { get; init; }

    /// <summary>Most requests in flight in it.</summary>
    public int MaxConcurrency { get; init; }

    /// <summary>Wall time until which its pool has accelerators for it, as far as the horizon goes.</summary>
    public long LeaseUntilUnixMs { get; init; }

    /// <summary>For what one replica of the batch decided together brings and costs.</summary>
    public PlacementTerms Terms { get; init; }
}

/// <summary>What keeps a pool from holding a replica of a version, in the order asked; a later one is nearer to a yes.
/// </summary>
public enum PlacementExclusion : byte
{
    /// <summary>No build for its accelerators.</summary>
    Accelerator,

    /// <summary>A replica needs more memory than its accelerators have.</summary>
    Memory,

    /// <summary>The gang is larger than an interconnect domain.</summary>
    Domain,

    /// <summary>Export rules.</summary>
    Export,

    /// <summary>Residency lets no class of the demand be served there.</summary>
    Residency,

    /// <summary>The way to the users takes longer than the time to first token.</summary>
    Latency,

    /// <summary>What was started there failed a short time ago.</summary>
    Failing,

    /// <summary>Accelerators are all leased, or leave too soon.</summary>
    Full,

    /// <summary>A concentration group has no room.</summary>
    Concentration,

    /// <summary>It would not gain what it costs.</summary>
    Cost,

    /// <summary>It would not serve before the hours in question are over.</summary>
    Start,

    /// <summary>Nothing: it could still be used, in another step.</summary>
    None,
}

/// <summary>How many pools one reason kept out.</summary>
public readonly record struct ExcludedPools(PlacementExclusion Reason, int Pools);

/// <summary>Demand that stays unserved.</summary>
/// <param name="Model">The model.</param>
/// <param name="Version">The version.</param>
/// <param name="Label">Region and residency.</param>
/// <param name="Share">Share of the class's demand over the horizon, 0 to 1.</param>
/// <param name="PeakReplicas">Replicas of the best build that are missing in the worst hour.</param>
/// <param name="PeakHour">Which hour of the horizon that is.</param>
/// <param name="Binding">The last thing that kept the nearest pool out.</param>
/// <param name="Excluded">Pools by what kept them out.</param>
public sealed record UnmetDemand(
    string Model,
    string Version,
    string Label,
    double Share,
    double PeakReplicas,
    int PeakHour,
    PlacementExclusion Binding,
    ImmutableArray<ExcludedPools> Excluded);

/// <summary>A minimum that is not kept.</summary>
/// <param name="Model">The model.</param>
/// <param name="Version">The version.</param>
/// <param name="What">What is missing, in words.</param>
/// <param name="Binding">The last thing that kept the nearest pool out.</param>
/// <param name="Excluded">Pools by what kept them out.</param>
public sealed record UnmetMinimum(
    string Model, string Version, string What, PlacementExclusion Binding, ImmutableArray<ExcludedPools> Excluded);

/// <summary>All that a step decided.</summary>
public sealed record PlacementPlan
{
    /// <summary>Drains first, then starts, then what is kept.</summary>
    public required ImmutableArray<PlacementDecision> Decisions { get; init; }

    public required ImmutableArray<UnmetDemand> Unmet { get; init; }

    public required ImmutableArray<UnmetMinimum> UnmetMinimums { get; init; }

    /// <summary>To be handed to the next step: for whom accelerators are being drained.</summary>
    public required ImmutableArray<PlacementPromise> Promises { get; init; }

    /// <summary>Worth of all that is served less prices and changes, in US dollars over the horizon: what the step
    /// makes as large as it can.</summary>
    public required double ObjectiveUsd { get; init; }

    /// <summary>Share of all demand over the horizon that is served, hours ahead discounted; 1 where there is none.
    /// </summary>
    public required double ServedShare { get; init; }

    public IEnumerable<PlacementDecision> Starts => Decisions.Where(d => d.Action == PlacementAction.Start);

    public IEnumerable<PlacementDecision> Drains => Decisions.Where(d => d.Action == PlacementAction.Drain);
}
