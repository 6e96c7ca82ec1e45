using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>Why limits shall change.</summary>
public enum ProposalCause : byte
{
    /// <summary>Capacity allows more.</summary>
    Raise,

    /// <summary>Capacity is short in some hours of the week.</summary>
    ReduceHours,

    /// <summary>Capacity is short.</summary>
    Lower,

    /// <summary>Capacity was lost.</summary>
    CapacityLost,

    /// <summary>Capacity ends, or is away for a time, at a time that is known.</summary>
    CapacityEnds,
}

/// <summary>A change of multipliers, worked out and not in force.</summary>
/// <param name="Cause">Why.</param>
/// <param name="Next">All multipliers as they shall be.</param>
/// <param name="AnnounceMs">Least time between its approval and its effect.</param>
/// <param name="Arithmetic">How it was worked out, line by line.</param>
public sealed record LimitProposal(
    ProposalCause Cause, TierMultipliers Next, long AnnounceMs, ImmutableArray<string> Arithmetic)
{
    /// <summary>When it must be in effect at the latest, however short that makes the announcement; null for no such
    /// time.</summary>
    public long? ByUnixMs { get; init; }

    /// <summary>When it takes effect if it is approved at a time.</summary>
    public long EffectiveMs(long approvedMs) =>
        Math.Min(approvedMs + AnnounceMs, Math.Max(approvedMs, ByUnixMs ?? long.MaxValue));
}

/// <summary>How well a class of models stands.</summary>
/// <param name="Class">The class.</param>
/// <param name="HeadroomRatio">Capacity after the reserve over demand at the multipliers in force, in the tightest
/// hour; infinite without demand.</param>
/// <param name="UncoveredTokensPerMinute">By how much demand at what tiers promise passes all capacity there is, in the
/// worst hour; 0 where it is covered. A promise that is not covered raises an alarm: it is never lowered by a machine,
/// and what cannot be served waits and is shed by priority class.</param>
/// <param name="IsPromiseSafe">Whether what tiers promise is covered after the loss of any one group as well.</param>
/// <param name="IsShort">Whether demand at the multipliers in force passes what is left after a loss.</param>
/// <param name="Lines">The arithmetic.</param>
public sealed record ClassStanding(
    string Class,
    double HeadroomRatio,
    double UncoveredTokensPerMinute,
    bool IsPromiseSafe,
    bool IsShort,
    ImmutableArray<string> Lines);

/// <summary>What came of one step of the controller.</summary>
/// <param name="Next">The state to go on with.</param>
/// <param name="Proposal">What shall change; null for nothing.</param>
/// <param name="Standings">How each class stands.</param>
/// <param name="Refused">Why the inputs could not be used; then there is nothing else, and the state is as it
/// was.</param>
public sealed record FollowingStep(
    FollowingState Next,
    LimitProposal? Proposal,
    ImmutableArray<ClassStanding> Standings,
    ImmutableArray<string> Refused)
{
    /// <summary>The arithmetic of all classes, or why there is none.</summary>
    public ImmutableArray<string> Arithmetic =>
        Refused.IsEmpty ? [.. Standings.SelectMany(s => s.Lines)] : [.. Refused.Select(r => $"refused: {r}")];
}
