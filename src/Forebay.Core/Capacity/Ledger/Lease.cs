using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>What holds a lease. The numbers are stored: append only.</summary>
public enum LeaseHolder : byte
{
    Deployment,
    Job,

    /// <summary>Kept free on purpose, as for the loss of a concentration group.</summary>
    Reserve,
}

/// <summary>What is asked of the ledger.</summary>
/// <param name="Id">Names the lease; never used twice while it is known.</param>
/// <param name="HolderKind">What holds it.</param>
/// <param name="Holder">Id of the deployment, job or reserve.</param>
/// <param name="Lane">Of which capacity.</param>
/// <param name="Quantity">How much, in the lane's unit; above 0.</param>
/// <param name="FromUnixMs">From when.</param>
/// <param name="UntilUnixMs">Until when, exclusive; null for open.</param>
/// <param name="Revocable">Lent: taken back before any other.</param>
/// <param name="Rank">Among the others, the higher goes first: the holder's class, 0 the most important.</param>
/// <param name="Granule">It shrinks by multiples of this: a replica's accelerators; all of it for what runs whole or
/// not at all.</param>
public sealed record LeaseRequest(
    string Id,
    LeaseHolder HolderKind,
    string Holder,
    CapacityLane Lane,
    long Quantity,
    long FromUnixMs,
    long? UntilUnixMs = null,
    bool Revocable = false,
    int Rank = 0,
    long Granule = 1);

/// <summary>A right to a part of a lane's capacity over time. Immutable; each change makes the next generation.
/// </summary>
public sealed record Lease
{
    public required LeaseRequest Request { get; init; }

    /// <summary>What it holds over time. Begins as asked for; cuts and changes make further steps.</summary>
    public required StepFunction Held { get; init; }

    /// <summary>1 when granted; a change must name the generation it saw.</summary>
    public required long Generation { get; init; }

    /// <summary>The order in which leases were granted.</summary>
    public required long Sequence { get; init; }

    public string Id => Request.Id;

    public CapacityLane Lane => Request.Lane;

    /// <summary>When the last of it ends, exclusive; <see cref="long.MaxValue"/> for open.</summary>
    public long EndUnixMs => Held.Steps.IsEmpty ? long.MinValue
        : Held.Steps[^1].Quantity == 0 ? Held.Steps[^1].FromUnixMs
        : long.MaxValue;

    /// <summary>What it holds as spans with an end.</summary>
    internal IEnumerable<(long From, long To, long Quantity)> Spans()
    {
        ImmutableArray<CapacityStep> steps = Held.Steps;
        for (int i = 0; i < steps.Length; i++)
        {
            if (steps[i].Quantity != 0)
            {
                long end = i + 1 < steps.Length ? steps[i + 1].FromUnixMs : long.MaxValue;
                yield return (steps[i].FromUnixMs, end, steps[i].Quantity);
            }
        }
    }

    /// <summary>
    /// Who gives way first when capacity shrinks: what is revocable; reserves; then the lowest class (highest rank) and
    /// in it the youngest.
    /// </summary>
    public static IComparer<Lease> GivesWayFirst { get; } = Comparer<Lease>.Create(static (a, b) =>
    {
        int order = b.Request.Revocable.CompareTo(a.Request.Revocable);
        order = order != 0 ? order
            : (b.Request.HolderKind == LeaseHolder.Reserve).CompareTo(a.Request.HolderKind == LeaseHolder.Reserve);
        order = order != 0 ? order : b.Request.Rank.CompareTo(a.Request.Rank);
        order = order != 0 ? order : b.Sequence.CompareTo(a.Sequence);
        return order != 0 ? order : string.CompareOrdinal(a.Id, b.Id);
    });
}
