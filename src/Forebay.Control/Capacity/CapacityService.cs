using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;

namespace Forebay.Control.Capacity;

/// <summary>
/// The capacity ledger of a running server: one change at a time, on disk before it holds. Reading takes no lock: the
/// ledger is a value.
/// </summary>
public sealed class CapacityService(ICapacityLedgerStore store, TimeProvider time) : IDisposable
{
    /// <summary>How long leases that ended are kept at hand; the store keeps them for good.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(2);

    private const int MostTries = 3;
    private const string FollowsFleet = "supply follows the fleet";

    private readonly SemaphoreSlim _gate = new(1, 1);
    private CapacityLedger _ledger = CapacityLedger.Empty;

    /// <summary>The ledger as it stands.</summary>
    public CapacityLedger Ledger => Volatile.Read(ref _ledger);

    /// <summary>Told of leases that have to shrink, after it is on disk. Must be quick and not throw.</summary>
    public Action<IReadOnlyList<LeaseCut>>? Cut { get; set; }

    /// <summary>Told when what there is changed, after it is on disk. Must be quick and not throw.</summary>
    public Action? SupplyChanged { get; set; }

    /// <summary>What the fleet file in force deploys; set before the first fleet is put in force.</summary>
    public Func<IReadOnlyCollection<DeploymentConfig>>? Deployed { get; set; }

    public async Task LoadAsync(CancellationToken cancel) => Volatile.Write(
        ref _ledger, await store.LoadLedgerAsync(EndedBeforeMs(), cancel).ConfigureAwait(false));

    /// <summary>Makes all of the changes or none.</summary>
    /// <param name="decide">The changes, from the ledger as it stands; runs again when another process changed it
    /// meanwhile. None for nothing to do.</param>
    /// <param name="actor">Who.</param>
    /// <param name="reason">Why, in a few words.</param>
    /// <param name="cancel">Gives up waiting.</param>
    /// <exception cref="CapacityConflictException">Others kept changing it.</exception>
    public async Task<LedgerResult> ApplyAsync(
        Func<CapacityLedger, IReadOnlyList<LedgerChange>> decide,
        string actor,
        string reason,
        CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            return await ApplyInTurnAsync(decide, actor, reason, cancel).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Brings the supplies to what the fleet and the partners say, and the leases of what the fleet file
    /// deploys to what it says. Outages and drains that others put there stay. Nothing is written where nothing
    /// differs.</summary>
    public Task<LedgerResult> SyncAsync(
        FleetConfig fleet, IReadOnlyCollection<Partner> partners, string actor, CancellationToken cancel) =>
        ApplyAsync(ledger => Synced(ledger, fleet, partners), actor, FollowsFleet, cancel);

    /// <summary>
    /// Puts a fleet file in force if what it deploys anew has room, and takes its leases: nobody else leases anything
    /// in between. What is in force already is never refused, and a file that is refused changes no lease.
    /// </summary>
    /// <param name="fleet">The fleet as it would be.</param>
    /// <param name="deployed">What the file would deploy.</param>
    /// <param name="partners">Every partner.</param>
    /// <param name="putInForce">Puts it in force; where it returns problems, nothing was changed.</param>
    /// <param name="actor">Who.</param>
    /// <param name="cancel">Gives up waiting.</param>
    public async Task<IReadOnlyList<ConfigProblem>> PutInForceAsync(
        FleetConfig fleet,
        IReadOnlyCollection<DeploymentConfig> deployed,
        IReadOnlyCollection<Partner> partners,
        Func<Task<IReadOnlyList<ConfigProblem>>> putInForce,
        string actor,
        CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            long now = time.GetUtcNow().ToUnixTimeMilliseconds();
            CapacityLedger supplied = _ledger.Apply(SupplySync.Changes(_ledger, fleet, partners), now).Ledger;
            if (DeployedLeases.Lacking(supplied, deployed, now) is { } lacking)
            {
                return [lacking];
            }

            IReadOnlyList<ConfigProblem> problems = await putInForce().ConfigureAwait(false);
            if (problems.Count == 0)
            {
                await ApplyInTurnAsync(ledger => Synced(ledger, fleet, partners), actor, FollowsFleet, cancel)
                    .ConfigureAwait(false);
            }

            return problems;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>With further changes, and the leases of what the fleet file deploys as they are to be after them.
    /// </summary>
    public IReadOnlyList<LedgerChange> WithDeployed(CapacityLedger ledger, IReadOnlyList<LedgerChange> changes)
    {
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        LedgerResult next = ledger.Apply(changes, now);
        return Deployed is not { } deployed || next.Refusal is not null ? changes
            : [.. changes, .. DeployedLeases.Changes(next.Ledger, deployed(), now)];
    }

    private IReadOnlyList<LedgerChange> Synced(
        CapacityLedger ledger, FleetConfig fleet, IReadOnlyCollection<Partner> partners) =>
        WithDeployed(ledger, SupplySync.Changes(ledger, fleet, partners));

    private async Task<LedgerResult> ApplyInTurnAsync(
        Func<CapacityLedger, IReadOnlyList<LedgerChange>> decide,
        string actor,
        string reason,
        CancellationToken cancel)
    {
        for (int tries = 1; ; tries++)
        {
            CapacityLedger ledger = _ledger;
            IReadOnlyList<LedgerChange> changes = decide(ledger);
            long now = time.GetUtcNow().ToUnixTimeMilliseconds();
            LedgerResult result = changes.Count == 0
                ? new LedgerResult { Ledger = ledger }
                : ledger.Apply(changes, now);
            if (result.Refusal is not null || changes.Count == 0)
            {
                return result;
            }

            try
            {
                var commit = new LedgerCommit(ledger, result, now, actor, reason);
                await store.CommitLedgerAsync(commit, CancellationToken.None).ConfigureAwait(false);
            }
            catch (CapacityConflictException) when (tries < MostTries)
            {
                await LoadAsync(cancel).ConfigureAwait(false);
                continue;
            }

            Volatile.Write(ref _ledger, result.Ledger);
            if (!result.Cuts.IsEmpty)
            {
                Cut?.Invoke(result.Cuts);
            }

            if (result.Supplies.Count > 0)
            {
                SupplyChanged?.Invoke();
            }

            return result;
        }
    }

    /// <summary>Leases that held anything in a time, also those that ended.</summary>
    public Task<IReadOnlyList<Lease>> ReadLeasesAsync(long fromUnixMs, long toUnixMs, CancellationToken cancel) =>
        store.ReadLeasesAsync(fromUnixMs, toUnixMs, cancel);

    /// <summary>Lets go of leases that ended; call now and then.</summary>
    public async Task ForgetAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            Volatile.Write(ref _ledger, _ledger.Forget(EndedBeforeMs()));
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private long EndedBeforeMs() => (time.GetUtcNow() - Kept).ToUnixTimeMilliseconds();
}
