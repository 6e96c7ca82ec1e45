using Forebay.Core.Audit;
using Forebay.Core.Capacity.Ledger;
using Forebay.Core.Capacity.Partners;

namespace Forebay.UnitTests.Control.Partners;

/// <summary>The process dies: nothing after this happens.</summary>
internal sealed class CrashException : Exception;

/// <summary>Counts what is written, and dies before or after a chosen write; from then on nothing is written.</summary>
internal sealed class Fuse(int at, bool afterwards)
{
    private int _writes;

    public bool Blown { get; private set; }

    public async Task<T> RunAsync<T>(Func<Task<T>> write)
    {
        bool mine = _writes++ == at;
        if (Blown || (mine && !afterwards))
        {
            Blown = true;
            throw new CrashException();
        }

        T result = await write();
        if (mine)
        {
            Blown = true;
            throw new CrashException();
        }

        return result;
    }

    public Task RunAsync(Func<Task> write) => RunAsync(async () =>
    {
        await write();
        return true;
    });
}

internal sealed class FusedAudit(IAuditLog inner, Fuse fuse) : IAuditLog
{
    public Task<AuditEntry> AppendAsync(
        long atUnixMs, string actor, string action, string subject, string detailJson, CancellationToken cancel) =>
        fuse.RunAsync(() => inner.AppendAsync(atUnixMs, actor, action, subject, detailJson, cancel));

    public Task<IReadOnlyList<AuditEntry>> ReadAsync(long afterSequence, int limit, CancellationToken cancel) =>
        inner.ReadAsync(afterSequence, limit, cancel);

    public Task<long?> VerifyAsync(CancellationToken cancel) => inner.VerifyAsync(cancel);
}

internal sealed class FusedPartners(IPartnerStore inner, Fuse fuse) : IPartnerStore
{
    public Task<IReadOnlyList<Partner>> ListPartnersAsync(CancellationToken cancel) => inner.ListPartnersAsync(cancel);

    public Task SavePartnerAsync(Partner next, PartnerEvent made, CancellationToken cancel) =>
        fuse.RunAsync(() => inner.SavePartnerAsync(next, made, cancel));

    public Task<IReadOnlyList<PartnerEvent>> ReadPartnerEventsAsync(string id, CancellationToken cancel) =>
        inner.ReadPartnerEventsAsync(id, cancel);
}

internal sealed class FusedLedger(ICapacityLedgerStore inner, Fuse fuse) : ICapacityLedgerStore
{
    public Task<CapacityLedger> LoadLedgerAsync(long endedBeforeUnixMs, CancellationToken cancel) =>
        inner.LoadLedgerAsync(endedBeforeUnixMs, cancel);

    public Task CommitLedgerAsync(LedgerCommit commit, CancellationToken cancel) =>
        fuse.RunAsync(() => inner.CommitLedgerAsync(commit, cancel));

    public Task<IReadOnlyList<LedgerEntry>> ReadLedgerAsync(long afterVersion, int limit, CancellationToken cancel) =>
        inner.ReadLedgerAsync(afterVersion, limit, cancel);

    public Task<IReadOnlyList<Lease>> ReadLeasesAsync(long fromUnixMs, long toUnixMs, CancellationToken cancel) =>
        inner.ReadLeasesAsync(fromUnixMs, toUnixMs, cancel);
}
