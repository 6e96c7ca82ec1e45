using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>A change asked of the ledger.</summary>
public abstract record LedgerChange;

/// <summary>A lane's supply becomes this: a pool is added, its commitment ramps anew, an acceptance found something, an
/// outage begins or ends. Never refused: capacity that is gone is gone, and leases give way.</summary>
public sealed record SetSupply(PoolSupply Supply) : LedgerChange;

/// <summary>A lane is taken out; all its leases end.</summary>
/// <param name="Lane">Which.</param>
public sealed record RemoveSupply(CapacityLane Lane) : LedgerChange;

/// <summary>A lease is asked for; granted if every instant of it is covered.</summary>
public sealed record GrantLease(LeaseRequest Request) : LedgerChange;

/// <summary>A lease holds, at every instant from its start on, as much of its quantity as is free then, by whole
/// granules: it goes with a ramp, an outage and an end that are known. The lease with its id is changed where there is
/// one. Never refused for want of capacity.</summary>
public sealed record HoldLease(LeaseRequest Request) : LedgerChange;

/// <summary>A lease holds another quantity from a time on, until its end.</summary>
/// <param name="Id">The lease.</param>
/// <param name="Generation">The generation that the caller saw.</param>
/// <param name="Quantity">From then on; 0 ends it.</param>
/// <param name="AtUnixMs">From when.</param>
public sealed record ResizeLease(string Id, long Generation, long Quantity, long AtUnixMs) : LedgerChange;

/// <summary>Why the ledger refused; nothing was changed then.</summary>
public enum LedgerRefusalKind : byte
{
    /// <summary>The request contradicts itself.</summary>
    Invalid,

    /// <summary>There is no such lane or lease.</summary>
    NotFound,

    /// <summary>The id is taken, or the generation is not the present one.</summary>
    Conflict,

    /// <summary>Capacity is short at some instant.</summary>
    Short,
}

/// <summary>A refusal in words.</summary>
/// <param name="Kind">Why.</param>
/// <param name="Change">Which of the changes asked for, from 0.</param>
/// <param name="Message">What is wrong and what to do.</param>
/// <param name="ShortAtUnixMs">The first instant that is short.</param>
/// <param name="FreeThen">What is free at that instant.</param>
public sealed record LedgerRefusal(
    LedgerRefusalKind Kind, int Change, string Message, long? ShortAtUnixMs = null, long? FreeThen = null);

/// <summary>A lease that has to shrink because capacity does.</summary>
/// <param name="LeaseId">Which.</param>
/// <param name="FromUnixMs">Since when it holds less.</param>
/// <param name="ToUnixMs">Until when, exclusive; <see cref="long.MaxValue"/> for good.</param>
/// <param name="Before">What it held.</param>
/// <param name="After">What it holds.</param>
/// <param name="ByUnixMs">When the holder must have let go: the start, or now if that is past.</param>
public sealed record LeaseCut(
    string LeaseId, long FromUnixMs, long ToUnixMs, long Before, long After, long ByUnixMs);

/// <summary>What came of changes: the next ledger, or the same one and why.</summary>
public sealed record LedgerResult
{
    /// <summary>The ledger to go on with.</summary>
    public required CapacityLedger Ledger { get; init; }

    public LedgerRefusal? Refusal { get; init; }

    /// <summary>Leases that have to shrink, in the order in which they give way.</summary>
    public ImmutableArray<LeaseCut> Cuts { get; init; } = [];

    /// <summary>Supplies set, as they are now; null values for lanes taken out.</summary>
    public IReadOnlyDictionary<CapacityLane, PoolSupply?> Supplies { get; init; } =
        ImmutableDictionary<CapacityLane, PoolSupply?>.Empty;

    /// <summary>Leases granted or changed, as they are now.</summary>
    public IReadOnlyDictionary<string, Lease> Leases { get; init; } = ImmutableDictionary<string, Lease>.Empty;
}
