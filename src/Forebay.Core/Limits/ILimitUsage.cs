using Forebay.Core.Usage;

namespace Forebay.Core.Limits;

/// <summary>How finely recorded usage is summed.</summary>
public enum UsageGrain : byte
{
    Minute,
    Hour,
    Day,
}

/// <summary>What a tenant used of a model in one minute, hour or day of acceptance.</summary>
/// <param name="Tenant">Tenant id.</param>
/// <param name="Model">Model id.</param>
/// <param name="StartUnixMs">When that time began.</param>
/// <param name="Use">The sums.</param>
public readonly record struct UsageSlice(string Tenant, string Model, long StartUnixMs, PeriodUse Use);

/// <summary>A record of the journal: an acceptance or a settlement.</summary>
public readonly record struct UsageEvent(AcceptRecord? Accept, UsageRecord? Settle);

/// <summary>What limits are rebuilt from at a start: the ledger's sums and the journal's end.</summary>
public interface ILimitUsage
{
    /// <summary>Sums from a time on, inclusive; what lies ahead of the clock as well.</summary>
    Task<IReadOnlyList<UsageSlice>> ReadSumsAsync(UsageGrain grain, long fromUnixMs, CancellationToken cancel);

    /// <summary>When each tenant opened its last five-hour window (<see cref="FiveHourOpening"/>), for those that
    /// opened one since a time.</summary>
    Task<IReadOnlyDictionary<string, long>> ReadOpeningsAsync(long fromUnixMs, CancellationToken cancel);

    /// <summary>The journal's records, in the order written, from a segment on that was written to since a time: some
    /// before that time come too.</summary>
    IAsyncEnumerable<UsageEvent> ReadEventsAsync(DateTimeOffset from, CancellationToken cancel);
}

/// <summary>
/// The five-hour windows of a tenant as its accepted requests open them, in minutes since 1970: the next one opens with
/// the first request after the last one ended.
/// </summary>
/// <param name="Minute">When the present one was opened.</param>
/// <param name="Before">When the one before it was, if any.</param>
public readonly record struct FiveHourOpening(long Minute, long? Before)
{
    private const long Minutes = 5 * 60;

    /// <summary>Takes in a request. Requests that race are recorded in any order: one from before the opening, but
    /// after the end of the window before, moves the opening back.</summary>
    public static FiveHourOpening Next(FiveHourOpening? last, long minute) => last switch
    {
        null => new FiveHourOpening(minute, null),
        { } open when minute >= open.Minute + Minutes => new FiveHourOpening(minute, open.Minute),
        { } open when minute < open.Minute && (open.Before is not { } before || minute >= before + Minutes) =>
            open with { Minute = minute },
        { } open => open,
    };
}
