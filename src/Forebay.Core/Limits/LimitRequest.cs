using Forebay.Core.Errors;
using Forebay.Core.Usage;

namespace Forebay.Core.Limits;

/// <summary>What a request asks of its tenant's limits.</summary>
/// <param name="Model">Id of the model; what answers are long is learned by it.</param>
/// <param name="ModelClass">The class of the model, or null where it has none.</param>
/// <param name="InputTokens">Estimate of its input tokens.</param>
/// <param name="MaxOutputTokens">Longest answer that it allows.</param>
/// <param name="Prices">Prices in force.</param>
/// <param name="SpendOnly">Held to the month's spend cap alone: items of batches, which have a queue of their own and
/// take nothing of what their tenant's other requests are limited by.</param>
public readonly record struct LimitRequest(
    string Model,
    string? ModelClass,
    long InputTokens,
    long MaxOutputTokens,
    TokenPrices Prices,
    bool SpendOnly = false);

/// <summary>What a request used.</summary>
/// <param name="InputTokens">Input tokens that count: cache reads excluded, cache writes included.</param>
/// <param name="OutputTokens">Output tokens.</param>
/// <param name="PriceMicros">What the customer pays, in millionths of a US dollar.</param>
/// <param name="Complete">The answer came to its own end: how long it was says how long answers are.</param>
public readonly record struct LimitUse(long InputTokens, long OutputTokens, long PriceMicros, bool Complete);

/// <summary>
/// What a request was granted; hand it back to <see cref="TenantLimits.Settle"/> or <see cref="TenantLimits.Cancel"/>,
/// exactly once.
/// </summary>
public readonly record struct LimitReservation
{
    /// <summary>Input tokens that the buckets were charged: the estimate, at most what a bucket holds.</summary>
    public long InputTokens { get; internal init; }

    /// <summary>Output tokens that buckets and windows were charged.</summary>
    public long OutputTokens { get; internal init; }

    /// <summary>Input tokens that the windows were charged: the whole estimate.</summary>
    public long EstimatedInputTokens { get; internal init; }

    /// <summary>Price that windows and the spend cap were charged.</summary>
    public long PriceMicros { get; internal init; }

    internal string Model { get; init; }

    /// <summary>Where the class of the model is counted; what it was at reservation, whatever a reload makes of it.
    /// </summary>
    internal LimitScope? OfClass { get; init; }

    internal long AtNs { get; init; }

    internal int FiveHours { get; init; }

    internal int Week { get; init; }

    internal int Month { get; init; }

    /// <summary>Which token buckets were charged, so that one that a reload adds later is charged the whole use.
    /// </summary>
    internal ChargedBuckets ChargedAll { get; init; }

    internal ChargedBuckets ChargedClass { get; init; }

    internal bool IsBatch { get; init; }

    internal bool SpendOnly { get; init; }
}

/// <summary>Buckets that a reservation was taken from.</summary>
[Flags]
internal enum ChargedBuckets : byte
{
    None = 0,
    Requests = 1,
    Input = 2,
    Output = 4,
}

/// <summary>A limit that a tenant can have. The numbers are not stored.</summary>
public enum LimitKind : byte
{
    RequestsPerMinute,
    InputTokensPerMinute,
    OutputTokensPerMinute,
    FiveHourWindow,
    WeeklyWindow,
    Acceleration,
    MonthlySpendUsd,
    MaxBatchRequests,
}

/// <summary>Why a reservation was refused.</summary>
/// <param name="Kind">The limit that stands in the way longest.</param>
/// <param name="ModelClass">The class it holds for; null for all models.</param>
/// <param name="Unit">What it counts.</param>
/// <param name="Limit">Its size, in its unit: requests, tokens or dollars.</param>
/// <param name="Remaining">What is left of it, never below zero.</param>
/// <param name="Needed">What the request needs of it.</param>
/// <param name="WaitNs">Nanoseconds until this reservation would succeed if nothing else came;
/// <see cref="long.MaxValue"/> where it never would.</param>
/// <param name="ResetsUnixMs">When a window or month ends; null for what refills continuously.</param>
public sealed record LimitRefusal(
    LimitKind Kind,
    string? ModelClass,
    LimitUnit Unit,
    decimal Limit,
    decimal Remaining,
    decimal Needed,
    long WaitNs,
    long? ResetsUnixMs)
{
    public Reason Reason => LimitKinds.ReasonOf(Kind);
}

/// <summary>Answer to a reservation.</summary>
/// <param name="Reservation">What was reserved; nothing where it was refused.</param>
/// <param name="Refusal">The limit that refused, or null.</param>
public readonly record struct LimitDecision(LimitReservation Reservation, LimitRefusal? Refusal)
{
    /// <summary>The reason of the refusal, or <see cref="Errors.Reason.None"/>.</summary>
    public Reason Reason => Refusal?.Reason ?? Reason.None;
}
