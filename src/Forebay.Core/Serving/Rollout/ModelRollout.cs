namespace Forebay.Core.Serving.Rollout;

/// <summary>Where a rollout stands.</summary>
public enum RolloutPhase : byte
{
    /// <summary>The new version's share rises step by step.</summary>
    Running,

    /// <summary>The share stays, and is watched as before.</summary>
    Paused,

    /// <summary>It ended with the old version.</summary>
    RolledBack,

    /// <summary>It ended with the new version.</summary>
    Completed,
}

/// <summary>Words for phases, as stored and shown.</summary>
public static class RolloutPhaseWords
{
    private static readonly string[] Words = ["running", "paused", "rolled_back", "completed"];

    public static string Word(this RolloutPhase phase) => Words[(int)phase];

    public static bool TryParse(string word, out RolloutPhase phase)
    {
        int at = Array.IndexOf(Words, word);
        phase = (RolloutPhase)Math.Max(0, at);
        return at >= 0;
    }
}

/// <summary>One rollout of a model, as it is stored. Immutable; <see cref="RolloutMachine"/> says what follows.
/// </summary>
public sealed record ModelRollout
{
    /// <summary>Its number, over all models; higher for later ones.</summary>
    public required long Id { get; init; }

    /// <summary>The model's id.</summary>
    public required string Model { get; init; }

    /// <summary>The version before.</summary>
    public required string From { get; init; }

    /// <summary>The version that takes over.</summary>
    public required string To { get; init; }

    /// <summary>Shares, rising to 1.</summary>
    public required IReadOnlyList<double> Steps { get; init; }

    /// <summary>Least time at a step.</summary>
    public required double HoldSeconds { get; init; }

    /// <summary>Least answers of the new version at a step.</summary>
    public required int MinRequests { get; init; }

    /// <summary>How likely at most it is rolled back for nothing.</summary>
    public required double FalseAlarmShare { get; init; }

    /// <summary>What the new version may be slower by.</summary>
    public required double LatencySlackShare { get; init; }

    public RolloutPhase Phase { get; init; }

    /// <summary>Which of <see cref="Steps"/>, from 0.</summary>
    public int Step { get; init; }

    public required long StartedUnixMs { get; init; }

    /// <summary>Since when it is at its step; anew after a restart of the server, which forgets what it counted.
    /// </summary>
    public required long StepSinceUnixMs { get; init; }

    /// <summary>Comparisons made so far: what each may cost of the false alarms follows from its number.</summary>
    public int Looks { get; init; }

    /// <summary>Who changed it last: an admin token, or <c>rollout</c> for itself.</summary>
    public required string Actor { get; init; }

    /// <summary>Why it stands where it stands, in words.</summary>
    public string Reason { get; init; } = "";

    /// <summary>When it changed last.</summary>
    public required long ChangedUnixMs { get; init; }

    public bool IsOpen => Phase is RolloutPhase.Running or RolloutPhase.Paused;

    /// <summary>The share of conversations that the new version gets.</summary>
    public double Share => Phase switch
    {
        RolloutPhase.RolledBack => 0,
        RolloutPhase.Completed => 1,
        _ => Steps[Step],
    };

    /// <summary>What the gateway goes by.</summary>
    public VersionSplit SplitWith(VersionTally tally) => new(Id, Model, From, To, Share, IsOpen, tally);
}

/// <summary>What was counted of a rollout under way, as last stored.</summary>
/// <param name="Rollout">Its number.</param>
/// <param name="AtUnixMs">When it was stored.</param>
/// <param name="Mark">What was counted when it came to its step and was looked at.</param>
/// <param name="Arms">Answers by provider and version.</param>
public sealed record RolloutCounts(long Rollout, long AtUnixMs, RolloutMark Mark, IReadOnlyList<ArmCounts> Arms);

/// <summary>Durable store of rollouts.</summary>
public interface IRolloutStore
{
    /// <summary>All that ever were, oldest first.</summary>
    Task<IReadOnlyList<ModelRollout>> ListRolloutsAsync(CancellationToken cancel);

    /// <summary>Adds one, or replaces the one of its number.</summary>
    Task SaveRolloutAsync(ModelRollout rollout, CancellationToken cancel);

    /// <summary>Stores what was counted, in place of what was stored of that rollout before.</summary>
    Task SaveCountsAsync(RolloutCounts counts, CancellationToken cancel);

    /// <summary>What was stored last of each rollout.</summary>
    Task<IReadOnlyList<RolloutCounts>> ListCountsAsync(CancellationToken cancel);
}
