namespace Forebay.Core.Capacity.Ledger;

/// <summary>A change of the ledger to be made durable.</summary>
/// <param name="Before">The ledger that it was made from.</param>
/// <param name="Result">What came of it; not refused.</param>
/// <param name="AtUnixMs">When.</param>
/// <param name="Actor">Who made it.</param>
/// <param name="Reason">Why, in a few words.</param>
public sealed record LedgerCommit(
    CapacityLedger Before, LedgerResult Result, long AtUnixMs, string Actor, string Reason);

/// <summary>An entry of the change log.</summary>
/// <param name="Version">The version that it made.</param>
/// <param name="AtUnixMs">When.</param>
/// <param name="Actor">Who.</param>
/// <param name="Reason">Why.</param>
/// <param name="ChangeJson">Supplies, leases and cuts as they were after it.</param>
public sealed record LedgerEntry(long Version, long AtUnixMs, string Actor, string Reason, string ChangeJson);

/// <summary>The capacity ledger, durable: an append-only log of changes and the state after the last of them. A crash
/// leaves either the state before a change or the one after it.</summary>
public interface ICapacityLedgerStore
{
    /// <summary>The ledger as last committed.</summary>
    /// <param name="endedBeforeUnixMs">Leases that ended before this are left out.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="CapacityInvariantException">What is stored breaks the invariant.</exception>
    Task<CapacityLedger> LoadLedgerAsync(long endedBeforeUnixMs, CancellationToken cancel);

    /// <summary>Appends a change and moves the state to it, both or neither.</summary>
    /// <exception cref="CapacityConflictException">The stored version is not the one it was made from; nothing was
    /// changed.</exception>
    Task CommitLedgerAsync(LedgerCommit commit, CancellationToken cancel);

    /// <summary>Changes after a version, oldest first.</summary>
    Task<IReadOnlyList<LedgerEntry>> ReadLedgerAsync(long afterVersion, int limit, CancellationToken cancel);

    /// <summary>Every lease that held anything in a time, also those that ended.</summary>
    Task<IReadOnlyList<Lease>> ReadLeasesAsync(long fromUnixMs, long toUnixMs, CancellationToken cancel);
}
