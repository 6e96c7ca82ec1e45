using Forebay.Control.Capacity;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Fleet;

namespace Forebay.Control.Placement;

/// <summary>
/// The leases of replicas in the capacity ledger: one for each, from before its engine is started until it has stopped,
/// for as long as its pool has the accelerators.
/// </summary>
public sealed class ReplicaLeases(CapacityService capacity)
{
    /// <summary>Who changes the ledger.</summary>
    public const string Actor = "placement";

    private const string Prefix = "replica/";

    /// <summary>Replicas give way before what the fleet file deploys: placement can start them elsewhere.</summary>
    private const int PlacedRank = 1;

    public static CapacityLane LaneOf(string pool) => new(pool, CapacityUnit.Accelerators);

    /// <summary>Whether a lease is a replica's.</summary>
    public static bool IsReplicas(Lease lease) => lease.Id.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Whether a replica holds accelerators of a pool at a time. Cost: a look at the pool's leases.</summary>
    public static bool Holds(CapacityLedger ledger, string replica, string pool, long atUnixMs) =>
        ledger.LeasesOf(LaneOf(pool)).Any(l => IsOf(l, replica) && l.Held.At(atUnixMs) > 0);

    /// <summary>Accelerators that are leased now, with what deployments of the fleet file hold without a
    /// lease.</summary>
    public static IEnumerable<LeasedAccelerators> Leased(CapacityLedger ledger, FleetConfig fleet, long nowUnixMs)
    {
        Lease[] holding =
        [
            .. ledger.Leases.Where(l => l.Lane.Unit == CapacityUnit.Accelerators && l.Held.At(nowUnixMs) > 0),
        ];
        var holders = holding.Select(l => l.Request.Holder).ToHashSet(StringComparer.Ordinal);
        return holding.Select(l => new LeasedAccelerators(l.Request.Holder, l.Lane.Pool, l.Held.At(nowUnixMs)))
            .Concat(ConcentrationShares.LeasesOf(fleet).Where(d => !holders.Contains(d.Holder)));
    }

    /// <summary>The leases of each replica that hold anything now or later.</summary>
    public static ILookup<string, Lease> ByReplica(CapacityLedger ledger, long nowUnixMs) => ledger.Leases
        .Where(l => IsReplicas(l) && l.EndUnixMs > nowUnixMs)
        .ToLookup(l => l.Request.Holder, StringComparer.Ordinal);

    /// <summary>Whether leases need nothing done: one, open, that holds all of it from now on.</summary>
    public static bool IsWhole(IEnumerable<Lease> own, int accelerators, long nowUnixMs) =>
        own.ToArray() is [var only] && only.Held.At(nowUnixMs) == accelerators
        && only.Held.NextChange(nowUnixMs) is null;

    /// <summary>
    /// Gives a replica a lease from now on: open where the pool has the accelerators for good, else until the first
    /// time that it has not. A lease that could go on longer than it does is replaced by one that does, in one change.
    /// </summary>
    /// <returns>Null when it holds one, else why not.</returns>
    public async Task<string?> HoldAsync(
        string replica, string pool, int accelerators, long nowUnixMs, CancellationToken cancel)
    {
        LedgerResult result = await capacity.ApplyAsync(
            ledger => Changes(ledger, replica, pool, accelerators, nowUnixMs), Actor, $"hold {replica}", cancel)
            .ConfigureAwait(false);
        return result.Refusal?.Message;
    }

    /// <summary>Ends the leases of replicas whose engines are gone.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="alive">Replicas that run, stop or shall run.</param>
    /// <param name="nowUnixMs">Now.</param>
    public static IEnumerable<LedgerChange> Ended(CapacityLedger ledger, HashSet<string> alive, long nowUnixMs) =>
        from lease in ledger.Leases
        where IsReplicas(lease) && lease.EndUnixMs > nowUnixMs && !alive.Contains(lease.Request.Holder)
        select new ResizeLease(lease.Id, lease.Generation, 0, nowUnixMs);

    private static List<LedgerChange> Changes(
        CapacityLedger ledger, string replica, string pool, int accelerators, long nowUnixMs)
    {
        Lease[] own =
        [
            .. ledger.LeasesOf(LaneOf(pool)).Where(l => IsOf(l, replica) && l.EndUnixMs > nowUnixMs),
        ];
        if (IsWhole(own, accelerators, nowUnixMs))
        {
            return [];
        }

        string id = Prefix + replica;
        var open = new LeaseRequest(
            ledger.TryGetLease(id, out _) ? $"{id}/{nowUnixMs}" : id,
            LeaseHolder.Deployment,
            replica,
            LaneOf(pool),
            accelerators,
            nowUnixMs,
            Rank: PlacedRank,
            Granule: accelerators);
        List<LedgerChange> changes = [.. own.Select(l => new ResizeLease(l.Id, l.Generation, 0, nowUnixMs))];

        // What it could have without what it has. The ledger is a value: nothing comes of asking it.
        LedgerRefusal? shortage = ledger.Apply([.. changes, new GrantLease(open)], nowUnixMs).Refusal;
        if (shortage?.ShortAtUnixMs is not { } end || end <= nowUnixMs)
        {
            // For good; or not at all, and then the ledger says why.
            return [.. changes, new GrantLease(open)];
        }

        bool holds = own is [var one] && one.Held.At(nowUnixMs) == accelerators
            && one.Held.Min(nowUnixMs, Math.Min(end, one.EndUnixMs)) == accelerators && one.EndUnixMs >= end;
        return holds ? [] : [.. changes, new GrantLease(open with { UntilUnixMs = end })];
    }

    private static bool IsOf(Lease lease, string replica) => IsReplicas(lease) && lease.Request.Holder == replica;
}
