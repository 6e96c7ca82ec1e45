using Forebay.Core.Audit.Residency;
using Forebay.Core.Usage;
using Forebay.Storage.Journal;

namespace Forebay.Storage.Usage;

/// <summary>Answers from the folded aggregates, once everything settled so far is folded.</summary>
internal sealed class UsageLedger(UsageFolder folder, UsageJournal journal, IFoldStore store)
    : IUsageLedger, IResidencyLedger
{
    public async Task<IReadOnlyList<UsageRow>> QueryAsync(UsageQuery query, CancellationToken cancel)
    {
        _ = await folder.FoldAsync(journal.Sync, cancel).ConfigureAwait(false);
        return await store.QueryAsync(query, cancel).ConfigureAwait(false);
    }

    public async Task<ResidencyEvidence> ReadPlacesAsync(ResidencyQuery query, CancellationToken cancel)
    {
        _ = await folder.FoldAsync(journal.Sync, cancel).ConfigureAwait(false);
        return await store.ReadPlacesAsync(query, cancel).ConfigureAwait(false);
    }
}
