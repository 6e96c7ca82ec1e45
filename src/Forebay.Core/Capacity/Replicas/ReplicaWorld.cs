using Forebay.Core.Execution;

namespace Forebay.Core.Capacity.Replicas;

/// <summary>Whether weights are at the site.</summary>
public enum WeightsStanding : byte
{
    Missing,
    Ready,
    Failed,
}

/// <summary>What an engine's health path said.</summary>
/// <param name="Generation">Which generation was asked.</param>
/// <param name="Healthy">Whether its last answer was good.</param>
/// <param name="GoodUnixMs">When it last was; 0 for never.</param>
/// <param name="Said">The last answer that was not, in words.</param>
public readonly record struct EngineHealth(long Generation, bool Healthy, long GoodUnixMs, string? Said);

/// <summary>How a warm-up goes.</summary>
/// <param name="Generation">Which generation is warmed.</param>
/// <param name="Passed">Whether it answered within its objective.</param>
/// <param name="Said">Why not yet, in words.</param>
public readonly record struct WarmupResult(long Generation, bool Passed, string? Said);

/// <summary>A start that was refused for good.</summary>
public readonly record struct StartRefusal(long Generation, string Reason);

/// <summary>What is seen of one replica from outside. Whatever concerns another generation than the present one is
/// carried along and changes nothing.</summary>
public readonly record struct ReplicaWorld
{
    public WeightsStanding Weights { get; init; }

    /// <summary>Why the weights failed.</summary>
    public string? WeightsReason { get; init; }

    /// <summary>What the executor says; null for a work that it does not know.</summary>
    public WorkObservation? Work { get; init; }

    /// <summary>False while the executor cannot be asked: then nothing is concluded from <see cref="Work"/>.</summary>
    public required bool IsWorkKnown { get; init; }

    public EngineHealth Health { get; init; }

    /// <summary>Since when this process watches its health.</summary>
    public long WatchedUnixMs { get; init; }

    public WarmupResult Warmup { get; init; }

    public StartRefusal Refusal { get; init; }

    /// <summary>Whether the router may still send it requests.</summary>
    public bool Routed { get; init; }

    /// <summary>Requests in flight there.</summary>
    public int InFlight { get; init; }
}

/// <summary>What is to be done for a replica in its state. All are idempotent and are asked for again at every step
/// until the world has changed, so that none is lost with the process that should do it.</summary>
[Flags]
public enum ReplicaActions
{
    None = 0,

    /// <summary>Fetch its weights.</summary>
    Fetch = 1,

    /// <summary>Start its generation.</summary>
    Start = 2,

    /// <summary>Ask whether its engine is healthy.</summary>
    Probe = 4,

    /// <summary>Send warm-up requests.</summary>
    Warm = 8,

    /// <summary>Let the router send it requests.</summary>
    Route = 16,

    /// <summary>Stop whatever runs under its id.</summary>
    Stop = 32,

    /// <summary>Remove what the executor keeps of it.</summary>
    Forget = 64,
}

/// <summary>What comes of a step.</summary>
/// <param name="Next">The replica as it is to be stored before anything is done; null when it is to be removed.</param>
/// <param name="Actions">What to do then.</param>
public readonly record struct ReplicaStep(ReplicaState? Next, ReplicaActions Actions);
