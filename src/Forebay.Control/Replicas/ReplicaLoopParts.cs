using System.Collections.Immutable;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;
using Forebay.Core.Serving;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Replicas;

/// <summary>How often replicas are looked at, and their patience.</summary>
public sealed record ReplicaLoopOptions
{
    public ReplicaPolicy Policy { get; init; } = new();

    /// <summary>Between two passes; one that changed something is followed by the next at once.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Between two questions whether an engine is healthy.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait for an answer to one.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long after a replica was taken out of routing a request may still be on its way to it: one that was
    /// routed by the snapshot before.</summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromMilliseconds(250);
}

/// <summary>What the loop works with.</summary>
public sealed record ReplicaLoopParts
{
    /// <summary>Runs engines; the loop's own: what runs there and is no replica is stopped.</summary>
    public required IExecutor Executor { get; init; }

    public required IWeights Weights { get; init; }

    public required IReplicaStore Store { get; init; }

    /// <summary>What shall run; asked at every pass. One that throws leaves all as it is.</summary>
    public required Func<CancellationToken, ValueTask<ImmutableArray<ReplicaWanted>>> Wanted { get; init; }

    /// <summary>Puts the deployments of all ready replicas in force in place of those before, before it returns.
    /// </summary>
    public required Func<ImmutableArray<DeploymentConfig>, CancellationToken, Task> Publish { get; init; }

    /// <summary>Requests in flight at a deployment.</summary>
    public required Func<string, int> InFlight { get; init; }

    /// <summary>Whether an engine may be started now: whether it holds the accelerators that it is to run on. One that
    /// may not waits; what runs is left alone.</summary>
    public Func<ReplicaWanted, bool> MayStart { get; init; } = static _ => true;

    /// <summary>Reads a secret by its reference.</summary>
    public required Func<string, string> ReadSecret { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Uniform in [0, 1).</summary>
    public required Func<double> Jitter { get; init; }

    public required ILogger<ReplicaLoop> Logger { get; init; }

    public ReplicaLoopOptions Options { get; init; } = new();
}

/// <summary>A replica as it is shown.</summary>
/// <param name="State">As it is stored.</param>
/// <param name="Wanted">What is wanted of it now; null when it is wanted no more.</param>
/// <param name="Work">Its engine, as the executor saw it last.</param>
/// <param name="Weights">Its weights.</param>
/// <param name="Said">What its health path or its warm-up said last that was not good.</param>
/// <param name="Routed">Whether the router may send it requests.</param>
/// <param name="InFlight">Requests in flight there.</param>
public sealed record ReplicaStatus(
    ReplicaState State,
    ReplicaWanted? Wanted,
    WorkObservation? Work,
    ImmutableArray<TransferView> Weights,
    string? Said,
    bool Routed,
    int InFlight);
