using System.Buffers;
using Forebay.Core.Fleet;

namespace Forebay.Core.Serving.Health;

/// <summary>Compares the deployments of every model of the fleet in force, and takes out what does not keep up. Run it
/// about once a second.</summary>
public static class HealthSweep
{
    /// <summary>One pass. Cost: O(n log n) for n deployments; no allocation per request.</summary>
    /// <param name="state">The fleet and its counters.</param>
    /// <param name="nowNs">The present.</param>
    /// <param name="jitter">A number between 0 and 1 for a deployment's index.</param>
    /// <returns>How many were taken out.</returns>
    public static int Run(FleetState state, long nowNs, Func<int, double> jitter)
    {
        FleetModel fleet = state.Model;
        HealthRulesConfig rules = fleet.Config.Server.Health;
        int taken = 0;
        foreach (ServedModel model in fleet.Models)
        {
            if (model.Deployments.Length > 1)
            {
                taken += Compare(state, model, rules, nowNs, jitter);
            }
        }

        return taken;
    }

    /// <summary>Takes a deployment out if the bound on what may be out of its model allows.</summary>
    internal static bool TryTakeOut(
        FleetState state,
        ServedModel model,
        Deployment deployment,
        OutCause cause,
        in FailedAttempt attempt,
        HealthRulesConfig rules)
    {
        Peer[] peers = ArrayPool<Peer>.Shared.Rent(model.Deployments.Length);
        try
        {
            Span<Peer> seen = Look(state, model, rules, attempt.NowNs, peers);
            long outPlaces = OutlierDetection.OutPlaces(seen, out long allPlaces, out int inCount);
            if (!OutlierDetection.Fits(
                    deployment.Config.MaxConcurrency, outPlaces, allPlaces, inCount, rules.MaxEjectedShare)
                || !state.Of(deployment).Breaker.TakeOut(cause, attempt.Reason, attempt.NowNs, attempt.Jitter, rules))
            {
                return false;
            }

            state.LoadOf(deployment).Publish();
            return true;
        }
        finally
        {
            ArrayPool<Peer>.Shared.Return(peers);
        }
    }

    private static int Compare(
        FleetState state, ServedModel model, HealthRulesConfig rules, long nowNs, Func<int, double> jitter)
    {
        int count = model.Deployments.Length;
        Peer[] peers = ArrayPool<Peer>.Shared.Rent(count);
        OutCause[] causes = ArrayPool<OutCause>.Shared.Rent(count);
        try
        {
            int taken = OutlierDetection.Step(Look(state, model, rules, nowNs, peers), rules, causes);
            for (int i = 0; i < count && taken > 0; i++)
            {
                if (causes[i] != OutCause.None)
                {
                    Deployment deployment = model.Deployments[i];
                    DeploymentState live = state.Of(deployment);
                    var seen = new FailedAttempt(
                        live.LastFailure, FailureKind.Failure, nowNs, nowNs, null, 0, jitter(deployment.Index));
                    // Requests may have taken others out since the look.
                    state.TryTakeOut(model, deployment, causes[i], seen, rules);
                }
            }

            return taken;
        }
        finally
        {
            ArrayPool<Peer>.Shared.Return(peers);
            ArrayPool<OutCause>.Shared.Return(causes);
        }
    }

    private static Span<Peer> Look(
        FleetState state, ServedModel model, HealthRulesConfig rules, long nowNs, Peer[] into)
    {
        for (int i = 0; i < model.Deployments.Length; i++)
        {
            Deployment deployment = model.Deployments[i];
            into[i] = state.Of(deployment).PeerView(deployment.Config.MaxConcurrency, nowNs, rules);
        }

        return into.AsSpan(0, model.Deployments.Length);
    }
}
