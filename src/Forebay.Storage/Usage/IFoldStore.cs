using Forebay.Core.Usage;
using Forebay.Storage.Journal;

namespace Forebay.Storage.Usage;

/// <summary>What identifies an aggregate besides its minute.</summary>
internal readonly record struct UsageSeries(
    string Tenant,
    string Key,
    string Model,
    string Deployment,
    string Pool,
    string Site,
    string Provider,
    string Backing,
    string Outcome);

/// <summary>An aggregate: one minute (minutes since 1970 UTC, of acceptance) of one series.</summary>
internal readonly record struct AggregateKey(long Minute, UsageSeries Series);

/// <summary>Sums over the requests of an aggregate. Times in microseconds, money in micro-units.</summary>
internal struct UsageSums
{
    public long Requests;
    public TokenUsage Tokens;
    public long ProviderCostMicros;
    public long CustomerPriceMicros;

    /// <summary>Requests that had a first token.</summary>
    public long FirstTokens;
    public long FirstTokenUs;
    public long TotalUs;
}

/// <summary>How far the journal is folded, and what was accepted before that and not settled.</summary>
internal sealed record FoldState(JournalPosition Position, IReadOnlyList<AcceptRecord> Open);

/// <summary>One step of folding; all of it takes effect, or nothing.</summary>
/// <param name="From">The position the step starts from; it must be the stored one.</param>
/// <param name="To">The position it leads to.</param>
/// <param name="Sums">What to add to the aggregates.</param>
/// <param name="Opened">Requests accepted in it and not settled in it.</param>
/// <param name="Closed">Requests accepted before it and settled in it.</param>
/// <param name="AcceptedMinutes">Per tenant the minutes in which requests were accepted, in the order recorded, each
/// run of equal ones once.</param>
internal sealed record FoldStep(
    JournalPosition From,
    JournalPosition To,
    IReadOnlyDictionary<AggregateKey, UsageSums> Sums,
    IReadOnlyCollection<AcceptRecord> Opened,
    IReadOnlyCollection<UInt128> Closed,
    IReadOnlyDictionary<string, IReadOnlyList<long>> AcceptedMinutes);

/// <summary>Where folded usage is kept: the seam between the fold and a database.</summary>
internal interface IFoldStore
{
    Task<FoldState> LoadAsync(CancellationToken cancel);

    /// <summary>Applies a step in one transaction.</summary>
    /// <exception cref="StorageException">Nothing was applied; another writer was faster, or the database failed.
    /// </exception>
    Task ApplyAsync(FoldStep step, CancellationToken cancel);

    Task<IReadOnlyList<UsageRow>> QueryAsync(UsageQuery query, CancellationToken cancel);
}
