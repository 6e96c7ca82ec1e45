using Forebay.Core.Config;
using Forebay.Core.Serving;

namespace Forebay.Core.Capacity.Ledger;

/// <summary>
/// Leases of what the fleet file deploys: managed by the file, changed by nobody else. Each holds its accelerators from
/// when the file is in force until it says otherwise, wherever its pool has them; capacity that is not there yet, or
/// goes, is not held. Pure, so that it can be made anew at any time.
/// </summary>
public static class DeployedLeases
{
    private const string Prefix = "file/";
    private const int MaxNamed = 5;

    /// <summary>Whether a lease is of something that the fleet file deploys.</summary>
    public static bool IsFiles(Lease lease) => lease.Id.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The changes that bring a ledger's leases to what the file deploys; none where they are. Cost: linear in
    /// the leases, and a search of its lane for each deployment that does not hold all of it for good.</summary>
    /// <param name="ledger">The ledger, its supplies as they shall be.</param>
    /// <param name="deployed">What the file deploys. Where capacity is short, who holds it keeps it; else the first has
    /// it.</param>
    /// <param name="nowUnixMs">Now.</param>
    public static IReadOnlyList<LedgerChange> Changes(
        CapacityLedger ledger, IReadOnlyCollection<DeploymentConfig> deployed, long nowUnixMs)
    {
        var wanted = deployed.Where(d => d.AcceleratorsPerReplica > 0).Select(d => RequestOf(d, nowUnixMs))
            .Where(r => ledger.SupplyOf(r.Lane) is not null).DistinctBy(r => r.Id)
            .ToDictionary(r => r.Id, StringComparer.Ordinal);

        // 1. What is not deployed any more leaves room first.
        List<LedgerChange> changes =
        [
            .. from lease in ledger.Leases
               where IsFiles(lease) && lease.EndUnixMs > nowUnixMs && !wanted.ContainsKey(lease.Id)
               select new ResizeLease(lease.Id, lease.Generation, 0, nowUnixMs),
        ];
        CapacityLedger next = ledger.Apply(changes, nowUnixMs).Ledger;

        // 2. Those that hold another quantity than they ask for; again while one leaves room for another.
        for (bool any = true; any;)
        {
            any = false;
            foreach (LeaseRequest request in wanted.Values)
            {
                if (Held(next, request, nowUnixMs) is { } held)
                {
                    changes.Add(new HoldLease(request));
                    next = held;
                    any = true;
                }
            }
        }

        return changes;
    }

    /// <summary>The ledger with what a request holds as far as there is any; null where it holds that already.
    /// </summary>
    private static CapacityLedger? Held(CapacityLedger ledger, LeaseRequest request, long nowUnixMs)
    {
        Lease? old = ledger.TryGetLease(request.Id, out Lease? known) ? known : null;
        if (old is not null && IsWhole(old, request, nowUnixMs))
        {
            return null;
        }

        LedgerResult result = ledger.Apply([new HoldLease(request)], nowUnixMs);
        return result.Refusal is null && !Same(old, result.Leases.GetValueOrDefault(request.Id), nowUnixMs)
            ? result.Ledger
            : null;
    }

    /// <summary>
    /// Why a file cannot be put in force: what it deploys anew, or more of, finds accelerators held by others. What
    /// is not there at all, since its commitment has not begun or is over, is none of this. One problem names all
    /// pools.
    /// </summary>
    /// <param name="ledger">The ledger with the leases as they are, its supplies as they would be.</param>
    /// <param name="deployed">What the file would deploy.</param>
    /// <param name="nowUnixMs">Now.</param>
    public static ConfigProblem? Lacking(
        CapacityLedger ledger, IReadOnlyCollection<DeploymentConfig> deployed, long nowUnixMs)
    {
        CapacityLedger with = ledger.Apply(Changes(ledger, deployed, nowUnixMs), nowUnixMs).Ledger;
        CapacityLedger alone = Alone(ledger, deployed, nowUnixMs);
        var lacking = new List<string>();
        foreach (IGrouping<string, DeploymentConfig> pool in deployed
            .Where(d => d.AcceleratorsPerReplica > 0).GroupBy(d => d.Pool, StringComparer.Ordinal))
        {
            long held = pool.Sum(d => HeldNow(with, d, nowUnixMs));
            long could = pool.Sum(d => HeldNow(alone, d, nowUnixMs));
            DeploymentConfig[] grows = [.. pool.Where(d => Grows(ledger, d) && HeldNow(with, d, nowUnixMs)
                < HeldNow(alone, d, nowUnixMs))];
            if (held < could && grows.Length > 0)
            {
                lacking.Add($"pool {pool.Key} has {held} of the {could} accelerators that its deployments take " +
                    $"(new: {Named(grows.Select(d => d.Id))}); {Others(ledger, pool.Key, nowUnixMs)}");
            }
        }

        return lacking.Count == 0 ? null : new ConfigProblem(
            "deployments",
            string.Join("; ", lacking),
            "Make room first (`forebay capacity leases` shows who holds what; placement lets go of a pool with " +
                "placement: manual), or deploy less.");
    }

    private static LeaseRequest RequestOf(DeploymentConfig deployment, long nowUnixMs) => new(
        $"{Prefix}{deployment.Id}/{deployment.Pool}",
        LeaseHolder.Deployment,
        deployment.Id,
        LaneOf(deployment),
        (long)deployment.Replicas * deployment.AcceleratorsPerReplica,
        nowUnixMs,
        Granule: deployment.AcceleratorsPerReplica);

    private static CapacityLane LaneOf(DeploymentConfig deployment) =>
        new(deployment.Pool, CapacityUnit.Accelerators);

    private static bool IsWhole(Lease lease, LeaseRequest request, long nowUnixMs) =>
        lease.Request.Quantity == request.Quantity && lease.Request.Granule == request.Granule
        && lease.Held.At(nowUnixMs) == request.Quantity && lease.Held.NextChange(nowUnixMs) is null;

    private static bool Same(Lease? old, Lease? next, long nowUnixMs)
    {
        StepFunction a = old?.Held ?? StepFunction.Zero;
        StepFunction b = next?.Held ?? StepFunction.Zero;
        return (old is null || (old.Request.Quantity == next?.Request.Quantity
                && old.Request.Granule == next.Request.Granule))
            && a.At(nowUnixMs) == b.At(nowUnixMs)
            && a.Steps.Where(s => s.FromUnixMs > nowUnixMs).SequenceEqual(b.Steps.Where(s => s.FromUnixMs > nowUnixMs));
    }

    /// <summary>What the file would hold if nobody else held anything.</summary>
    private static CapacityLedger Alone(
        CapacityLedger ledger, IReadOnlyCollection<DeploymentConfig> deployed, long nowUnixMs)
    {
        CapacityLedger empty = CapacityLedger.Empty.Apply(
            [
                .. deployed.Select(LaneOf).Distinct().Select(ledger.SupplyOf).OfType<PoolSupply>()
                    .Select(s => new SetSupply(s)),
            ],
            nowUnixMs).Ledger;
        return empty.Apply(Changes(empty, deployed, nowUnixMs), nowUnixMs).Ledger;
    }

    private static bool Grows(CapacityLedger ledger, DeploymentConfig deployment)
    {
        LeaseRequest request = RequestOf(deployment, 0);
        return !ledger.TryGetLease(request.Id, out Lease? old) || old.Request.Quantity < request.Quantity;
    }

    private static long HeldNow(CapacityLedger ledger, DeploymentConfig deployment, long nowUnixMs) =>
        ledger.TryGetLease(RequestOf(deployment, nowUnixMs).Id, out Lease? lease) ? lease.Held.At(nowUnixMs) : 0;

    private static string Others(CapacityLedger ledger, string pool, long nowUnixMs)
    {
        Lease[] others =
        [
            .. ledger.LeasesOf(new CapacityLane(pool, CapacityUnit.Accelerators))
                .Where(l => !IsFiles(l) && l.Held.At(nowUnixMs) > 0),
        ];
        return $"{others.Sum(l => l.Held.At(nowUnixMs))} are held by {Named(others.Select(l => l.Request.Holder))}";
    }

    private static string Named(IEnumerable<string> ids)
    {
        string[] all = [.. ids.Distinct()];
        return string.Join(", ", all.Take(MaxNamed))
            + (all.Length > MaxNamed ? $" and {all.Length - MaxNamed} more" : "");
    }
}
