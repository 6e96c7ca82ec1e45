using Forebay.Core.Audit.Residency;
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
    string Outcome,
    bool Batch);

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

/// <summary>A place that requests of one kind were sent to in a minute, and what permitted it.</summary>
/// <param name="Minute">Minute of acceptance, since 1970 UTC.</param>
/// <param name="Tenant">Who asked.</param>
/// <param name="Model">For what.</param>
/// <param name="Role">What the row says of its requests.</param>
/// <param name="Context">Hash of the rules; 0 where none are known.</param>
/// <param name="Site">The site; empty where none is known.</param>
/// <param name="Jurisdiction">Its jurisdiction then.</param>
/// <param name="Country">Its country then; empty where none was told.</param>
/// <param name="Kind">The word for its kind then.</param>
internal readonly record struct PlaceKey(
    long Minute,
    string Tenant,
    string Model,
    PlaceRole Role,
    UInt128 Context,
    string Site,
    string Jurisdiction,
    string Country,
    string Kind);

/// <summary>How far the journal is folded, and what was accepted before that and not settled.</summary>
internal sealed record FoldState(JournalPosition Position, IReadOnlyList<AcceptRecord> Open);

/// <summary>One step of folding; all of it takes effect, or nothing.</summary>
/// <param name="From">The position the step starts from; it must be the stored one.</param>
/// <param name="To">The position it leads to.</param>
/// <param name="Sums">What to add to the aggregates.</param>
/// <param name="Opened">Requests accepted in it and not settled in it.</param>
/// <param name="Closed">Requests accepted before it and settled in it.</param>
/// <param name="Contexts">Rules met in it, by their hash.</param>
/// <param name="Places">Requests to add by where they were sent.</param>
/// <param name="AcceptedMinutes">Per tenant the minutes in which requests were accepted, in the order recorded, each
/// run of equal ones once.</param>
internal sealed record FoldStep(
    JournalPosition From,
    JournalPosition To,
    IReadOnlyDictionary<AggregateKey, UsageSums> Sums,
    IReadOnlyCollection<AcceptRecord> Opened,
    IReadOnlyCollection<UInt128> Closed,
    IReadOnlyDictionary<UInt128, string> Contexts,
    IReadOnlyDictionary<PlaceKey, long> Places,
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

    /// <summary>Reads where requests were sent, and how many the ledger has, from one state of the database.</summary>
    Task<ResidencyEvidence> ReadPlacesAsync(ResidencyQuery query, CancellationToken cancel);
}
