using System.Collections.Immutable;
using Forebay.Core.Capacity.Demand;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Links;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Versions;
using Forebay.Core.Time;

namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// Makes a placement problem of a fleet and a forecast. What a ledger knows better than the fleet file (accelerators
/// there by hour, leases, room in groups, versions' shares) is given beside it. Parts that came out the same as in the
/// problem before are the same objects, so that <see cref="Placer.Next"/> need not look at them. For one caller at a
/// time.
/// </summary>
public sealed class PlacementInputs
{
    private const double BytesPerGb = 1e9;
    private const double SecondsPerHour = 3600;
    private const double SecondsPerMinute = 60;
    private const int LooksPerHour = 12;

    /// <summary>Stands for no bound where a quota bounds one kind of tokens only.</summary>
    private const double Unbounded = 1e12;

    private readonly KeptParts _kept = new();

    /// <summary>Accelerators that a pool has in each hour from the given one on; from the fleet file where it is null
    /// or returns null.</summary>
    public Func<PoolConfig, long, ImmutableArray<int>?>? Available { get; init; }

    /// <summary>Accelerators that others hold in each hour: jobs, the reserve. Deployments of the fleet file are
    /// counted anyway.</summary>
    public Func<PoolConfig, long, ImmutableArray<int>>? LeasedToOthers { get; init; }

    /// <summary>Share of a model's demand that a version serves; all to the first version where it is null.</summary>
    public Func<ModelConfig, ModelVersionConfig, double>? Share { get; init; }

    /// <summary>What concentration groups may still take. A provider is the group <c>provider:ID</c>.</summary>
    public ImmutableArray<GroupRoom> Rooms { get; set; } = [];

    /// <summary>Where which version is not started now.</summary>
    public ImmutableArray<PoolBar> Barred { get; set; } = [];

    /// <summary>Bytes of weights on their way to a site.</summary>
    public Func<SiteConfig, double>? BacklogBytes { get; init; }

    /// <summary>The name of a provider as a concentration group.</summary>
    public static string ProviderGroup(string provider) => $"provider:{provider}";

    /// <summary>Makes the problem of an hour.</summary>
    /// <param name="fleet">The fleet in force.</param>
    /// <param name="demand">Forecasts; classes without one ask for nothing.</param>
    /// <param name="masks">What the admin API denies of models.</param>
    /// <param name="now">The time.</param>
    public PlacementProblem ProblemAt(
        FleetConfig fleet, IReadOnlyList<DemandForecast> demand, ExportMasks masks, Instant now)
    {
        PlacementConfig terms = fleet.Server.Placement;
        long hour = HourOfWeek.HourAt(now.WallUnixMs);
        var siteNumbers = fleet.Sites.Select((s, i) => (s.Id, i)).ToDictionary(p => p.Id, p => p.i);
        ModelConfig[] models = [.. fleet.Models.Where(m => m.Versions.Length > 0)];
        return _kept.Keep(new PlacementProblem
        {
            StartUnixMs = HourOfWeek.StartOf(hour),
            Terms = terms,
            Rooms = Rooms,
            Barred = Barred,
            Sites = [.. fleet.Sites.Select(s => SiteOf(fleet, s, hour, now))],
            Pools =
            [
                .. fleet.Pools.Where(p => p is { Placement: PoolPlacement.Automatic, Accelerators: not null })
                    .Select(p => PoolOf(fleet, p, siteNumbers, hour)),
            ],
            Versions = [.. models.SelectMany(m => m.Versions.Select(v => VersionOf(fleet, m, v, masks)))],
            Demands = [.. models.SelectMany(m => DemandsOf(fleet, m, demand, hour))],
            Fixed = [.. models.SelectMany(m => FixedOf(fleet, m, siteNumbers))],
        });
    }

    private PlacementSite SiteOf(FleetConfig fleet, SiteConfig site, long hour, Instant now)
    {
        LinkSchedule link = LinkSchedule.Compile(site.Link);
        LinkState state = link.At(now.WallUnixMs);
        var place = new SitePlace(site.Latitude, site.Longitude);
        double perByte = state.NsPerByte;
        return new PlacementSite
        {
            Id = site.Id,
            WeightBytesPerSecond =
                perByte <= 0 ? 0 : Instant.NsPerSecond / perByte * fleet.Server.Placement.LinkShareForWeights,
            BacklogBytes = BacklogBytes?.Invoke(site) ?? 0,
            RoundTripMs =
            [
                .. fleet.Regions.Select(r => Math.Round(
                    (SiteState.DistanceNs(place, r) + state.LatencyNs) / Instant.NsPerMs, 3)),
            ],
            UpShareByHour = link.IsIdeal || (site.Link is { Steps.Length: 0 }) ? []
                : [.. Enumerable.Range(0, fleet.Server.Placement.HorizonHours).Select(h => UpShare(link, hour + h))],
        };
    }

    private static double UpShare(LinkSchedule link, long hour)
    {
        int up = 0;
        for (int i = 0; i < LooksPerHour; i++)
        {
            long at = HourOfWeek.StartOf(hour) + (HourOfWeek.StartOf(1) * (2 * i + 1) / (2 * LooksPerHour));
            up += link.At(at).Available ? 1 : 0;
        }

        return up / (double)LooksPerHour;
    }

    private PlacementPool PoolOf(FleetConfig fleet, PoolConfig pool, Dictionary<string, int> siteNumbers, long hour)
    {
        SiteConfig site = fleet.Sites[siteNumbers[pool.Site]];
        ProviderConfig provider = fleet.Providers.First(p => p.Id == site.Provider);
        Accelerator? chip = AcceleratorCatalogue.BuiltIn.Find(pool.Accelerators!.Type);
        int held = fleet.Deployments.Where(d => d.Pool == pool.Id).Sum(d => d.Replicas * d.AcceleratorsPerReplica);
        ImmutableArray<int> others = LeasedToOthers?.Invoke(pool, hour) ?? [];
        return new PlacementPool
        {
            Id = pool.Id,
            Site = siteNumbers[pool.Site],
            AcceleratorType = pool.Accelerators.Type,
            UsableMemoryGb = chip is null ? 0
                : chip.HbmGb.Value * Serving.Engine.EngineCalibration.Default.MemoryShare,
            InterconnectDomain = pool.Accelerators.InterconnectDomain
                ?? (int)(chip?.InterconnectDomain.Value ?? 1),
            AvailableByHour = Available?.Invoke(pool, hour)
                ?? CommittedCapacity.ByHour(fleet, pool, hour, fleet.Server.Placement.HorizonHours),
            LeasedToOthersByHour = others.IsEmpty ? [held] : [.. others.Select(o => o + held)],
            Groups =
            [
                .. provider.ConcentrationGroups.Concat(site.ConcentrationGroups).Prepend(ProviderGroup(provider.Id))
                    .Distinct(),
            ],
            UsdPerAcceleratorHour = CommittedCapacity.MarginalUsdPerAcceleratorHour(fleet, pool),
        };
    }

    private PlacementVersion VersionOf(
        FleetConfig fleet, ModelConfig model, ModelVersionConfig version, ExportMasks masks)
    {
        double share = Share?.Invoke(model, version) ?? (ReferenceEquals(version, model.Versions[0]) ? 1 : 0);
        bool leads = Share is null || model.Versions.All(v => Share(model, v) <= share);
        ExportDenials denials = masks.Of(model.Id);
        return new PlacementVersion
        {
            Model = model.Id,
            Version = version.Id,
            Share = share,
            WeightsBytes = version.Weights.SizeBytes,
            Builds = [.. version.Builds.SelectMany(b => BuildsOf(model, version, b))],
            MayRun = [.. fleet.Sites.Select(s => ExportRule.Allows(model.Export, denials, s))],
            MinimumReplicas = leads && share > 0 ? model.Placement.MinimumReplicas : 0,
            MinimumGroups = leads ? model.Placement.MinimumGroups : 1,
            Markets = leads && share > 0
                ? [.. fleet.ResidencyPolicies.Where(p => model.Placement.Markets.Contains(p.Id)).Select(p =>
                    new PlacementMarket(p.Id, [.. fleet.Sites.Select(s => ResidencyRule.Allows(p, s))]))]
                : [],
            Weight = model.Placement.Weight,
            TimeToFirstTokenMs = model.Placement.TimeToFirstTokenMs,
        };
    }

    /// <summary>One for each chip that a build names and whose speed is known.</summary>
    private static IEnumerable<PlacementBuild> BuildsOf(
        ModelConfig model, ModelVersionConfig version, ModelBuildConfig build)
    {
        foreach (string type in build.Accelerators)
        {
            if (AcceleratorCatalogue.BuiltIn.Find(type) is { } chip
                && BuildPerformance.Of(model, build, chip) is { } performance)
            {
                yield return new PlacementBuild
                {
                    Id = build.Id,
                    AcceleratorType = chip.Name,
                    AcceleratorsPerReplica = build.AcceleratorsPerReplica,
                    MemoryGb = build.MemoryGb ?? version.Weights.SizeBytes / BytesPerGb,
                    PrefillTokensPerSecond = performance.PrefillTokensPerSecond,
                    DecodeTokensPerSecond = performance.DecodeTokensPerSecond,
                    StartSeconds = build.Engine.StartSeconds,
                    MaxConcurrency = build.MaxConcurrency,
                };
            }
        }
    }

    /// <summary>The classes that a model's tenants are in, and those that were forecast beside them.</summary>
    private static IEnumerable<PlacementDemand> DemandsOf(
        FleetConfig fleet, ModelConfig model, IReadOnlyList<DemandForecast> forecasts, long hour)
    {
        ILookup<DemandKey, DemandForecast> byKey = forecasts.Where(f => f.Key.Model == model.Id).ToLookup(f => f.Key);
        IEnumerable<DemandKey> ofTenants = fleet.Tenants
            .Where(t => t.Models is null || t.Models.Contains(model.Id))
            .Select(t => LedgerDemand.KeyOf(fleet, t, model.Id));
        int hours = fleet.Server.Placement.HorizonHours;
        foreach (DemandKey key in ofTenants.Concat(byKey.Select(g => g.Key)).Distinct())
        {
            ResidencyPolicyConfig? policy = fleet.ResidencyPolicies.FirstOrDefault(p => p.Id == key.Residency);
            DataClassConfig? dataClass = fleet.DataClasses.FirstOrDefault(c => c.Id == key.DataClass);
            ResidencyPolicyConfig? narrower = fleet.ResidencyPolicies.FirstOrDefault(p => p.Id == dataClass?.Residency);

            // A name that the fleet does not know may go nowhere: residency fails closed.
            bool known = (policy is not null || key.Residency.Length == 0)
                && (narrower is not null || key.DataClass.Length == 0);
            yield return new PlacementDemand
            {
                Model = model.Id,
                Region = Array.FindIndex(fleet.Regions, r => r.Id == key.Region),
                Label = key.Label,
                MayServe =
                [
                    .. fleet.Sites.Select(s => known && ResidencyRule.Allows(policy, s)
                        && (narrower is null || ResidencyRule.Allows(narrower, s))),
                ],
                InputTokensPerSecond = PerSecond(byKey[key].Select(f => f.InputTokens), hour, hours),
                OutputTokensPerSecond = PerSecond(byKey[key].Select(f => f.OutputTokens), hour, hours),
            };
        }
    }

    private static ImmutableArray<double> PerSecond(
        IEnumerable<ImmutableArray<double>> byHourOfWeek, long hour, int hours)
    {
        var sum = new double[hours];
        foreach (ImmutableArray<double> tokens in byHourOfWeek)
        {
            for (int h = 0; h < hours; h++)
            {
                sum[h] += tokens[HourOfWeek.Of(hour + h)] / SecondsPerHour;
            }
        }

        return [.. sum];
    }

    /// <summary>Deployments of the fleet file serve too; what nobody can say the speed of counts for nothing.</summary>
    private static IEnumerable<FixedService> FixedOf(
        FleetConfig fleet, ModelConfig model, Dictionary<string, int> siteNumbers)
    {
        foreach (DeploymentConfig deployment in fleet.Deployments.Where(d => d.Model == model.Id))
        {
            PoolConfig pool = fleet.Pools.First(p => p.Id == deployment.Pool);
            int site = siteNumbers[pool.Site];
            if (pool.Quota is { } quota && (quota.InputTokensPerMinute ?? quota.OutputTokensPerMinute) is not null)
            {
                yield return new FixedService(
                    model.Id,
                    site,
                    (quota.InputTokensPerMinute / SecondsPerMinute) ?? Unbounded,
                    (quota.OutputTokensPerMinute / SecondsPerMinute) ?? Unbounded);
            }
            else if (pool.Accelerators is { } held && deployment.AcceleratorsPerReplica > 0
                && AcceleratorCatalogue.BuiltIn.Find(held.Type) is { } chip
                && BuildPerformance.Derive(model, AsBuild(model, deployment), chip, out _) is { } performance)
            {
                yield return new FixedService(
                    model.Id,
                    site,
                    performance.PrefillTokensPerSecond * deployment.Replicas,
                    performance.DecodeTokensPerSecond * deployment.Replicas);
            }
        }
    }

    private static ModelBuildConfig AsBuild(ModelConfig model, DeploymentConfig deployment) => new()
    {
        Id = "fixed",
        Accelerators = [],
        Precision = model.BytesPerWeight <= 0.5 ? WeightPrecision.Float4
            : model.BytesPerWeight <= 1 ? WeightPrecision.Float8
            : WeightPrecision.BFloat16,
        AcceleratorsPerReplica = deployment.AcceleratorsPerReplica,
        MaxConcurrency = Math.Max(1, deployment.MaxConcurrency / deployment.Replicas),
        Engine = new BuildEngineConfig(),
    };
}
