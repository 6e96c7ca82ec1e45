using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using Forebay.Core.Capacity;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Links;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Providers;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Usage;

namespace Forebay.Core.Fleet;

/// <summary>A deployment in the compiled snapshot.</summary>
/// <param name="Index">Position in <see cref="FleetModel.Deployments"/>; masks and scores are indexed by it.</param>
/// <param name="Config">As configured.</param>
/// <param name="Pool">The pool it runs on.</param>
/// <param name="Site">The site of the pool.</param>
/// <param name="Provider">The provider of the site.</param>
/// <param name="Endpoint">Where it answers; null when nothing is served there.</param>
/// <param name="Backing">What stands behind it.</param>
/// <param name="Cost">What the provider charges.</param>
public sealed record Deployment(
    int Index,
    DeploymentConfig Config,
    PoolConfig Pool,
    SiteConfig Site,
    ProviderConfig Provider,
    Uri? Endpoint,
    Backing Backing,
    PriceSchedule Cost)
{
    /// <summary>In place of a geography: nothing is sent.</summary>
    private const string NoGeography = "none";

    public string Id => Config.Id;

    /// <summary>Every place where it may serve a request: its site, unless its provider moves requests about.</summary>
    public ImmutableArray<SiteConfig> Places { get; } = ServingPlaces.Of(Config, Site);

    /// <summary>Whose account it is called with.</summary>
    public Account Account { get; } = Account.Of(Config, Provider, Endpoint, Backing);

    /// <summary>The withdrawal that keeps requests from it; null for none.</summary>
    public Withdrawal? Withdrawn { get; init; }

    /// <summary>Whether requests may go there: it answers somewhere, and is not withdrawn.</summary>
    public bool IsServed => Endpoint is not null && Withdrawn is null;

    /// <summary>How its site is reached.</summary>
    public LinkSchedule Link { get; init; } = LinkSchedule.Ideal;

    /// <summary>What is assumed of its speed before it has been seen at work.</summary>
    public SpeedPrior Prior { get; init; } = SpeedPrior.Unknown;

    /// <summary>The model's name at the endpoint.</summary>
    public string UpstreamModel => Config.UpstreamModel ?? Config.Model;

    /// <summary>Path that active probes ask; null for none.</summary>
    public string? ProbePath => PathOf(Config.Health.ProbePath, "/health");

    /// <summary>Path of the engine's metrics; null for none.</summary>
    public string? MetricsPath => PathOf(Config.Health.MetricsPath, "/metrics");

    /// <summary>What its account is asked for as <c>inference_geo</c>, as a quoted JSON string; empty where the file
    /// does not say.</summary>
    public ReadOnlyMemory<byte> InferenceGeoJson { get; } = Config.InferenceGeo is null or NoGeography
        ? default
        : System.Text.Encoding.UTF8.GetBytes($"\"{Config.InferenceGeo}\"");

    /// <summary>Whether a client's <c>inference_geo</c> goes on to it.</summary>
    public bool TakesInferenceGeo => Backing == Backing.Cloud && Config.InferenceGeo is null;

    public bool Speaks(Dialect dialect) => Array.IndexOf(Config.Dialects, dialect) >= 0;

    /// <summary>The dialect that it is asked in for a client: the client's where it speaks it, else the first of its
    /// own.</summary>
    public Dialect DialectFor(Dialect client) => Speaks(client) ? client : Config.Dialects[0];

    /// <summary>Longest prompt plus answer here, in tokens.</summary>
    public int ContextTokens(ModelConfig model) => Config.ContextTokens ?? model.ContextTokens;

    /// <summary>What requests may need here.</summary>
    public RequestNeeds Abilities(ModelConfig model)
    {
        Modality[] modalities = Config.Modalities ?? model.Modalities;
        return (Config.Tools ?? model.Tools ? RequestNeeds.Tools : 0)
            | (Array.IndexOf(modalities, Modality.Image) >= 0 ? RequestNeeds.Images : 0)
            | (Array.IndexOf(modalities, Modality.Document) >= 0 ? RequestNeeds.Documents : 0)
            | (Array.IndexOf(modalities, Modality.Audio) >= 0 ? RequestNeeds.Audio : 0);
    }

    private string? PathOf(string? configured, string standard) =>
        configured == DeploymentHealthConfig.Off ? null
        : configured ?? (Backing == Backing.Cloud ? null : standard);
}

/// <summary>A model in the compiled snapshot, with its deployments.</summary>
/// <param name="Config">As configured.</param>
/// <param name="Deployments">Deployments that requests may go to.</param>
/// <param name="Prices">What customers pay.</param>
public sealed record ServedModel(
    ModelConfig Config,
    ImmutableArray<Deployment> Deployments,
    PriceSchedule Prices)
{
    public string Id => Config.Id;

    /// <summary>The id as a number, for salts.</summary>
    public ulong IdHash { get; } = NameHash.Of(Config.Id);

    /// <summary>Which of the deployments may serve what.</summary>
    public Eligibility Eligibility { get; } = new(Config, Deployments);

    /// <summary>The class of models that it shares limits with; null where it is in none.</summary>
    public string? LimitClass { get; init; }
}

/// <summary>A tenant in the compiled snapshot.</summary>
/// <param name="Config">As configured.</param>
/// <param name="Tier">Its tier.</param>
/// <param name="Residency">Its policy; null allows every site but orbital ones.</param>
/// <param name="Models">Ids of the models it may use; null for all.</param>
public sealed record Tenant(
    TenantConfig Config,
    TierConfig Tier,
    ResidencyPolicyConfig? Residency,
    FrozenSet<string>? Models)
{
    public string Id => Config.Id;

    /// <summary>The tenants it shares caches with, as a number: itself alone unless its cache domain says more.
    /// </summary>
    public ulong CacheDomainHash { get; } =
        NameHash.Of(Config.CacheDomain is { } domain ? "domain/" + domain : "tenant/" + Config.Id);

    /// <summary>Number of the region its clients are in; negative when that is not known.</summary>
    public int Region { get; init; } = -1;

    /// <summary>The class of its requests that name none; null for none.</summary>
    public DataClass? DataClass { get; init; }

    /// <summary>What its tier limits, compiled.</summary>
    public required LimitPlan Limits { get; init; }

    /// <summary>Whether a site may serve this tenant. Fails closed.</summary>
    public bool Allows(SiteConfig site) => ResidencyRule.Allows(Residency, site);
}

/// <summary>
/// The fleet as the request path sees it: an immutable snapshot compiled from a valid <see cref="FleetConfig"/> and the
/// endpoints in force, swapped atomically. A request keeps the snapshot it began with.
/// </summary>
public sealed class FleetModel
{
    private readonly FrozenDictionary<string, ServedModel> _models;
    private readonly FrozenDictionary<string, Tenant> _tenants;
    private readonly FrozenDictionary<string, DataClass> _dataClasses;
    private readonly FrozenDictionary<string, Geography> _geographies;

    private FleetModel(
        FleetConfig config,
        ImmutableArray<Deployment> deployments,
        ImmutableArray<ServedModel> models,
        FrozenDictionary<string, Tenant> tenants,
        FrozenDictionary<string, DataClass> dataClasses)
    {
        Config = config;
        TrustedProxies = [.. config.Server.Gateway.TrustedProxies.Select(ProxyRules.Parse).OfType<IPNetwork>()];
        ServerRegion = RegionOf(config.Server.Region);
        Deployments = deployments;
        Models = models;
        _models = models
            .SelectMany(m => m.Config.Aliases.Prepend(m.Id).Select(name => (name, m)))
            .ToFrozenDictionary(p => p.name, p => p.m, StringComparer.Ordinal);
        _tenants = tenants;
        _dataClasses = dataClasses;
        _geographies = Geography.Of(config.Sites);
    }

    public static FleetModel Empty { get; } = Build(new FleetConfig(), FrozenDictionary<string, Uri>.Empty);

    public FleetConfig Config { get; }

    /// <summary>Every deployment, served or not, by <see cref="Deployment.Index"/>.</summary>
    public ImmutableArray<Deployment> Deployments { get; }

    /// <summary>Every model in file order.</summary>
    public ImmutableArray<ServedModel> Models { get; }

    public IEnumerable<Tenant> Tenants => _tenants.Values;

    /// <summary>Number of the region that this server takes calls in; negative when it has none.</summary>
    public int ServerRegion { get; }

    /// <summary>Proxies whose word on a client's region is believed.</summary>
    public ImmutableArray<IPNetwork> TrustedProxies { get; }

    /// <summary>Number of a region by its id; negative when there is none.</summary>
    public int RegionOf(string? id) => Array.FindIndex(Config.Regions, r => r.Id == id);

    /// <summary>A region's id by its number; <c>none</c> for no region.</summary>
    public string NameOfRegion(int region) =>
        (uint)region < (uint)Config.Regions.Length ? Config.Regions[region].Id : "none";

    /// <summary>Finds a model by id or alias.</summary>
    public ServedModel? FindModel(string name) => _models.GetValueOrDefault(name);

    /// <summary>Finds a model by id or alias without allocating a string.</summary>
    public ServedModel? FindModel(ReadOnlySpan<char> name) =>
        _models.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out ServedModel? model) ? model : null;

    public Tenant? FindTenant(string id) => _tenants.GetValueOrDefault(id);

    public DataClass? FindDataClass(string id) => _dataClasses.GetValueOrDefault(id);

    /// <summary>Finds what a request may ask for as <c>inference_geo</c>.</summary>
    public Geography? FindGeography(string id) => _geographies.GetValueOrDefault(id);

    /// <summary>What a request may ask for, in order.</summary>
    public IEnumerable<string> Geographies => _geographies.Keys.Order(StringComparer.Ordinal);

    /// <summary>
    /// Compiles a validated configuration. Cost: linear in its objects.
    /// </summary>
    /// <param name="config">A configuration that the validator accepted.</param>
    /// <param name="emulated">Endpoints of emulated engines by deployment id, for deployments without one.</param>
    /// <param name="withdrawals">Those in effect: what they cover serves nothing new.</param>
    /// <exception cref="KeyNotFoundException">A reference does not resolve: the configuration was not validated.
    /// </exception>
    public static FleetModel Build(
        FleetConfig config, IReadOnlyDictionary<string, Uri> emulated, IReadOnlyList<Withdrawal>? withdrawals = null)
    {
        var providers = config.Providers.ToDictionary(p => p.Id);
        var sites = config.Sites.ToDictionary(s => s.Id);
        var pools = config.Pools.ToDictionary(p => p.Id);
        var tiers = config.Tiers.ToDictionary(t => t.Id);
        var known = config.Models.ToDictionary(m => m.Id);
        var links = config.Sites.ToDictionary(s => s.Id, s => LinkSchedule.Compile(s.Link));
        var plans = config.Tiers.ToDictionary(t => t.Id, LimitPlan.Compile);
        var limitClasses = config.ModelClasses.SelectMany(c => c.Models.Select(m => (m, c.Id)))
            .ToDictionary(p => p.m, p => p.Id);
        var policies = config.ResidencyPolicies.ToDictionary(r => r.Id);

        ImmutableArray<Deployment> deployments =
        [
            .. config.Deployments.Select((d, index) =>
            {
                PoolConfig pool = pools[d.Pool];
                SiteConfig site = sites[pool.Site];
                Uri? given = ProviderEndpoint.Of(d);
                Uri? endpoint = given ?? emulated.GetValueOrDefault(d.Id);
                Backing backing = given is null ? Backing.Emulated
                    : d.Backing ?? (pool.Quota is null && d.Api == ProviderApi.Direct ? Backing.Real : Backing.Cloud);
                PriceSchedule cost = PriceSchedule.Compile(d.Cost);
                return new Deployment(index, d, pool, site, providers[site.Provider], endpoint, backing, cost)
                {
                    Link = links[site.Id],
                    Withdrawn = withdrawals?.FirstOrDefault(
                        w => w.Target.Covers(pool, site, providers[site.Provider])),
                    Prior = SpeedPrior.For(d, pool, known[d.Model]),
                };
            }),
        ];
        var served = deployments.Where(d => d.IsServed).ToLookup(d => d.Config.Model);
        ImmutableArray<ServedModel> models =
        [
            .. config.Models.Select(m =>
                new ServedModel(m, [.. served[m.Id]], PriceSchedule.Compile(m.Prices))
                {
                    LimitClass = limitClasses.GetValueOrDefault(m.Id),
                }),
        ];
        var classes = config.DataClasses.ToFrozenDictionary(
            c => c.Id, c => new DataClass(c.Id, policies[c.Residency]), StringComparer.Ordinal);
        var tenants = config.Tenants.ToFrozenDictionary(
            t => t.Id,
            t => new Tenant(
                t,
                tiers[t.Tier],
                t.Residency is null ? null : policies[t.Residency],
                t.Models?.ToFrozenSet(StringComparer.Ordinal))
            {
                Limits = plans[t.Tier],
                Region = Array.FindIndex(config.Regions, r => r.Id == (t.Region ?? config.Server.Region)),
                DataClass = t.DataClass is null ? null : classes[t.DataClass],
            });
        return new FleetModel(config, deployments, models, tenants, classes);
    }
}
