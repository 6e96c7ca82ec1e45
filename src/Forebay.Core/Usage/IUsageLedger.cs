namespace Forebay.Core.Usage;

/// <summary>A dimension that usage is grouped by.</summary>
public enum UsageDimension : byte
{
    Hour,
    Day,
    Tenant,
    Key,
    Model,
    Deployment,
    Provider,
    Backing,
    Outcome,
    Pool,

    /// <summary><c>yes</c> for items of batches, <c>no</c> for other requests.</summary>
    Batch,
}

/// <summary>A question about recorded usage. Times are UTC, the end exclusive; filters null match everything.</summary>
public sealed record UsageQuery(
    DateTimeOffset From,
    DateTimeOffset To,
    IReadOnlyList<UsageDimension> GroupBy,
    string? Tenant = null,
    string? Model = null,
    string? Provider = null);

/// <summary>One group of the answer. <paramref name="Group"/> holds one value per dimension asked, in that order.
/// </summary>
public sealed record UsageRow(
    IReadOnlyList<string> Group,
    long Requests,
    long FailedRequests,
    TokenUsage Tokens,
    long ProviderCostMicros,
    long CustomerPriceMicros,
    double MeanTimeToFirstTokenMs,
    double MeanTotalMs);

/// <summary>Usage folded into per-minute aggregates; what was settled shows at the latest after one fold interval.
/// </summary>
public interface IUsageLedger
{
    /// <summary>Answers a query after folding everything settled so far.</summary>
    Task<IReadOnlyList<UsageRow>> QueryAsync(UsageQuery query, CancellationToken cancel);
}
