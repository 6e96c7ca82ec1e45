namespace Forebay.Core.Capacity.Replicas;

/// <summary>Where a replica stands.</summary>
public enum ReplicaPhase : byte
{
    /// <summary>Wanted; begins when its wait after a failure is over and nothing of an older generation is alive.
    /// </summary>
    Planned,

    /// <summary>Its weights are on their way.</summary>
    Fetching,

    /// <summary>Its engine is started, and asked whether it is healthy.</summary>
    Starting,

    /// <summary>Healthy; it gets warm-up requests until it answers within its objective.</summary>
    Warming,

    /// <summary>It serves.</summary>
    Ready,

    /// <summary>It gets no new requests; those in flight finish.</summary>
    Draining,

    /// <summary>Its engine is being stopped.</summary>
    Stopping,

    /// <summary>Nothing runs, and nothing shall.</summary>
    Stopped,

    /// <summary>It failed too often; it waits for a change or a person.</summary>
    Failed,
}

/// <summary>What comes after an engine has stopped.</summary>
public enum AfterStop : byte
{
    /// <summary>Nothing.</summary>
    Stop,

    /// <summary>Another generation, after a wait.</summary>
    Retry,

    /// <summary>Another generation at once: something else is wanted, or a restart was asked for.</summary>
    Replace,

    /// <summary>It is given up.</summary>
    Fail,
}

/// <summary>A replica as it is kept. All times are wall time, so that they hold over a restart.</summary>
public sealed record ReplicaState
{
    public required string Id { get; init; }

    /// <summary>What the present generation is made of.</summary>
    public required ReplicaWanted Spec { get; init; }

    /// <summary>Starts so far; 0 before the first. Never goes back.</summary>
    public required long Generation { get; init; }

    public required ReplicaPhase Phase { get; init; }

    /// <summary>Since when it is in its phase.</summary>
    public required long SinceUnixMs { get; init; }

    /// <summary>Until when the phase may last; null where nothing limits it.</summary>
    public long? DeadlineUnixMs { get; init; }

    /// <summary>Failures in a row; forgotten once it has been ready for long enough.</summary>
    public int Failures { get; init; }

    /// <summary>The next generation does not begin before this.</summary>
    public long NotBeforeUnixMs { get; init; }

    /// <summary>What comes after <see cref="ReplicaPhase.Draining"/> and <see cref="ReplicaPhase.Stopping"/>.</summary>
    public AfterStop After { get; init; }

    /// <summary>The generation that passed its warm-up; 0 for none.</summary>
    public long WarmedGeneration { get; init; }

    /// <summary>An operator stopped it; it stays stopped though it is wanted.</summary>
    public bool Held { get; init; }

    /// <summary>Generations up to this one shall give way to a new one.</summary>
    public long RestartGeneration { get; init; }

    /// <summary>What happened last, in words; null when nothing did.</summary>
    public string? Reason { get; init; }

    public static ReplicaState Plan(ReplicaWanted wanted, long nowUnixMs) => new()
    {
        Id = wanted.Id, Spec = wanted, Generation = 0, Phase = ReplicaPhase.Planned, SinceUnixMs = nowUnixMs,
    };
}

/// <summary>Where replicas are kept.</summary>
public interface IReplicaStore
{
    Task<IReadOnlyList<ReplicaState>> ListReplicasAsync(CancellationToken cancel);

    /// <summary>Stores changed replicas and removes others, all or nothing; on disk when it returns. A generation is
    /// never stored over a later one.</summary>
    Task SaveReplicasAsync(
        IReadOnlyCollection<ReplicaState> changed, IReadOnlyCollection<string> removed, CancellationToken cancel);
}

/// <summary>How long replicas may take, and how often they may fail.</summary>
/// <param name="StartMs">From the engine's start until it is healthy: weights are read into memory.</param>
/// <param name="WarmMs">From healthy until it answers within its objective.</param>
/// <param name="DrainMs">From out of routing until requests in flight are cut, to be gone on with elsewhere.</param>
/// <param name="StopGraceMs">From being asked to end until it is killed.</param>
/// <param name="UnhealthyMs">A ready engine that does not answer for so long is replaced.</param>
/// <param name="FirstWaitMs">Wait after the first failure; doubles with each further one.</param>
/// <param name="MaxWaitMs">Longest wait.</param>
/// <param name="MaxFailures">Failures in a row after which it is given up.</param>
/// <param name="StableMs">Time as ready after which earlier failures are forgotten.</param>
/// <param name="RetainMs">How long a stopped replica that nobody wants is remembered, with its log.</param>
public sealed record ReplicaPolicy(
    long StartMs = 15 * 60_000,
    long WarmMs = 5 * 60_000,
    long DrainMs = 2 * 60_000,
    long StopGraceMs = 30_000,
    long UnhealthyMs = 30_000,
    long FirstWaitMs = 1_000,
    long MaxWaitMs = 5 * 60_000,
    int MaxFailures = 5,
    long StableMs = 10 * 60_000,
    long RetainMs = 60 * 60_000)
{
    /// <summary>Wait before the generation that follows a failure.</summary>
    /// <param name="failures">Failures in a row, from 1.</param>
    /// <param name="jitter">Uniform in [0, 1).</param>
    public long WaitMs(int failures, double jitter)
    {
        long ceiling = Math.Min(MaxWaitMs, FirstWaitMs << Math.Min(failures - 1, 20));
        return (long)(ceiling * (0.5 + jitter / 2));
    }
}
