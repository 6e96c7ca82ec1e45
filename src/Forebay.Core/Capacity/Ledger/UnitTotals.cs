using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>What all lanes of a unit have together, over time, so that a question about the whole fleet costs no more
/// than one about a lane. Immutable.</summary>
internal sealed class UnitTotals
{
    private readonly ImmutableDictionary<CapacityUnit, (Timeline Available, Timeline Leased)> _units;

    private UnitTotals(ImmutableDictionary<CapacityUnit, (Timeline, Timeline)> units) => _units = units;

    public static UnitTotals Zero { get; } = new(ImmutableDictionary<CapacityUnit, (Timeline, Timeline)>.Empty);

    public static UnitTotals Of(IEnumerable<LaneState> lanes) => new(lanes.GroupBy(l => l.Supply.Lane.Unit)
        .ToImmutableDictionary(
            g => g.Key,
            g => (Timeline.Of(g.SelectMany(l => LaneState.DeltasOf(l.Available))),
                Timeline.Of(g.SelectMany(l => l.Leases).SelectMany(l => LaneState.DeltasOf(l.Held))))));

    public long Available(CapacityUnit unit, long atUnixMs) => Find(unit).Available.At(atUnixMs);

    public long Leased(CapacityUnit unit, long atUnixMs) => Find(unit).Leased.At(atUnixMs);

    /// <summary>With another availability of one lane.</summary>
    public UnitTotals WithSupply(CapacityUnit unit, StepFunction? old, StepFunction? next)
    {
        (Timeline available, Timeline leased) = Find(unit);
        return new UnitTotals(_units.SetItem(unit, (Move(available, old, next), leased)));
    }

    /// <summary>With a lease that holds something else.</summary>
    public UnitTotals WithLease(CapacityUnit unit, StepFunction? old, StepFunction? next)
    {
        (Timeline available, Timeline leased) = Find(unit);
        return new UnitTotals(_units.SetItem(unit, (available, Move(leased, old, next))));
    }

    private (Timeline Available, Timeline Leased) Find(CapacityUnit unit) =>
        _units.GetValueOrDefault(unit, (Timeline.Zero, Timeline.Zero));

    private static Timeline Move(Timeline total, StepFunction? old, StepFunction? next)
    {
        foreach ((long at, long delta) in LaneState.DeltasOf(old ?? StepFunction.Zero))
        {
            total = total.Plus(at, long.MaxValue, -delta);
        }

        foreach ((long at, long delta) in LaneState.DeltasOf(next ?? StepFunction.Zero))
        {
            total = total.Plus(at, long.MaxValue, delta);
        }

        return total;
    }
}
