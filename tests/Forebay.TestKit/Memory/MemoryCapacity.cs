using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;

namespace Forebay.TestKit.Memory;

/// <summary>The capacity ledger and partners in memory.</summary>
public sealed class MemoryCapacity : ICapacityLedgerStore, IPartnerStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Partner> _partners = new(StringComparer.Ordinal);
    private readonly List<PartnerEvent> _events = [];
    private readonly Dictionary<long, Lease> _leases = [];
    private CapacityLedger _ledger = CapacityLedger.Empty;

    public Task<CapacityLedger> LoadLedgerAsync(long endedBeforeUnixMs, CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult(_ledger.Forget(endedBeforeUnixMs));
        }
    }

    public Task CommitLedgerAsync(LedgerCommit commit, CancellationToken cancel)
    {
        lock (_lock)
        {
            if (commit.Before.Version != _ledger.Version)
            {
                throw new CapacityConflictException("somebody else changed it");
            }

            _ledger = commit.Result.Ledger;
            foreach (Lease lease in commit.Result.Leases.Values)
            {
                _leases[lease.Sequence] = lease;
            }
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<LedgerEntry>> ReadLedgerAsync(long afterVersion, int limit, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<LedgerEntry>>([]);

    public Task<IReadOnlyList<Lease>> ReadLeasesAsync(long fromUnixMs, long toUnixMs, CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<Lease>>([.. _leases.Values
                .Where(l => l.EndUnixMs > fromUnixMs && l.Request.FromUnixMs < toUnixMs)]);
        }
    }

    public Task<IReadOnlyList<Partner>> ListPartnersAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<Partner>>([.. _partners.Values]);
        }
    }

    public Task SavePartnerAsync(Partner next, PartnerEvent made, CancellationToken cancel)
    {
        lock (_lock)
        {
            if ((_partners.GetValueOrDefault(next.Id)?.Revision ?? 0) != next.Revision - 1)
            {
                throw new CapacityConflictException("somebody else changed it");
            }

            _partners[next.Id] = next;
            _events.Add(made);
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<PartnerEvent>> ReadPartnerEventsAsync(string id, CancellationToken cancel)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<PartnerEvent>>([.. _events.Where(e => e.Partner == id)]);
        }
    }
}
