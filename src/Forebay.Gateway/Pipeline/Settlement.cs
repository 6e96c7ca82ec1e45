using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Core.Usage;
using Forebay.Gateway.Telemetry;
using Forebay.Protocols;

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
        CutImplausible(x, runtime);
        SettleService(x);
        if (outcome == UsageOutcome.Completed)
        {
            Calibrate(x, runtime);
        }

        long acceptedMs = x.ReservedAt.WallUnixMs;
        bool charged = (outcome is UsageOutcome.Completed or UsageOutcome.ClientGone)
            && x.Batch is not { Prepaid: true };
        long price = charged ? x.Model!.Prices.At(acceptedMs, x.Batch is not null).Of(x.Tokens) : 0;
        SettleLimits(x, runtime, price, outcome, now);
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
            Batch = x.Batch is not null,
            Outcome = outcome,
            Reason = reason,
            Status = x.Status,
            Tokens = x.Tokens,
            Estimated = x.TokensEstimated,
            ProviderCostMicros = x.Deployment is { } last
                ? (x.Answer?.EarlierCostMicros ?? 0)
                    + last.Cost.At(acceptedMs).Of(x.Answer is { IsSplit: true } parts ? parts.Part : x.Tokens)
                : 0,
            CustomerPriceMicros = price,
            TimeToFirstTokenMs = x.TimeToFirstTokenMs,
            TotalMs = now.MsSince(x.Accepted),
            Attempts = x.Attempts,
            PlaceKnown = true,
            Place = x.Place,
            EarlierPlaces = x.EarlierPlaces ?? [],
        });
    }

    /// <summary>Takes back the reservation of a request that was never accepted.</summary>
    public static void Cancel(Exchange x, GatewayRuntime runtime)
    {
        if (x.Reserved)
        {
            x.Reserved = false;
            runtime.State.LimitsOf(x.Tenant!).Cancel(x.Reservation, Instant.From(runtime.Time));
        }
    }

    /// <summary>Learns what the model's tokenizer makes of text, from usage that an upstream told of one whole answer.
    /// </summary>
    private static void Calibrate(Exchange x, GatewayRuntime runtime)
    {
        // Neither of these is told by its text: media, and what an account stores.
        const RequestFeatures other = RequestFeatures.Images | RequestFeatures.Documents | RequestFeatures.Audio
            | RequestFeatures.ServerState;
        if (x.TokensEstimated || x.Answer is { Times: > 0 } || (x.Facts.Features & other) != 0)
        {
            return;
        }

        if (runtime.State.InputOf(x.Model!).Observe(x.Facts.EstimatedInputTokens, x.Tokens.Prompt))
        {
            runtime.Metrics.InputEstimated(x);
        }
    }

    /// <summary>Replaces the reservation by what was used. Cache reads do not count towards limits.</summary>
    private static void SettleLimits(
        Exchange x, GatewayRuntime runtime, long priceMicros, UsageOutcome outcome, Instant now)
    {
        x.Reserved = false;
        bool complete = outcome == UsageOutcome.Completed && x.Tokens.Output > 0;
        runtime.State.LimitsOf(x.Tenant!).Settle(
            x.Reservation,
            new LimitUse(x.Tokens.Input + x.Tokens.CacheWrite, x.Tokens.Output, priceMicros, complete),
            now);
    }

    /// <summary>What an upstream cannot have done is not charged to anybody: cut, marked as an estimate, and told to
    /// the operator.</summary>
    private static void CutImplausible(Exchange x, GatewayRuntime runtime)
    {
        TokenUsage told = x.Tokens;
        x.Tokens = PlausibleUsage.Of(
            told, (long)x.Model!.Config.ContextTokens * x.Items, x.Model.Config.MaxOutputTokens, out bool implausible);
        if (implausible)
        {
            x.TokensEstimated = true;
            runtime.Metrics.ImplausibleUsage(x);
            Log.ImplausibleUsage(
                runtime.Logger, x.IdText, x.Deployment?.Id ?? "none", told.Prompt, told.Output, x.Tokens.Prompt,
                x.Tokens.Output);
        }
    }

    /// <summary>Corrects what the request charged to its tenant's share.</summary>
    private static void SettleService(Exchange x)
    {
        if (x.Service.IsOpen)
        {
            x.Service.Settle(x.Tokens.Prompt - x.Tokens.CacheRead, x.Tokens.Output);
        }
    }
}
