using System.Collections.Immutable;
using System.Globalization;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Ledger;
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
/// Effective capacity of the fleet in force in tokens per minute, hour by hour of the coming week. A deployment on
/// accelerators takes the requests per second at which its places, at its learned speed, still meet the latency
/// objective (<see cref="CapacityCurve"/>), each of them with as many uncached input and output tokens as the model's
/// requests have on average; less in proportion where the capacity ledger has fewer accelerators of its pool than
/// stand there. What the ledger has beyond that on pools that placement fills counts as well
/// (<see cref="FreeCapacity"/>).
/// One on an API quota takes no more than its share of the quota: a pool's, as the ledger has it, is split evenly over
/// the deployments on it. One of unknown speed and without a quota is not counted on.
/// </summary>
public static class FleetCapacity
{
    private const double SecondsPerMinute = 60;

    /// <summary>Sums nothing up: one source per served deployment, and one per pool and class for what is free.
    /// With more in the ledger no source has less. Cost: linear in the deployments and the hours of the week.</summary>
    /// <param name="fleet">The fleet in force.</param>
    /// <param name="speedOf">How fast a deployment is.</param>
    /// <param name="shapeOf">What requests of a model are like.</param>
    /// <param name="rules">The objective.</param>
    /// <param name="outlook">The capacity ledger; null takes pools for what the fleet file says, in all hours.</param>
    /// <param name="free">What is free counts for; null counts none of it.</param>
    public static ImmutableArray<CapacitySource> Of(
        FleetModel fleet,
        Func<Deployment, DeploymentSpeed> speedOf,
        Func<ServedModel, RequestShape> shapeOf,
        LimitsFollowConfig rules,
        CapacityOutlook? outlook = null,
        FreeCapacity? free = null)
    {
        var sharing = fleet.Deployments.Where(d => d.Endpoint is not null).CountBy(d => d.Pool.Id)
            .ToDictionary(StringComparer.Ordinal);
        Dictionary<string, long> taken = TakenOf(fleet);
        var sources = ImmutableArray.CreateBuilder<CapacitySource>();
        var standing = new List<StandingCapacity>();
        foreach (ServedModel model in fleet.Models)
        {
            RequestShape shape = shapeOf(model);
            foreach (Deployment deployment in model.Deployments)
            {
                DeploymentSpeed speed = speedOf(deployment);
                var room = new PoolRoom(
                    deployment.Pool, sharing[deployment.Pool.Id], taken.GetValueOrDefault(deployment.Pool.Id),
                    deployment.Config.AcceleratorsPerReplica > 0 ? outlook : null,
                    deployment.Pool.Quota is null ? null : outlook);
                CapacityLevel rate = RateOf(speed, shape, rules);
                CapacitySource source = room.SourceOf(deployment, model, speed, rate, shape);
                sources.Add(source);
                standing.Add(new StandingCapacity(deployment, source.Class, rate));
            }
        }

        return outlook is null || free is null ? sources.ToImmutable()
            : [.. sources, .. free.SourcesOf(fleet, standing, taken, shapeOf, outlook)];
    }

    /// <summary>Everything that capacity at a site falls with.</summary>
    public static ImmutableArray<CapacityGroup> GroupsOf(ProviderConfig provider, SiteConfig site) =>
    [
        .. provider.ConcentrationGroups.Concat(site.ConcentrationGroups).Distinct()
            .Select(g => new CapacityGroup(g, false)).Prepend(new CapacityGroup(provider.Id, true)),
    ];

    /// <summary>Tokens per minute at a share of its accelerators and a pool's quota.</summary>
    internal static CapacityLevel LevelOf(
        CapacityLevel rate, double share, RequestShape shape, in QuotaLevel quota)
    {
        double input = Least(rate.Input * share, quota.Requests * shape.UncachedTokens, quota.Input);
        double output = Least(rate.Output * share, quota.Requests * shape.OutputTokens, quota.Output);
        return new CapacityLevel(double.IsFinite(input) ? input : 0, double.IsFinite(output) ? output : 0);
    }

    /// <summary>Tokens per minute at the objective, whatever its pool has; infinite where nobody knows.</summary>
    private static CapacityLevel RateOf(in DeploymentSpeed speed, RequestShape shape, LimitsFollowConfig rules)
    {
        if (speed.Places == 0)
        {
            return default;
        }

        if (!speed.IsKnown)
        {
            return new CapacityLevel(double.PositiveInfinity, double.PositiveInfinity);
        }

        var objective = new LatencyObjective(
            rules.FirstTokenSeconds * Instant.NsPerSecond, rules.OutputTokenMs * Instant.NsPerMs);
        double requests = SecondsPerMinute
            * CapacityCurve.RequestsPerSecond(speed.Speed, shape, objective, speed.Places);
        return new CapacityLevel(requests * shape.UncachedTokens, requests * shape.OutputTokens);
    }

    /// <summary>Accelerators that stand on each pool.</summary>
    private static Dictionary<string, long> TakenOf(FleetModel fleet)
    {
        var taken = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (Deployment deployment in fleet.Deployments.Where(d => d.Withdrawn is null))
        {
            taken[deployment.Pool.Id] = taken.GetValueOrDefault(deployment.Pool.Id)
                + (long)deployment.Config.Replicas * deployment.Config.AcceleratorsPerReplica;
        }

        return taken;
    }

    private static double Least(double a, double b, double c) => Math.Min(Math.Min(a, b), c);

    /// <summary>What a pool has for one deployment, in the ledger or else in the fleet file.</summary>
    private sealed class PoolRoom(
        PoolConfig pool, int sharing, long taken, CapacityOutlook? accelerators, CapacityOutlook? quota)
    {
        private readonly LaneOutlook? _accelerators = accelerators?.Of(pool.Id, CapacityUnit.Accelerators);
        private readonly LaneOutlook? _requests = quota?.Of(pool.Id, CapacityUnit.RequestsPerMinute);
        private readonly LaneOutlook? _input = quota?.Of(pool.Id, CapacityUnit.InputTokensPerMinute);
        private readonly LaneOutlook? _output = quota?.Of(pool.Id, CapacityUnit.OutputTokensPerMinute);
        private readonly LaneOutlook? _units = quota?.Of(pool.Id, CapacityUnit.ProvisionedUnits);

        public CapacitySource SourceOf(
            Deployment deployment,
            ServedModel model,
            DeploymentSpeed speed,
            CapacityLevel rate,
            RequestShape shape)
        {
            CapacityLevel At(Func<LaneOutlook, long> read) => speed.Places == 0 ? default
                : LevelOf(rate, Share(read), shape, new QuotaLevel(
                    Quota(_requests, pool.Quota?.RequestsPerMinute, read),
                    Quota(_input, pool.Quota?.InputTokensPerMinute, read),
                    Quota(_output, pool.Quota?.OutputTokensPerMinute, read)));
            return CapacitySource.Over(
                deployment.Id,
                model.LimitClass ?? TierMultipliers.Unclassed,
                GroupsOf(deployment.Provider, deployment.Site),
                IsSteady ? null : hour => At(l => l.ByHour[hour]),
                At(static l => l.Now),
                At(static l => l.Lasting)) with
            {
                Basis = Basis(speed),
            };
        }

        private LaneOutlook?[] Lanes => [_accelerators, _requests, _input, _output, _units];

        private bool IsSteady => Array.TrueForAll(Lanes, l => l?.FallsAtUnixMs is null);

        private double Share(Func<LaneOutlook, long> read)
        {
            double share = 1;
            if (_accelerators is { } lane && taken > 0)
            {
                share = Math.Min(1, read(lane) / (double)taken);
            }

            return _units is { } units && pool.Quota!.ProvisionedUnits is > 0 and { } full
                ? Math.Min(share, read(units) / (double)full)
                : share;
        }

        private double Quota(LaneOutlook? lane, long? configured, Func<LaneOutlook, long> read) =>
            (lane is { } known ? read(known) : configured) / (double)sharing ?? double.PositiveInfinity;

        private string Basis(in DeploymentSpeed speed)
        {
            string speedWords = speed.Places == 0 ? "out now"
                : !speed.IsKnown ? "of unknown speed"
                : "at its speed";
            if (_accelerators is { } lane)
            {
                return Text($"{taken} stand on pool {pool.Id}, ") + Words(lane, "accelerators") + $"; {speedWords}";
            }

            (LaneOutlook? Lane, string Unit)[] quotas =
            [
                (_requests, "requests/min"), (_input, "input tokens/min"), (_output, "output tokens/min"),
                (_units, "provisioned units"),
            ];
            return quotas.FirstOrDefault(q => q.Lane is not null) is { Lane: { } first, Unit: var unit }
                ? $"pool {pool.Id}, {Words(first, unit)} for {sharing} deployments; {speedWords}"
                : $"pool {pool.Id} as the fleet has it: the ledger does not; {speedWords}";
        }
    }

    /// <summary>What the ledger says of a lane.</summary>
    internal static string Words(LaneOutlook lane, string unit) => Text($"the ledger has {lane.Now} {unit}")
        + (lane.FallsAtUnixMs is { } at
            ? $", {lane.ByHour.Append(lane.Lasting).Min()} from "
                + DateTimeOffset.FromUnixTimeMilliseconds(at)
                    .ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture)
                + (lane.Lasting >= lane.Now ? " for a time" : "")
            : "");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A share of a quota; infinite where it has no such limit.</summary>
internal readonly record struct QuotaLevel(double Requests, double Input, double Output)
{
    public static QuotaLevel None { get; } =
        new(double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity);
}

/// <summary>A deployment that serves, with the tokens per minute of all its replicas.</summary>
internal readonly record struct StandingCapacity(Deployment Deployment, string Class, CapacityLevel Rate)
{
    public long Accelerators => (long)Deployment.Config.Replicas * Deployment.Config.AcceleratorsPerReplica;

    /// <summary>Whether its rate says what another replica would do.</summary>
    public bool IsMeasure => Accelerators > 0 && double.IsFinite(Rate.Output) && Rate.Output > 0;
}
