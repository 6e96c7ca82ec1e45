using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using Forebay.Protocols;

namespace Forebay.Gateway.Pipeline;

/// <summary>Tells a deployment's health how an attempt went, and requests when waiting is useless.</summary>
internal static class HealthJudge
{
    private const int MaxRetrySeconds = 300;

    /// <summary>
    /// A refusal of the request itself counts neither way, but a provider's API that answers 403 speaks of the
    /// account's permission: enough of them in a row count as failures do. What was our own doing, or the client's,
    /// does not count.
    /// </summary>
    public static void Judge(
        Exchange x, Deployment deployment, DeploymentState live, AttemptResult result, GatewayRuntime runtime)
    {
        long now = Instant.MonotonicNsOf(runtime.Time);
        HealthRulesConfig rules = x.Fleet.Config.Server.Health;
        int configured = deployment.Config.MaxConcurrency;
        if (result.End == AttemptEnd.Served && result.Failure.IsNone)
        {
            live.Succeeded(x.Facts.Stream, x.EnteredNs, now, configured, rules);
            return;
        }

        bool forbidden = result.End == AttemptEnd.Served && x.Status == 403 && deployment.Backing == Backing.Cloud;
        if (result.End == AttemptEnd.Served && !forbidden)
        {
            live.Answered();
            return;
        }

        if (!result.Blame && !forbidden)
        {
            return;
        }

        var attempt = new FailedAttempt(
            forbidden ? Reason.UpstreamAccount : result.Failure.Reason,
            result.Kind,
            x.EnteredNs,
            now,
            result.Pause,
            configured,
            (uint)x.Id / (double)(1L << 32));
        OutCause asked = live.FailedWith(attempt, rules, deployment.Config.Health.Adaptive);
        if (asked != OutCause.None)
        {
            runtime.State.TryTakeOut(x.Model!, deployment, asked, attempt, rules);
        }
    }

    /// <summary>The first token of a stream is here.</summary>
    public static void FirstToken(Exchange x, WireUsage usage, long nowNs)
    {
        Deployment deployment = x.Route.Deployment;
        long uncached = usage.Known
            ? usage.Input + usage.CacheWrite
            : x.ExpectedInputTokens - x.Route.ExpectedCachedTokens;
        x.Route.State.FirstToken(
            uncached,
            x.EnteredNs,
            nowNs,
            deployment.Config.MaxConcurrency,
            x.Fleet.Config.Server.Health,
            deployment.Config.Health.Adaptive);
    }

    /// <summary>The failure of a request whose deployments are all out for longer than it may wait.</summary>
    public static Failure AllOut(Exchange x, GatewayRuntime runtime)
    {
        long now = Instant.MonotonicNsOf(runtime.Time);
        if (Outage.Find(x.Eligible.Deployments.AsSpan(), runtime.State, now) is not { } outage
            || outage.BackNs - now <= x.Settings.MaxWaitSeconds * Instant.NsPerSecond)
        {
            return Failure.None;
        }

        int seconds = (int)Math.Clamp(
            Math.Ceiling((outage.BackNs - now) / (double)Instant.NsPerSecond), 1, MaxRetrySeconds);
        return new Failure(
            outage.Reason,
            $"Every deployment of {x.Model!.Id} that may serve this request is out after failures; the next is tried " +
            $"again in {seconds} s.",
            null,
            seconds,
            outage.Detail);
    }
}
