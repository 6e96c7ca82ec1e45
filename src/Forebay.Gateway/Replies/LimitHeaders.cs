using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Replies;

/// <summary>Rate-limit headers in the client's dialect: per unit the limit that binds, the tier's or the class's.
/// </summary>
internal static class LimitHeaders
{
    /// <summary>Sets what is left of each limit that the tenant's tier has.</summary>
    public static void Set(Exchange x, FleetState state, Instant now)
    {
        LimitPlan plan = state.PlanOf(x.Tenant!);
        if (plan.IsEmpty)
        {
            return;
        }

        LimitLevels levels = state.LimitsOf(x.Tenant!).Levels(plan, x.Model!.LimitClass, now);
        Set(x, now, RateLimitUnit.Requests, levels.Requests);
        Set(x, now, RateLimitUnit.Tokens, levels.Tokens);
        if (x.Dialect == Dialect.Anthropic)
        {
            Set(x, now, RateLimitUnit.InputTokens, levels.InputTokens);
            Set(x, now, RateLimitUnit.OutputTokens, levels.OutputTokens);
        }
    }

    private static void Set(Exchange x, Instant now, RateLimitUnit unit, LimitLevel level)
    {
        if (level.IsLimited)
        {
            var state = new RateLimit(level.Limit, level.Remaining, TimeSpan.FromTicks(level.ResetInNs / 100));
            var sink = new Sink(x.Http.Response.Headers);
            RateLimitHeaders.Set(ref sink, x.Wire, unit, state, now.Wall);
        }
    }

    private readonly struct Sink(IHeaderDictionary headers) : IHeaderSink
    {
        public void Set(string name, string value) => headers[name] = value;
    }
}
