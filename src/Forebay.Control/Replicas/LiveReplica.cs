using System.Collections.Immutable;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;
using Forebay.Core.Execution;

namespace Forebay.Control.Replicas;

/// <summary>What is known live of one replica, beside what is stored. Its fields are written by one pass at a time and
/// by the one task of each kind that runs for it.</summary>
internal sealed class LiveReplica(ReplicaState state, long watchedUnixMs)
{
    private readonly Lock _lock = new();
    private EngineHealth _health;
    private WarmupResult _warmup;
    private StartRefusal _refusal;

    public ReplicaState State { get; set; } = state;

    /// <summary>Whether the store knows of it.</summary>
    public bool IsStored { get; set; }

    public ReplicaWanted? Wanted { get; set; }

    public WorkObservation? Work { get; set; }

    /// <summary>Whether <see cref="Work"/> is from after the last call about it.</summary>
    public bool IsWorkKnown { get; set; } = true;

    /// <summary>A call about its work is under way: what the executor says of it meanwhile may be from before.
    /// </summary>
    public Task Working { get; set; } = Task.CompletedTask;

    public Task Probing { get; set; } = Task.CompletedTask;

    public Task Warming { get; set; } = Task.CompletedTask;

    public long NextProbeUnixMs { get; set; }

    public long WarmupRounds { get; set; }

    /// <summary>What is wrong with the spec, found once per spec.</summary>
    public (ReplicaWanted? Of, string? Problem) Checked { get; set; }

    public long WatchedUnixMs { get; } = watchedUnixMs;

    public EngineHealth Health
    {
        get
        {
            lock (_lock)
            {
                return _health;
            }
        }
    }

    public WarmupResult Warmup
    {
        get
        {
            lock (_lock)
            {
                return _warmup;
            }
        }

        set
        {
            lock (_lock)
            {
                _warmup = value;
            }
        }
    }

    public StartRefusal Refusal
    {
        get
        {
            lock (_lock)
            {
                return _refusal;
            }
        }

        set
        {
            lock (_lock)
            {
                _refusal = value;
            }
        }
    }

    /// <summary>What is wanted where that is the same engine, so that what does not concern the process follows at
    /// once.</summary>
    public ReplicaWanted Effective =>
        Wanted is { } wanted && wanted.Fingerprint() == State.Spec.Fingerprint() ? wanted : State.Spec;

    /// <summary>Its engine's base URL; null while it does not run.</summary>
    public Uri? Endpoint => Work is { State: WorkState.Running } work && work.Generation == State.Generation
        && work.Endpoints.TryGetValue("http", out WorkEndpoint at)
            ? new Uri($"http://{at.Host}:{at.Port}")
            : null;

    public string? Said
    {
        get
        {
            lock (_lock)
            {
                (long generation, string? said) = State.Phase switch
                {
                    ReplicaPhase.Starting or ReplicaPhase.Ready => (_health.Generation, _health.Said),
                    ReplicaPhase.Warming => (_warmup.Generation, _warmup.Said),
                    _ => (0, null),
                };
                return generation == State.Generation ? said : null;
            }
        }
    }

    public void Probed(long generation, string? said, long nowUnixMs)
    {
        lock (_lock)
        {
            long good = _health.Generation == generation ? _health.GoodUnixMs : 0;
            _health = new EngineHealth(generation, said is null, said is null ? nowUnixMs : good, said);
        }
    }

    /// <summary>The transfers that its present spec needs.</summary>
    public ImmutableArray<TransferSpec> Transfers => [.. State.Spec.Weights.Select(static w => w.Transfer)];
}
