using Forebay.Core.Errors;
using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>What a request was granted; hand it back to <see cref="TenantLimits.Settle"/> exactly once.</summary>
/// <param name="InputTokens">Input tokens reserved.</param>
/// <param name="OutputTokens">Output tokens reserved.</param>
public readonly record struct LimitReservation(long InputTokens, long OutputTokens);

/// <summary>Answer to a reservation.</summary>
/// <param name="Reason">The limit that refused, or <see cref="Errors.Reason.None"/>.</param>
/// <param name="WaitNs">Nanoseconds until the refused amount would be there.</param>
/// <param name="Reservation">What was reserved.</param>
public readonly record struct LimitDecision(Reason Reason, long WaitNs, LimitReservation Reservation);

/// <summary>The buckets of one tenant: requests, input tokens and output tokens per minute.</summary>
public sealed class TenantLimits
{
    public TokenBucket Requests { get; } = new();

    public TokenBucket InputTokens { get; } = new();

    public TokenBucket OutputTokens { get; } = new();

    /// <summary>
    /// Reserves a request, all or nothing. Amounts beyond a bucket's size are cut to it, so that a request that always
    /// asks for the longest answer is still served on a small tier; settlement then takes what was really used, and
    /// the bucket may go below zero by at most that difference times the requests in flight.
    /// </summary>
    public LimitDecision Reserve(TierConfig tier, long inputTokens, long outputTokens, Instant now)
    {
        long wait = 0;
        if (tier.RequestsPerMinute is { } rpm && !Requests.TryTake(1, rpm, now, out wait))
        {
            return new LimitDecision(Reason.LimitRequests, wait, default);
        }

        long input = Math.Min(inputTokens, tier.InputTokensPerMinute ?? inputTokens);
        if (tier.InputTokensPerMinute is { } itpm && !InputTokens.TryTake(input, itpm, now, out wait))
        {
            ReturnRequest(tier, now);
            return new LimitDecision(Reason.LimitInputTokens, wait, default);
        }

        long output = Math.Min(outputTokens, tier.OutputTokensPerMinute ?? outputTokens);
        if (tier.OutputTokensPerMinute is { } otpm && !OutputTokens.TryTake(output, otpm, now, out wait))
        {
            ReturnRequest(tier, now);
            Correct(tier, new LimitReservation(input, 0), 0, 0, now);
            return new LimitDecision(Reason.LimitOutputTokens, wait, default);
        }

        return new LimitDecision(Reason.None, 0, new LimitReservation(input, output));
    }

    /// <summary>Replaces a reservation with what was used. Input excludes cache reads.</summary>
    public void Settle(
        TierConfig tier,
        LimitReservation reserved,
        long inputTokens,
        long outputTokens,
        Instant now) => Correct(tier, reserved, inputTokens, outputTokens, now);

    private void ReturnRequest(TierConfig tier, Instant now)
    {
        if (tier.RequestsPerMinute is { } rpm)
        {
            Requests.Return(1, rpm, now);
        }
    }

    private void Correct(
        TierConfig tier,
        LimitReservation reserved,
        long inputTokens,
        long outputTokens,
        Instant now)
    {
        if (tier.InputTokensPerMinute is { } itpm)
        {
            InputTokens.Return(reserved.InputTokens - inputTokens, itpm, now);
        }

        if (tier.OutputTokensPerMinute is { } otpm)
        {
            OutputTokens.Return(reserved.OutputTokens - outputTokens, otpm, now);
        }
    }
}
