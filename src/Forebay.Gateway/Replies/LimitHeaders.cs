using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Replies;

/// <summary>Rate-limit headers in the client's dialect, and the words of a refusal.</summary>
internal static class LimitHeaders
{
    /// <summary>Longest wait that is advised: clients sleep as long as they are told, whatever it is.</summary>
    private const int LongestRetrySeconds = 3600;

    /// <summary>Sets what is left of each limit that the tenant's tier has.</summary>
    public static void Set(Exchange x, FleetState state, Instant now)
    {
        TierConfig tier = x.Tenant!.Tier;
        TenantLimits limits = state.LimitsOf(x.Tenant);
        IHeaderDictionary headers = x.Http.Response.Headers;
        if (tier.RequestsPerMinute is { } requests)
        {
            Set(x, now, headers, RateLimitUnit.Requests, limits.Requests, requests);
        }

        if (x.Dialect == Dialect.Anthropic)
        {
            if (tier.InputTokensPerMinute is { } input)
            {
                Set(x, now, headers, RateLimitUnit.InputTokens, limits.InputTokens, input);
            }

            if (tier.OutputTokensPerMinute is { } output)
            {
                Set(x, now, headers, RateLimitUnit.OutputTokens, limits.OutputTokens, output);
            }
        }
        else if (tier.InputTokensPerMinute is { } tokens)
        {
            Set(x, now, headers, RateLimitUnit.Tokens, limits.InputTokens, tokens);
        }
    }

    /// <summary>The failure for a refused reservation, with an honest time to come back.</summary>
    public static Failure Refusal(Exchange x, LimitDecision decision)
    {
        TierConfig tier = x.Tenant!.Tier;
        (string name, long? limit) = decision.Reason switch
        {
            Reason.LimitRequests => ("requests", (long?)tier.RequestsPerMinute),
            Reason.LimitInputTokens => ("input tokens", tier.InputTokensPerMinute),
            _ => ("output tokens", tier.OutputTokensPerMinute),
        };
        int seconds = (int)Math.Clamp(
            Math.Ceiling(decision.WaitNs / (double)Instant.NsPerSecond), 1, LongestRetrySeconds);
        return new Failure(
            decision.Reason,
            $"This tenant's limit of {limit:N0} {name} per minute (tier {tier.Id}) is used up. " +
            $"Try again in {seconds} s, or ask the operator for a higher tier.",
            null,
            seconds);
    }

    private static void Set(
        Exchange x,
        Instant now,
        IHeaderDictionary headers,
        RateLimitUnit unit,
        TokenBucket bucket,
        long limit)
    {
        var state = new RateLimit(
            limit, bucket.Remaining(limit, now), TimeSpan.FromTicks(bucket.FullInNs(now) / 100));
        var sink = new Sink(headers);
        RateLimitHeaders.Set(ref sink, x.Wire, unit, state, now.Wall);
    }

    private readonly struct Sink(IHeaderDictionary headers) : IHeaderSink
    {
        public void Set(string name, string value) => headers[name] = value;
    }
}
