using System.Collections.Immutable;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Core.Limits.Following;

/// <summary>How fast a deployment is now.</summary>
/// <param name="Speed">Learned times; the prior where nothing was learned yet.</param>
/// <param name="IsKnown">Whether they rest on a known chip and model, or on what was seen.</param>
/// <param name="Places">Requests that it may hold at once now; none while it is out.</param>
public readonly record struct DeploymentSpeed(RouteCell Speed, bool IsKnown, int Places);

/// <summary>
/// Capacity of the fleet in force in tokens per minute. A deployment on accelerators takes the requests per second at
/// which its places, at its learned speed, still meet the latency objective (<see cref="CapacityCurve"/>), each of them
/// with as many uncached input and output tokens as the model's requests have on average. One on an API quota takes no
/// more than its share of the quota: a pool's is split evenly over the deployments on it. One of unknown speed and
/// without a quota is not counted on.
/// </summary>
public static class FleetCapacity
{
    private const double SecondsPerMinute = 60;

    /// <summary>Sums nothing up: one source per served deployment, the same in every hour. Cost: linear in the
    /// deployments.</summary>
    public static ImmutableArray<CapacitySource> Of(
        FleetModel fleet,
        Func<Deployment, DeploymentSpeed> speedOf,
        Func<ServedModel, RequestShape> shapeOf,
        LimitsFollowConfig rules)
    {
        var sharing = fleet.Deployments.Where(d => d.Endpoint is not null).CountBy(d => d.Pool.Id)
            .ToDictionary(StringComparer.Ordinal);
        var sources = ImmutableArray.CreateBuilder<CapacitySource>();
        foreach (ServedModel model in fleet.Models)
        {
            RequestShape shape = shapeOf(model);
            foreach (Deployment deployment in model.Deployments)
            {
                (double input, double output) = TokensPerMinute(
                    deployment.Pool.Quota, sharing[deployment.Pool.Id], speedOf(deployment), shape, rules);
                sources.Add(new CapacitySource(
                    deployment.Id,
                    model.LimitClass ?? TierMultipliers.Unclassed,
                    GroupsOf(deployment.Provider, deployment.Site),
                    WeekCurve.Flat(input),
                    WeekCurve.Flat(output)));
            }
        }

        return sources.ToImmutable();
    }

    /// <summary>Everything that capacity at a site falls with.</summary>
    public static ImmutableArray<CapacityGroup> GroupsOf(ProviderConfig provider, SiteConfig site) =>
    [
        .. provider.ConcentrationGroups.Concat(site.ConcentrationGroups).Distinct()
            .Select(g => new CapacityGroup(g, false)).Prepend(new CapacityGroup(provider.Id, true)),
    ];

    /// <summary>Input and output tokens per minute of one deployment.</summary>
    public static (double Input, double Output) TokensPerMinute(
        PoolQuotaConfig? quota, int sharing, in DeploymentSpeed speed, RequestShape shape, LimitsFollowConfig rules)
    {
        double requests = double.PositiveInfinity;
        if (speed.Places == 0)
        {
            return (0, 0);
        }

        if (speed.IsKnown)
        {
            var objective = new LatencyObjective(
                rules.FirstTokenSeconds * Instant.NsPerSecond, rules.OutputTokenMs * Instant.NsPerMs);
            requests = SecondsPerMinute
                * CapacityCurve.RequestsPerSecond(speed.Speed, shape, objective, speed.Places);
        }

        double input = requests * shape.UncachedTokens;
        double output = requests * shape.OutputTokens;
        if (quota is not null)
        {
            double quotaRequests = quota.RequestsPerMinute / (double)sharing ?? double.PositiveInfinity;
            input = Least(input, quotaRequests * shape.UncachedTokens, quota.InputTokensPerMinute, sharing);
            output = Least(output, quotaRequests * shape.OutputTokens, quota.OutputTokensPerMinute, sharing);
        }

        return (double.IsFinite(input) ? input : 0, double.IsFinite(output) ? output : 0);
    }

    private static double Least(double a, double b, long? quota, int sharing) =>
        Math.Min(Math.Min(a, b), quota / (double)sharing ?? double.PositiveInfinity);
}
