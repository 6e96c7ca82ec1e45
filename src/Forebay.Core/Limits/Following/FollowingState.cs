using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>What the controller remembers of one class between steps.</summary>
/// <param name="RaiseSinceMs">Since when a raise has been possible without a break; null while none is.</param>
/// <param name="Raise">The least of what was possible since then, tier by tier and hour by hour.</param>
/// <param name="ShortSinceMs">Since when capacity has been short; null while it is not.</param>
/// <param name="CoveredInput">Mean input capacity when demand was last covered; 0 where it never was.</param>
/// <param name="CoveredOutput">Mean output capacity likewise.</param>
public sealed record ClassHold(
    long? RaiseSinceMs,
    ImmutableArray<TierMultiplier> Raise,
    long? ShortSinceMs,
    double CoveredInput,
    double CoveredOutput)
{
    public static ClassHold None { get; } = new(null, [], null, 0, 0);
}

/// <summary>What the controller goes on from: the multipliers that were last decided on, and how long conditions have
/// held.</summary>
/// <param name="InForce">Multipliers in force, or announced to be.</param>
/// <param name="LastRaiseMs">When any was last raised; null for never.</param>
/// <param name="Holds">By class.</param>
public sealed record FollowingState(
    TierMultipliers InForce, long? LastRaiseMs, ImmutableDictionary<string, ClassHold> Holds)
{
    public static FollowingState Initial { get; } = new(
        TierMultipliers.Promise, null, ImmutableDictionary.Create<string, ClassHold>(StringComparer.Ordinal));

    public ClassHold HoldOf(string modelClass) => Holds.GetValueOrDefault(modelClass, ClassHold.None);

    /// <summary>Other multipliers were decided on: what was held applies to those before, and begins anew.</summary>
    public FollowingState Decided(TierMultipliers next, long atMs) => new(
        next,
        next.Against(InForce).Raises ? atMs : LastRaiseMs,
        Holds.ToImmutableDictionary(
            h => h.Key, h => h.Value with { RaiseSinceMs = null, Raise = [], ShortSinceMs = null },
            StringComparer.Ordinal));
}
