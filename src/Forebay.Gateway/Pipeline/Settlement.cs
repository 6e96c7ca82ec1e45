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
            ProviderCostMicros = x.Deployment?.Cost.At(acceptedMs).Of(x.Tokens) ?? 0,
            CustomerPriceMicros = charged ? x.Model.Prices.At(acceptedMs).Of(x.Tokens) : 0,
            TimeToFirstTokenMs = x.TimeToFirstTokenMs,
            TotalMs = now.MsSince(x.Accepted),
            Attempts = x.Attempts,
        });
    }

    /// <summary>Gives the reservation back, less what was used. Cache reads do not count towards limits.</summary>
    public static void ReleaseLimits(Exchange x, GatewayRuntime runtime, Instant now)
    {
        SettleService(x);
        if (!x.Reserved)
        {
            return;
        }

        x.Reserved = false;
        runtime.State.LimitsOf(x.Tenant!).Settle(
            x.Tenant!.Tier, x.Reservation, x.Tokens.Input + x.Tokens.CacheWrite, x.Tokens.Output, now);
    }

    /// <summary>Corrects what the request charged to its tenant's share. Counts beyond what the model can do are cut,
    /// so that an absurd one does not lock the tenant out.</summary>
    private static void SettleService(Exchange x)
    {
        if (x.Service.IsOpen)
        {
            long most = x.Model!.Config.ContextTokens + (long)x.Model.Config.MaxOutputTokens;
            x.Service.Settle(
                Math.Min(x.Tokens.Prompt - x.Tokens.CacheRead, most), Math.Min(x.Tokens.Output, most));
        }
    }
}
