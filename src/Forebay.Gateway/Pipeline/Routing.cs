using Forebay.Core.Capacity.Quotas;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Gateway.Pipeline;

/// <summary>Step 7: asks the router for a place, and tells it what came of the request: when its first token came, how
/// fast it ran, how much of its prompt was cached. One route at a time; each is ended exactly once.</summary>
internal static class Routing
{
    /// <summary>Takes a place at the best deployment of a set that has one and was not tried.</summary>
    /// <param name="x">The request.</param>
    /// <param name="runtime">Shared parts.</param>
    /// <param name="among">Who may serve it.</param>
    /// <param name="tried">Indexes of those it was tried at.</param>
    /// <param name="tokens">Prompt tokens to compute; the request's own when left out.</param>
    public static bool TryEnter(
        Exchange x, GatewayRuntime runtime, EligibleSet among, ReadOnlySpan<int> tried, long? tokens = null)
    {
        RouteScratch scratch = RouteScratch.OfThread;
        RoutingConfig config = x.Fleet.Config.Server.Routing;
        ReadOnlySpan<ulong> prefix = x.Prefix is { } known ? known.Hashes : default;
        Router.LookUp(runtime.State.Routing, config, prefix, scratch.Overlaps);
        var now = Instant.From(runtime.Time);
        var query = new RouteQuery
        {
            Dialect = x.Dialect,
            InputTokens = Math.Max(1, tokens ?? x.ExpectedInputTokens),
            OutputTokens = runtime.State.OutputOf(x.Model!).Expect(x.Facts.MaxTokens),
            BodyBytes = x.Body!.Length,
            Region = x.Region = ClientRegion.Of(x),
            Tried = tried,
            Number = (uint)x.Id,
            Stream = x.Facts.Stream,
        };
        RouteTable table = runtime.State.TableOf(among);
        RouteCandidate[]? seen = x.Story is null ? null : RouteExplanation.Read(query, table, scratch, now);
        // Counting tokens is asked of no quota.
        bool entered = Enter(x, runtime, query, table, scratch, now, seen, takesQuota: tokens is null);

        // One that waits may be looked at often in vain: that is told once.
        if (seen is not null && (entered || !x.NoPlaceTold))
        {
            x.NoPlaceTold = !entered;
            string? chosen = entered ? x.Route.Deployment.Id : null;
            Explaining.Routed(x, runtime, RouteExplanation.Decided(seen, config, chosen));
        }

        if (entered)
        {
            Router.Remember(runtime.State.Routing, config, prefix, x.Route);
        }

        return entered;
    }

    /// <summary>Takes the best place whose pool's quota has room for the request.</summary>
    private static bool Enter(
        Exchange x,
        GatewayRuntime runtime,
        RouteQuery query,
        RouteTable table,
        RouteScratch scratch,
        Instant now,
        RouteCandidate[]? seen,
        bool takesQuota)
    {
        while (Router.TryEnter(query, table, x.Fleet.Config.Server.Routing, scratch, now, out Route route))
        {
            // First of all, so that the place is given back whatever happens next.
            x.Route = route;
            x.RouteAnswered = false;
            x.EnteredNs = Instant.MonotonicNsOf(runtime.Time);
            x.FirstTokenNs = 0;
            x.Quota = null;
            if (!takesQuota || TakesQuota(x, runtime, query))
            {
                return true;
            }

            Undo(x, runtime);
            int[] excludedToo = [.. query.Tried, route.Deployment.Index];
            query = query with { Tried = excludedToo };
            int excluded = seen is null ? -1 : Array.FindIndex(seen, c => c.Deployment == route.Deployment.Id);
            if (excluded >= 0)
            {
                seen![excluded] = seen[excluded] with { ExcludedBy = RouteExplanation.OutOfQuota };
            }
        }

        return false;
    }

    /// <summary>Takes the request's share of the quota of the pool that it was sent to; false where that has none left.
    /// </summary>
    private static bool TakesQuota(Exchange x, GatewayRuntime runtime, in RouteQuery query)
    {
        if (runtime.State.QuotaOf(x.Route.Deployment, x.EnteredNs) is not { } meter)
        {
            return true;
        }

        ModelConfig model = x.Model!.Config;
        long output = meter.Config.ReservesMaxTokens
            ? x.Facts.MaxTokens ?? model.MaxOutputTokens
            : (long)Math.Min(query.OutputTokens, model.MaxOutputTokens);
        var share = new QuotaUse(query.InputTokens, output);
        if (!meter.TryTake(share, x.EnteredNs, out _))
        {
            return false;
        }

        (x.Quota, x.QuotaTaken) = (meter, share);
        return true;
    }

    /// <summary>Puts what the attempt used in the place of the share that it took.</summary>
    private static void SettleQuota(Exchange x, long nowNs)
    {
        if (x.Quota is { } meter)
        {
            x.Quota = null;
            meter.Settle(x.QuotaTaken, new QuotaUse(x.Tokens.Input + x.Tokens.CacheWrite, x.Tokens.Output), nowNs);
        }
    }

    /// <summary>The first token of an attempt came.</summary>
    public static void FirstToken(Exchange x, long nowNs)
    {
        if (x.FirstTokenNs != 0)
        {
            return;
        }

        x.FirstTokenNs = nowNs;
        x.Route.Load.FirstTokenCame(x.Route, x.EnteredNs, nowNs);
        Answered(x);
    }

    /// <summary>The attempt was answered in full.</summary>
    public static void Completed(Exchange x, GatewayRuntime runtime, long nowNs)
    {
        if (x.TokensEstimated)
        {
            return;
        }

        runtime.State.OutputOf(x.Model!).Observe(x.Tokens.Output);
        x.Route.Load.Completed(x.Route, new RouteOutcome(
            x.EnteredNs, x.FirstTokenNs, nowNs, x.Tokens.Prompt, x.Tokens.CacheRead, x.Tokens.Output));
    }

    /// <summary>Gives the place back, however the attempt ended.</summary>
    public static void Leave(Exchange x, GatewayRuntime runtime)
    {
        Route route = x.Route;
        Answered(x);
        route.Load.Left(route);
        long nowNs = Instant.MonotonicNsOf(runtime.Time);
        SettleQuota(x, nowNs);
        runtime.State.QueueOf(x.Model!).Release(route.Deployment, x.EnteredNs, nowNs);
    }

    /// <summary>Gives a place back that was taken a moment ago, and is not to be used: it is offered to nobody yet.
    /// </summary>
    public static void Undo(Exchange x, GatewayRuntime runtime)
    {
        if (x.Quota is { } meter)
        {
            x.Quota = null;
            meter.Return(x.QuotaTaken, Instant.MonotonicNsOf(runtime.Time));
        }

        Answered(x);
        x.Route.Load.Left(x.Route);
        x.Route.State.Leave(x.EnteredNs);
        x.Route.Load.Publish();
    }

    private static void Answered(Exchange x)
    {
        if (!x.RouteAnswered)
        {
            x.RouteAnswered = true;
            x.Route.Load.Answered(x.Route);
        }
    }
}
