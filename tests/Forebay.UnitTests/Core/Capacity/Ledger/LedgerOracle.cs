using Forebay.Core.Capacity.Ledger;

namespace Forebay.UnitTests.Core.Capacity.Ledger;

/// <summary>The ledger as arrays of instants: slow, and too simple to be wrong in the same way.</summary>
internal sealed class LedgerOracle(int span)
{
    private readonly Dictionary<CapacityLane, long[]> _available = [];
    private readonly Dictionary<string, (LeaseRequest Request, long[] Held, long Sequence)> _leases = [];
    private long _sequence;

    public IReadOnlyDictionary<string, (LeaseRequest Request, long[] Held, long Sequence)> Leases => _leases;

    public long[] Available(CapacityLane lane) => _available.GetValueOrDefault(lane) ?? new long[span];

    public long[] Leased(CapacityLane lane)
    {
        var sum = new long[span];
        foreach ((LeaseRequest request, long[] held, _) in _leases.Values)
        {
            for (int t = 0; request.Lane == lane && t < span; t++)
            {
                sum[t] += held[t];
            }
        }

        return sum;
    }

    /// <summary>Sets a supply; per instant, leases give way in order until nothing is short.</summary>
    public void Set(PoolSupply supply)
    {
        _available[supply.Lane] = [.. Enumerable.Range(0, span).Select(t => AvailableAt(supply, t))];
        for (int t = 0; t < span; t++)
        {
            long lack = Leased(supply.Lane)[t] - _available[supply.Lane][t];
            foreach ((LeaseRequest request, long[] held, _) in _leases.Values
                .Where(l => l.Request.Lane == supply.Lane)
                .OrderByDescending(l => l.Request.Revocable)
                .ThenByDescending(l => l.Request.HolderKind == LeaseHolder.Reserve)
                .ThenByDescending(l => l.Request.Rank)
                .ThenByDescending(l => l.Sequence))
            {
                while (lack > 0 && held[t] > 0)
                {
                    long cut = Math.Min(held[t], request.Granule);
                    held[t] -= cut;
                    lack -= cut;
                }
            }
        }
    }

    public void Remove(CapacityLane lane)
    {
        _available.Remove(lane);
        foreach (string id in _leases.Where(l => l.Value.Request.Lane == lane).Select(l => l.Key).ToArray())
        {
            _leases.Remove(id);
        }
    }

    public bool Grant(LeaseRequest request)
    {
        if (_leases.ContainsKey(request.Id) || !_available.TryGetValue(request.Lane, out long[]? available))
        {
            return false;
        }

        int end = (int)Math.Min(request.UntilUnixMs ?? span, span);
        long[] leased = Leased(request.Lane);
        for (int t = (int)request.FromUnixMs; t < end; t++)
        {
            if (leased[t] + request.Quantity > available[t])
            {
                return false;
            }
        }

        var held = new long[span];
        Array.Fill(held, request.Quantity, (int)request.FromUnixMs, end - (int)request.FromUnixMs);
        _leases.Add(request.Id, (request, held, ++_sequence));
        return true;
    }

    /// <summary>Per instant as much as is free, by whole granules.</summary>
    public bool Hold(LeaseRequest request)
    {
        if (!_available.TryGetValue(request.Lane, out long[]? available)
            || (_leases.TryGetValue(request.Id, out var old) && old.Request.Lane != request.Lane))
        {
            return false;
        }

        bool known = _leases.TryGetValue(request.Id, out var lease);
        long[] held = known ? lease.Held : new long[span];
        long[] leased = Leased(request.Lane);
        for (int t = (int)request.FromUnixMs; t < span; t++)
        {
            long free = available[t] - leased[t] + held[t];
            bool inside = t < (request.UntilUnixMs ?? span);
            held[t] = inside ? Math.Min(request.Quantity, free / request.Granule * request.Granule) : 0;
        }

        LeaseRequest kept = known
            ? request with { FromUnixMs = Math.Min(lease.Request.FromUnixMs, request.FromUnixMs) }
            : request;
        _leases[request.Id] = (kept, held, known ? lease.Sequence : ++_sequence);
        return true;
    }

    public bool Resize(string id, long quantity, int at)
    {
        if (!_leases.TryGetValue(id, out var lease) || quantity % lease.Request.Granule != 0)
        {
            return false;
        }

        int end = (int)Math.Min(lease.Request.UntilUnixMs ?? span, span);
        int start = Math.Max(at, (int)lease.Request.FromUnixMs);
        if (start >= end)
        {
            return false;
        }

        long[] leased = Leased(lease.Request.Lane);
        for (int t = start; t < end; t++)
        {
            if (leased[t] - lease.Held[t] + quantity > _available[lease.Request.Lane][t])
            {
                return false;
            }
        }

        Array.Fill(lease.Held, quantity, start, end - start);
        return true;
    }

    private static long AvailableAt(PoolSupply supply, int t)
    {
        long contracted = supply.Contracted.Steps.LastOrDefault(s => s.FromUnixMs <= t).Quantity;
        UsableShare share = supply.Shares.LastOrDefault(s => s.FromUnixMs <= t);
        long left = share.Promised == 0 ? 0 : contracted * share.Usable / share.Promised;
        foreach (SupplyEvent gone in supply.Events.Where(e => e.FromUnixMs <= t && (e.UntilUnixMs ?? long.MaxValue) > t))
        {
            left = Math.Max(0, left - (gone.Quantity ?? left));
        }

        return left;
    }
}
