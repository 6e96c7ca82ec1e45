using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>Why capacity that is contracted and usable is not there for a time. The numbers are stored: append only.
/// </summary>
public enum SupplyEventKind : byte
{
    /// <summary>It failed.</summary>
    Outage,

    /// <summary>The provider takes it back.</summary>
    Reclaim,

    /// <summary>The operator empties it.</summary>
    Drain,
}

/// <summary>Capacity that is away for a time.</summary>
/// <param name="Id">Names it within its lane, so that it can be ended or moved.</param>
/// <param name="Kind">Why.</param>
/// <param name="FromUnixMs">Since when.</param>
/// <param name="UntilUnixMs">Until when, exclusive; null for until it is said.</param>
/// <param name="Quantity">How much; null for all.</param>
public sealed record SupplyEvent(
    string Id, SupplyEventKind Kind, long FromUnixMs, long? UntilUnixMs, long? Quantity)
{
    public bool Covers(long atUnixMs) => atUnixMs >= FromUnixMs && (UntilUnixMs is null || atUnixMs < UntilUnixMs);
}

/// <summary>What an acceptance found of what it was shown: the share of the contracted quantity that counts.</summary>
/// <param name="FromUnixMs">Since when.</param>
/// <param name="Usable">How much was found usable.</param>
/// <param name="Promised">Of how much.</param>
public readonly record struct UsableShare(long FromUnixMs, long Usable, long Promised)
{
    /// <summary>The usable part of a quantity, rounded down; never more than the quantity.</summary>
    public long Of(long quantity) => Promised <= 0 ? 0
        : (long)((Int128)quantity * Math.Clamp(Usable, 0, Promised) / Promised);
}

/// <summary>
/// Where a lane's capacity comes from: contracted x usable - what is away. Immutable.
/// </summary>
public sealed record PoolSupply
{
    public required CapacityLane Lane { get; init; }

    /// <summary>What the contract says over time, by its low end.</summary>
    public required StepFunction Contracted { get; init; }

    /// <summary>What acceptances found, in order of time; before the first nothing counts.</summary>
    public ImmutableArray<UsableShare> Shares { get; init; } = [];

    /// <summary>Outages, reclaims and drains.</summary>
    public ImmutableArray<SupplyEvent> Events { get; init; } = [];

    /// <summary>A share that holds since ever: what the operator vouches for without a probe.</summary>
    public static ImmutableArray<UsableShare> AllUsable { get; } = [new(long.MinValue, 1, 1)];

    /// <summary>What may be counted on if nothing is away. Cost: linear in steps and shares.</summary>
    public StepFunction Usable() => StepFunction.At(Changes(), t => ShareAt(t).Of(Contracted.At(t)));

    /// <summary>What is there. Cost: steps x events.</summary>
    public StepFunction Available() => StepFunction.At(
        Changes().Concat(Events.Select(e => e.FromUnixMs)).Concat(Events.Select(e => e.UntilUnixMs).OfType<long>()),
        t =>
        {
            long left = ShareAt(t).Of(Contracted.At(t));
            foreach (SupplyEvent gone in Events)
            {
                if (gone.Covers(t))
                {
                    left = Math.Max(0, left - (gone.Quantity ?? left));
                }
            }

            return left;
        });

    /// <summary>The supply with an event put in, in the place of one with its id.</summary>
    public PoolSupply With(SupplyEvent gone) =>
        this with { Events = [.. Events.Where(e => e.Id != gone.Id), gone] };

    /// <summary>The supply with a share from a time on; later ones are dropped, as the new finding replaces them.
    /// </summary>
    public PoolSupply With(UsableShare share) =>
        this with { Shares = [.. Shares.Where(s => s.FromUnixMs < share.FromUnixMs), share] };

    private UsableShare ShareAt(long atUnixMs)
    {
        UsableShare found = default;
        foreach (UsableShare share in Shares)
        {
            if (share.FromUnixMs > atUnixMs)
            {
                break;
            }

            found = share;
        }

        return found;
    }

    private IEnumerable<long> Changes() =>
        Contracted.Steps.Select(s => s.FromUnixMs).Concat(Shares.Select(s => s.FromUnixMs));
}
