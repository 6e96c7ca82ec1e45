using Forebay.Core.Errors;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Step 10: replaces the reservation with what was used and records it, exactly once per accepted request.
/// </summary>
internal static class Settlement
{
    /// <summary>Records usage. The client pays for what it got, and for what it walked away from; failures are on the
    /// house, though the provider's cost is recorded.</summary>
    /// <exception cref="InvalidOperationException">The request was settled before, or never accepted: an invariant is
    /// broken.</exception>
    public static void Write(Exchange x, GatewayRuntime runtime, UsageOutcome outcome, Reason reason)
    {
        if (x.Settled || !x.AcceptRecorded)
        {
            throw new InvalidOperationException(
                $"Request {x.IdText} was settled {(x.Settled ? "twice" : "without being accepted")}.");
        }

        x.Settled = true;
        var now = Instant.From(runtime.Time);
        ReleaseLimits(x, runtime, now);
        long acceptedMs = x.Accepted.WallUnixMs;
        bool charged = outcome is UsageOutcome.Completed or UsageOutcome.ClientGone;
        runtime.Journal.Settle(new UsageRecord
        {
            RequestId = x.Id,
            AcceptedUnixMs = acceptedMs,
            Tenant = x.Tenant!.Id,
            Key = x.Key!.Id,
            Model = x.Model!.Id,
            Deployment = x.Deployment?.Id ?? "",
            Pool = x.Deployment?.Pool.Id ?? "",
            Site = x.Deployment?.Site.Id ?? "",
            Provider = x.Deployment?.Provider.Id ?? "",
            Backing = x.Deployment?.Backing ?? default,
            Dialect = x.Dialect,
            Stream = x.Facts.Stream,
            Outcome = outcome,
            Reason = reason,
            Status = x.Status,
            Tokens = x.Tokens,
            Estimated = x.TokensEstimated,
            ProviderCostMicros = x.Deployment is { } last
                ? (x.Answer?.EarlierCostMicros ?? 0)
                    + last.Cost.At(acceptedMs).Of(x.Answer is { IsSplit: true } parts ? parts.Part : x.Tokens)
                : 0,
            CustomerPriceMicros = charged ? x.Model.Prices.At(acceptedMs).Of(x.Tokens) : 0,
            TimeToFirstTokenMs = x.TimeToFirstTokenMs,
            TotalMs = now.MsSince(x.Accepted),
            Attempts = x.Attempts,
            PlaceKnown = true,
            Place = x.Place,
            EarlierPlaces = x.EarlierPlaces ?? [],
        });
    }

    /// <summary>Gives the reservation back, less what was used. Cache reads do not count towards limits.</summary>
    public static void ReleaseLimits(Exchange x, GatewayRuntime runtime, Instant now)
    {
        if (!x.Reserved)
        {
            return;
        }

        x.Reserved = false;
        runtime.State.LimitsOf(x.Tenant!).Settle(
            x.Tenant!.Tier, x.Reservation, x.Tokens.Input + x.Tokens.CacheWrite, x.Tokens.Output, now);
    }
}
