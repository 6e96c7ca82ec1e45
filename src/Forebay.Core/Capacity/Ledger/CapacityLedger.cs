using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>
/// What capacity there is over time and who holds it: an immutable value, and <see cref="Apply"/> from it to the next.
/// In every lane and at every instant the leases never exceed what is available; each change checks that before it
/// is given out, also in Release.
/// Cost, with n changes of a lane's headroom (each lease makes two, each step of supply one): a query O(log n), a grant
/// or change of a lease O(log n + log of all leases), a new supply O(log n) for each of its steps and each lease that
/// gives way. A lane never looks at another's leases.
/// </summary>
public sealed class CapacityLedger
{
    private readonly ImmutableDictionary<CapacityLane, LaneState> _lanes;
    private readonly ImmutableDictionary<string, Lease> _leases;
    private readonly UnitTotals _totals;

    internal CapacityLedger(
        long version,
        long sequence,
        ImmutableDictionary<CapacityLane, LaneState> lanes,
        ImmutableDictionary<string, Lease> leases,
        UnitTotals totals)
    {
        _totals = totals;
        Version = version;
        Sequence = sequence;
        _lanes = lanes;
        _leases = leases;
    }

    public static CapacityLedger Empty { get; } = new(
        0,
        0,
        ImmutableDictionary<CapacityLane, LaneState>.Empty,
        ImmutableDictionary.Create<string, Lease>(StringComparer.Ordinal),
        UnitTotals.Zero);

    /// <summary>How often it was changed.</summary>
    public long Version { get; }

    /// <summary>The number of the lease granted last.</summary>
    public long Sequence { get; }

    public IEnumerable<CapacityLane> Lanes => _lanes.Keys;

    public int LeaseCount => _leases.Count;

    public IEnumerable<Lease> Leases => _leases.Values;

    /// <summary>A ledger as it was stored. Cost: a sort of the leases.</summary>
    /// <exception cref="CapacityInvariantException">What was stored breaks the invariant.</exception>
    public static CapacityLedger Load(
        long version, long sequence, IEnumerable<PoolSupply> supplies, IEnumerable<Lease> leases)
    {
        ImmutableDictionary<string, Lease> byId =
            leases.ToImmutableDictionary(l => l.Id, l => l, StringComparer.Ordinal);
        ILookup<CapacityLane, Lease> byLane = byId.Values.ToLookup(l => l.Lane);
        ImmutableDictionary<CapacityLane, LaneState> lanes = supplies.ToImmutableDictionary(
            s => s.Lane, s => LaneState.Of(s, byLane[s.Lane]));
        if (byId.Values.FirstOrDefault(l => !lanes.ContainsKey(l.Lane)) is { } stray)
        {
            throw new CapacityInvariantException($"Lease {stray.Id} is of {stray.Lane}, which is not in the ledger.");
        }

        foreach (LaneState lane in lanes.Values)
        {
            lane.Check();
        }

        return new CapacityLedger(version, sequence, lanes, byId, UnitTotals.Of(lanes.Values));
    }

    public bool TryGetLease(string id, [MaybeNullWhen(false)] out Lease lease) => _leases.TryGetValue(id, out lease);

    /// <summary>Where a lane's capacity comes from; null for a lane that is not there.</summary>
    public PoolSupply? SupplyOf(CapacityLane lane) => _lanes.GetValueOrDefault(lane)?.Supply;

    /// <summary>Availability of a lane over time; zero for one that is not there.</summary>
    public StepFunction AvailableOf(CapacityLane lane) =>
        _lanes.GetValueOrDefault(lane)?.Available ?? StepFunction.Zero;

    /// <summary>What is available at a time.</summary>
    public long Available(CapacityLane lane, long atUnixMs) => AvailableOf(lane).At(atUnixMs);

    /// <summary>What is leased at a time.</summary>
    public long Leased(CapacityLane lane, long atUnixMs) => _lanes.TryGetValue(lane, out LaneState? state)
        ? state.Available.At(atUnixMs) - state.Headroom.At(atUnixMs)
        : 0;

    /// <summary>What is available at a time over all pools. Cost: as for one lane that had all leases.</summary>
    public long Available(CapacityUnit unit, long atUnixMs) => _totals.Available(unit, atUnixMs);

    /// <summary>What is leased at a time over all pools. Cost: as for one lane that had all leases.</summary>
    public long Leased(CapacityUnit unit, long atUnixMs) => _totals.Leased(unit, atUnixMs);

    /// <summary>The least that is free over a span: what could be leased for all of it.</summary>
    public long Free(CapacityLane lane, long fromUnixMs, long toUnixMs) =>
        _lanes.TryGetValue(lane, out LaneState? state) ? state.Headroom.Min(fromUnixMs, toUnixMs) : 0;

    /// <summary>The next time after one at which a lane's availability or leases change; null for never again.
    /// </summary>
    public long? NextChange(CapacityLane lane, long afterUnixMs)
    {
        if (!_lanes.TryGetValue(lane, out LaneState? state))
        {
            return null;
        }

        long? supply = state.Available.NextChange(afterUnixMs);
        long? headroom = state.Headroom.NextChange(afterUnixMs);
        return supply is null || headroom < supply ? headroom : supply;
    }

    /// <summary>A lane's leases, those that give way first at the front.</summary>
    public IReadOnlyCollection<Lease> LeasesOf(CapacityLane lane) =>
        _lanes.GetValueOrDefault(lane)?.Leases ?? LaneState.NoLeases;

    /// <summary>
    /// Makes all the changes or none. Supplies are never refused: leases give way in the order of
    /// <see cref="Lease.GivesWayFirst"/>, each by whole granules, only where and for as long as capacity is short; what
    /// was granted earlier in the same list gives way like any other.
    /// </summary>
    /// <param name="changes">In order.</param>
    /// <param name="nowUnixMs">Now: a cut is due then at the soonest.</param>
    /// <exception cref="CapacityInvariantException">A fault of this class: nothing it says may be used.</exception>
    public LedgerResult Apply(IReadOnlyList<LedgerChange> changes, long nowUnixMs)
    {
        var next = new LedgerTransition(this, _lanes, _leases, _totals, nowUnixMs);
        for (int i = 0; i < changes.Count; i++)
        {
            if (next.Apply(changes[i], i) is { } refusal)
            {
                return new LedgerResult { Ledger = this, Refusal = refusal };
            }
        }

        return next.Finish();
    }

    /// <summary>Lets go of leases that ended before a time; what the past looked like is then in the store alone.
    /// Cost: linear in the leases.</summary>
    public CapacityLedger Forget(long endedBeforeUnixMs)
    {
        Lease[] ended = [.. _leases.Values.Where(l => l.EndUnixMs < endedBeforeUnixMs)];
        if (ended.Length == 0)
        {
            return this;
        }

        ImmutableDictionary<CapacityLane, LaneState>.Builder lanes = _lanes.ToBuilder();
        UnitTotals totals = _totals;
        foreach (Lease lease in ended)
        {
            totals = totals.WithLease(lease.Lane.Unit, lease.Held, null);
            lanes[lease.Lane] = lanes[lease.Lane].Without(lease);
        }

        return new CapacityLedger(
            Version, Sequence, lanes.ToImmutable(), _leases.RemoveRange(ended.Select(l => l.Id)), totals);
    }
}

/// <summary>More is leased than is available: the ledger's one invariant is broken.</summary>
public sealed class CapacityInvariantException(string message) : InvalidOperationException(message);
