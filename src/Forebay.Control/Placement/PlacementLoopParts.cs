using System.Collections.Immutable;
using Forebay.Control.Capacity;
using Forebay.Control.Replicas;
using Forebay.Control.Withdrawals;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Versions;
using Forebay.Core.Usage;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Placement;

/// <summary>What the loop works with.</summary>
public sealed record PlacementLoopParts
{
    public required FleetState Fleet { get; init; }

    public required CapacityService Capacity { get; init; }

    public required IUsageLedger Usage { get; init; }

    public required ReplicaLoop Replicas { get; init; }

    /// <summary>Says what shall run; the replicas' next pass follows.</summary>
    public required Action<ImmutableArray<ReplicaWanted>> Want { get; init; }

    public required WithdrawalService Withdrawals { get; init; }

    public required EmulatorProgram Emulator { get; init; }

    /// <summary>Share of a model's demand that a version serves; all to the first version where it is null.</summary>
    public Func<ModelConfig, ModelVersionConfig, double>? Share { get; init; }

    /// <summary>Whether a pool is being emptied: nothing new goes there and what is there leaves, though its capacity
    /// is there until the end.</summary>
    public Func<string, bool>? IsEmptied { get; init; }

    /// <summary>What concentration groups may still take.</summary>
    public Func<FleetConfig, ImmutableArray<GroupRoom>>? Rooms { get; init; }

    /// <summary>What contracts and leases go by.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>What the usage ledger and the replicas go by: the same, but where contracts run faster than requests.
    /// </summary>
    public required TimeProvider UsageTime { get; init; }

    public required ILogger<PlacementLoop> Logger { get; init; }
}

/// <summary>What the last pass decided.</summary>
/// <param name="At">When.</param>
/// <param name="Plan">The plan.</param>
/// <param name="Refused">Replicas that the ledger gave no lease for, with its words.</param>
/// <param name="HorizonHours">How far ahead it looked.</param>
public sealed record PlacementPass(
    DateTimeOffset At, PlacementPlan Plan, ImmutableArray<string> Refused, int HorizonHours);
