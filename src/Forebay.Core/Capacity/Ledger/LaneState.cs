using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>A lane in the ledger: its supply, its leases, and what is free over time. Immutable.</summary>
internal sealed class LaneState
{
    private LaneState(PoolSupply supply, StepFunction available, ImmutableSortedSet<Lease> leases, Timeline headroom)
    {
        Supply = supply;
        Available = available;
        Leases = leases;
        Headroom = headroom;
    }

    public static ImmutableSortedSet<Lease> NoLeases { get; } = ImmutableSortedSet.Create(Lease.GivesWayFirst);

    public PoolSupply Supply { get; }

    public StepFunction Available { get; }

    /// <summary>Those that give way first at the front.</summary>
    public ImmutableSortedSet<Lease> Leases { get; }

    /// <summary>Available less leased.</summary>
    public Timeline Headroom { get; }

    public static LaneState Of(PoolSupply supply, IEnumerable<Lease> leases)
    {
        StepFunction available = supply.Available();
        ImmutableSortedSet<Lease> sorted = NoLeases.Union(leases);
        IEnumerable<(long, long)> taken = sorted.SelectMany(static l => l.Spans())
            .SelectMany(static s => s.To == long.MaxValue
                ? ((long, long)[])[(s.From, -s.Quantity)]
                : [(s.From, -s.Quantity), (s.To, s.Quantity)]);
        return new LaneState(supply, available, sorted, Timeline.Of(DeltasOf(available).Concat(taken)));
    }

    public LaneState With(PoolSupply supply)
    {
        StepFunction available = supply.Available();
        Timeline headroom = Headroom;
        foreach ((long at, long delta) in DeltasOf(Available))
        {
            headroom = headroom.Plus(at, long.MaxValue, -delta);
        }

        foreach ((long at, long delta) in DeltasOf(available))
        {
            headroom = headroom.Plus(at, long.MaxValue, delta);
        }

        return new LaneState(supply, available, Leases, headroom);
    }

    public LaneState With(Lease lease) =>
        new(Supply, Available, Leases.Add(lease), Taking(lease, 1));

    public LaneState Without(Lease lease) =>
        new(Supply, Available, Leases.Remove(lease), Taking(lease, -1));

    /// <summary>The invariant. Cost: O(1).</summary>
    /// <exception cref="CapacityInvariantException">It does not hold.</exception>
    public void Check()
    {
        if (Headroom.Least < 0)
        {
            long? at = Headroom.FirstBelow(long.MinValue, long.MaxValue, 0);
            throw new CapacityInvariantException(
                $"Leases of {Supply.Lane} exceed what is available by up to {-Headroom.Least}, first at {at} ms.");
        }
    }

    private Timeline Taking(Lease lease, int sign)
    {
        Timeline headroom = Headroom;
        foreach ((long from, long to, long quantity) in lease.Spans())
        {
            headroom = headroom.Plus(from, to, -sign * quantity);
        }

        return headroom;
    }

    internal static IEnumerable<(long At, long Delta)> DeltasOf(StepFunction steps)
    {
        long before = 0;
        foreach (CapacityStep step in steps.Steps)
        {
            yield return (step.FromUnixMs, step.Quantity - before);
            before = step.Quantity;
        }
    }
}
