using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>One run of <see cref="CapacityLedger.Apply"/>: the next ledger in the making.</summary>
internal sealed class LedgerTransition(
    CapacityLedger from,
    ImmutableDictionary<CapacityLane, LaneState> lanes,
    ImmutableDictionary<string, Lease> leases,
    UnitTotals totals,
    long nowUnixMs)
{
    /// <summary>Keeps every sum of quantities within 64 bits.</summary>
    private const long MostQuantity = 1_000_000_000_000_000;

    private readonly Dictionary<CapacityLane, PoolSupply?> _supplies = [];
    private readonly Dictionary<string, Lease> _changed = new(StringComparer.Ordinal);
    private readonly List<LeaseCut> _cuts = [];
    private ImmutableDictionary<CapacityLane, LaneState> _lanes = lanes;
    private ImmutableDictionary<string, Lease> _leases = leases;
    private long _sequence = from.Sequence;

    public LedgerRefusal? Apply(LedgerChange change, int number) => change switch
    {
        SetSupply set => Supply(set.Supply, number),
        RemoveSupply remove => Remove(remove.Lane, number),
        GrantLease grant => Grant(grant.Request, number),
        HoldLease hold => Hold(hold.Request, number),
        ResizeLease resize => Resize(resize, number),
        _ => throw new ArgumentException($"{change.GetType().Name} is no change of the ledger.", nameof(change)),
    };

    public LedgerResult Finish()
    {
        foreach (CapacityLane lane in _supplies.Keys.Concat(_changed.Values.Select(l => l.Lane)).Distinct())
        {
            if (_lanes.TryGetValue(lane, out LaneState? state))
            {
                state.Check();
            }
        }

        return new LedgerResult
        {
            Ledger = new CapacityLedger(from.Version + 1, _sequence, _lanes, _leases, Totals()),
            Cuts = [.. _cuts],
            Supplies = _supplies,
            Leases = _changed,
        };
    }

    private UnitTotals Totals()
    {
        UnitTotals next = totals;
        foreach (CapacityLane lane in _supplies.Keys)
        {
            StepFunction old = from.AvailableOf(lane);
            next = next.WithSupply(lane.Unit, old, _lanes.GetValueOrDefault(lane)?.Available);
        }

        foreach (string id in _changed.Keys)
        {
            if (from.TryGetLease(id, out Lease? old))
            {
                next = next.WithLease(old.Lane.Unit, old.Held, null);
            }

            if (_leases.TryGetValue(id, out Lease? now))
            {
                next = next.WithLease(now.Lane.Unit, null, now.Held);
            }
        }

        return next;
    }

    private LedgerRefusal? Supply(PoolSupply supply, int number)
    {
        if (supply.Contracted.Steps.Any(s => s.Quantity is < 0 or > MostQuantity)
            || supply.Events.Any(e => e.Quantity is < 0 or > MostQuantity || e.UntilUnixMs < e.FromUnixMs))
        {
            return new LedgerRefusal(
                LedgerRefusalKind.Invalid,
                number,
                $"The supply of {supply.Lane} has a quantity below 0 or above {MostQuantity}, or an event that ends " +
                "before it begins. Correct it.");
        }

        LaneState? old = _lanes.GetValueOrDefault(supply.Lane);
        LaneState lane = old is null ? LaneState.Of(supply, []) : old.With(supply);
        _supplies[supply.Lane] = supply;
        _lanes = _lanes.SetItem(supply.Lane, GiveWay(lane));
        return null;
    }

    private LedgerRefusal? Remove(CapacityLane lane, int number)
    {
        if (!_lanes.TryGetValue(lane, out LaneState? state))
        {
            return new LedgerRefusal(LedgerRefusalKind.NotFound, number, $"There is no capacity {lane} to take out.");
        }

        foreach (Lease lease in state.Leases)
        {
            foreach ((long start, long end, long quantity) in lease.Spans())
            {
                _cuts.Add(new LeaseCut(lease.Id, start, end, quantity, 0, Math.Max(nowUnixMs, start)));
            }

            _changed[lease.Id] = lease with { Held = StepFunction.Zero, Generation = lease.Generation + 1 };
            _leases = _leases.Remove(lease.Id);
        }

        _supplies[lane] = null;
        _lanes = _lanes.Remove(lane);
        return null;
    }

    private static LedgerRefusal? Invalid(LeaseRequest asked, int number) =>
        asked.Quantity is <= 0 or > MostQuantity || asked.Granule <= 0 || asked.Quantity % asked.Granule != 0
            || asked.UntilUnixMs <= asked.FromUnixMs || asked.Id.Length == 0
            ? new LedgerRefusal(
                LedgerRefusalKind.Invalid,
                number,
                $"Lease '{asked.Id}' asks for {asked.Quantity} by {asked.Granule} from {asked.FromUnixMs} to " +
                $"{asked.UntilUnixMs}. It needs an id, a quantity in whole granules above 0 and a later end.")
            : null;

    private static LedgerRefusal NoLane(CapacityLane lane, int number) =>
        new(LedgerRefusalKind.NotFound, number, $"There is no capacity {lane} to lease from.");

    private LedgerRefusal? Hold(LeaseRequest asked, int number)
    {
        if (Invalid(asked, number) is { } invalid)
        {
            return invalid;
        }

        Lease? old = _leases.GetValueOrDefault(asked.Id);
        if (old is not null && old.Lane != asked.Lane)
        {
            return new LedgerRefusal(
                LedgerRefusalKind.Conflict, number, $"Lease {asked.Id} is of {old.Lane}, not of {asked.Lane}.");
        }

        if (!_lanes.TryGetValue(asked.Lane, out LaneState? lane))
        {
            return NoLane(asked.Lane, number);
        }

        lane = old is null ? lane : lane.Without(old);
        long end = asked.UntilUnixMs ?? long.MaxValue;
        var steps = new List<CapacityStep>(old?.Held.Steps.Where(s => s.FromUnixMs < asked.FromUnixMs) ?? []);
        for (long? at = asked.FromUnixMs; at < end; at = lane.Headroom.NextChange(at.Value))
        {
            long free = Math.Max(0, lane.Headroom.At(at.Value)) / asked.Granule * asked.Granule;
            steps.Add(new CapacityStep(at.Value, Math.Min(asked.Quantity, free)));
        }

        if (asked.UntilUnixMs is { } until)
        {
            steps.Add(new CapacityStep(until, 0));
        }

        var lease = new Lease
        {
            Request = old is null ? asked
                : asked with { FromUnixMs = Math.Min(old.Request.FromUnixMs, asked.FromUnixMs) },
            Held = StepFunction.Of(steps),
            Generation = (old?.Generation ?? 0) + 1,
            Sequence = old?.Sequence ?? ++_sequence,
        };
        Put(lane.With(lease), lease);
        return null;
    }

    private LedgerRefusal? Grant(LeaseRequest asked, int number)
    {
        if (Invalid(asked, number) is { } invalid)
        {
            return invalid;
        }

        if (_leases.ContainsKey(asked.Id))
        {
            return new LedgerRefusal(
                LedgerRefusalKind.Conflict,
                number,
                $"There is a lease {asked.Id} already. Change it, or use another id.");
        }

        if (!_lanes.TryGetValue(asked.Lane, out LaneState? lane))
        {
            return NoLane(asked.Lane, number);
        }

        long end = asked.UntilUnixMs ?? long.MaxValue;
        if (lane.Headroom.FirstBelow(asked.FromUnixMs, end, asked.Quantity) is { } at)
        {
            return Short(asked.Id, asked.Lane, asked.Quantity, at, lane, number);
        }

        IEnumerable<CapacityStep> steps = asked.UntilUnixMs is { } until
            ? [new(asked.FromUnixMs, asked.Quantity), new(until, 0)]
            : [new(asked.FromUnixMs, asked.Quantity)];
        var lease = new Lease
        {
            Request = asked, Held = StepFunction.Of(steps), Generation = 1, Sequence = ++_sequence,
        };
        Put(lane.With(lease), lease);
        return null;
    }

    private LedgerRefusal? Resize(ResizeLease asked, int number)
    {
        if (!_leases.TryGetValue(asked.Id, out Lease? lease))
        {
            return new LedgerRefusal(LedgerRefusalKind.NotFound, number, $"There is no lease {asked.Id}.");
        }

        if (lease.Generation != asked.Generation)
        {
            return new LedgerRefusal(
                LedgerRefusalKind.Conflict,
                number,
                $"Lease {asked.Id} is at generation {lease.Generation}, not {asked.Generation}: it was changed " +
                "since. Read it again.");
        }

        if (asked.Quantity is < 0 or > MostQuantity || asked.Quantity % lease.Request.Granule != 0)
        {
            return new LedgerRefusal(
                LedgerRefusalKind.Invalid,
                number,
                $"Lease {asked.Id} cannot hold {asked.Quantity}: give 0 or more in multiples of " +
                $"{lease.Request.Granule}.");
        }

        long end = lease.Request.UntilUnixMs ?? long.MaxValue;
        long start = Math.Max(asked.AtUnixMs, lease.Request.FromUnixMs);
        if (start >= end)
        {
            return new LedgerRefusal(
                LedgerRefusalKind.Invalid, number, $"Lease {asked.Id} ends at {end}: there is nothing left to change.");
        }

        IEnumerable<CapacityStep> kept = lease.Held.Steps.Where(s => s.FromUnixMs < start);
        IEnumerable<CapacityStep> changed = end == long.MaxValue
            ? [new(start, asked.Quantity)]
            : [new(start, asked.Quantity), new(end, 0)];
        LaneState without = _lanes[lease.Lane].Without(lease);
        if (without.Headroom.FirstBelow(start, end, asked.Quantity) is { } at)
        {
            return Short(asked.Id, lease.Lane, asked.Quantity, at, without, number);
        }

        Lease next = lease with
        {
            Held = StepFunction.Of(kept.Concat(changed)), Generation = lease.Generation + 1,
        };
        Put(without.With(next), next);
        return null;
    }

    private static LedgerRefusal Short(
        string id, CapacityLane lane, long quantity, long at, LaneState state, int number)
    {
        long free = Math.Max(0, state.Headroom.At(at));
        return new LedgerRefusal(
            LedgerRefusalKind.Short,
            number,
            $"Lease {id} asks for {quantity} of {lane}, and {free} of {state.Available.At(at)} are free at {at} ms. " +
            "Ask for less, for another time or of another pool.",
            at,
            free);
    }

    private void Put(LaneState lane, Lease lease)
    {
        _lanes = _lanes.SetItem(lease.Lane, lane);
        _leases = _leases.SetItem(lease.Id, lease);
        _changed[lease.Id] = lease;
    }

    /// <summary>Takes from leases, in the order in which they give way, until nothing is short.</summary>
    private LaneState GiveWay(LaneState lane)
    {
        if (lane.Headroom.Least >= 0)
        {
            return lane;
        }

        foreach (Lease lease in lane.Leases)
        {
            if (Cut(lease, lane.Headroom) is { } cut)
            {
                lane = lane.Without(lease).With(cut);
                _leases = _leases.SetItem(lease.Id, cut);
                _changed[lease.Id] = cut;
                if (lane.Headroom.Least >= 0)
                {
                    break;
                }
            }
        }

        return lane;
    }

    /// <summary>The lease with less where it is short; null where it is not.</summary>
    private Lease? Cut(Lease lease, Timeline headroom)
    {
        var steps = new List<CapacityStep>(lease.Held.Steps);
        bool any = false;
        foreach ((long start, long end, long quantity) in lease.Spans())
        {
            for (long at = start; at < end && headroom.FirstBelow(at, end, 0) is { } low;)
            {
                long until = Math.Min(end, headroom.NextChange(low) ?? long.MaxValue);
                long granule = lease.Request.Granule;
                long lack = checked(-headroom.At(low) + granule - 1) / granule * granule;
                long left = Math.Max(0, quantity - lack);
                steps.Add(new CapacityStep(low, left));
                if (until < end)
                {
                    steps.Add(new CapacityStep(until, quantity));
                }

                _cuts.Add(new LeaseCut(lease.Id, low, until, quantity, left, Math.Max(nowUnixMs, low)));
                any = true;
                at = until;
            }
        }

        return any
            ? lease with { Held = StepFunction.Of(steps), Generation = lease.Generation + 1 }
            : null;
    }
}
