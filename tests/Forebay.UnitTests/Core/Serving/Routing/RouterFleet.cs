using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Links;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Forebay.Core.Limits;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Routing;

/// <summary>A fleet of engines of one model at a near site, a far one and one in the sky, and the router over it.
/// </summary>
internal sealed class RouterFleet
{
    public const string NearPool = "near-pool";
    public const string FarPool = "far-pool";
    public const string SkyPool = "sky-pool";
    public const long SkyStartsUnixMs = 1_767_225_600_000;

    private static readonly Instant DefaultNow = new(1_000_000_000_000, SkyStartsUnixMs + 10_000);

    private readonly EligibleSet _eligible;
    private readonly RouteScratch _scratch = new();
    private Route _last;

    public RouterFleet(params DeploymentConfig[] deployments)
    {
        Model = FleetModel.Build(ConfigOf(deployments), new Dictionary<string, Uri>());
        State.Model = Model;
        Reason reason = Model.FindModel("atlas")!.Eligibility.Police(
            Model.FindTenant("acme")!, new RoutingRequest(RequestNeeds.None, 10, 10), out _eligible);
        Assert.Equal((Reason.None, deployments.Length), (reason, _eligible.Count));
    }

    public FleetModel Model { get; }

    public FleetState State { get; } = new();

    public RoutingConfig Config { get; init; } = new();

    public RouteTable Table => State.TableOf(_eligible);

    public static DeploymentConfig Engine(string id) => new()
    {
        Id = id,
        Model = "atlas",
        Pool = NearPool,
        AcceleratorsPerReplica = 4,
        Endpoint = new Uri("http://127.0.0.1:9000"),
        Dialects = [Dialect.OpenAi],
    };

    /// <summary>Chained hashes of a prompt: those of one seed share their beginning.</summary>
    public static ulong[] Prompt(ulong seed, int blocks)
    {
        var hashes = new ulong[blocks];
        ulong hash = seed + 1;
        for (int i = 0; i < blocks; i++)
        {
            hash = (hash ^ (hash >> 31)) * 0x9E3779B97F4A7C15 + (ulong)i;
            hashes[i] = hash | 1;
        }

        return hashes;
    }

    public int IndexOf(string id) => Find(id).Index;

    public DeploymentState StateOf(string id) => State.Of(Find(id));

    public RouteLoad LoadOf(string id) => State.LoadOf(Find(id));

    public string Enter(
        Dialect dialect,
        uint number,
        long? inputTokens = null,
        ulong[]? prompt = null,
        int tried = -1,
        Instant? at = null,
        int region = -1)
    {
        Router.LookUp(State.Routing, Config, prompt, _scratch.Overlaps);
        int[] triedList = tried < 0 ? [] : [tried];
        var query = new RouteQuery
        {
            Dialect = dialect,
            InputTokens = inputTokens ?? (prompt is null ? 1000 : prompt.Length * 16 + 8),
            OutputTokens = 100,
            Tried = triedList,
            Number = number,
            Stream = true,
            Region = region,
        };
        if (!Router.TryEnter(query, State.TableOf(_eligible), Config, _scratch, at ?? DefaultNow, out _last))
        {
            return "none";
        }

        Router.Remember(State.Routing, Config, prompt, _last);
        return _last.Deployment.Id;
    }

    /// <summary>What would be written down of a decision that found no place.</summary>
    public RouteDecision Explain()
    {
        var query = new RouteQuery { Dialect = Dialect.OpenAi, InputTokens = 100 };
        _scratch.Overlaps.Clear();
        RouteCandidate[] seen = RouteExplanation.Read(query, State.TableOf(_eligible), _scratch, DefaultNow);
        return RouteExplanation.Decided(seen, Config, null);
    }

    public bool TryEnter(RouteScratch scratch, uint number) => Router.TryEnter(
        new RouteQuery { Dialect = Dialect.OpenAi, InputTokens = 100, Number = number },
        State.TableOf(_eligible),
        Config,
        scratch,
        DefaultNow,
        out _);

    /// <summary>The first token of the last request came, as late as its chip should take times a factor.</summary>
    public void FirstToken(double slowness = 1)
    {
        SpeedPrior prior = _last.Load.Prior;
        double ns = prior.FirstTokenNs + prior.PromptTokenNs * _last.QueuedTokens + prior.RunningNs * _last.Running;
        _last.Load.FirstTokenCame(_last, sentNs: 0, (long)(ns * slowness + _last.WayNs));
        _last.Load.Answered(_last);
    }

    /// <summary>The last request as it was sent.</summary>
    public Route Last => _last;

    /// <summary>The last request ends, and nothing is learned from it.</summary>
    public void End()
    {
        _last.Load.Answered(_last);
        _last.Load.Left(_last);
        _last.State.Leave();
        _last.Load.Publish();
    }

    public void Leave(string id)
    {
        StateOf(id).Leave();
        LoadOf(id).Publish();
    }

    private Deployment Find(string id) => Model.Deployments.Single(d => d.Id == id);

    private static FleetConfig ConfigOf(DeploymentConfig[] deployments) => new()
    {
        Regions =
        [
            new RegionConfig { Id = "eu", Latitude = 50, Longitude = 8 },
            new RegionConfig { Id = "us", Latitude = 39, Longitude = -77 },
        ],
        Providers = [new ProviderConfig { Id = "p" }],
        Sites =
        [
            Site("near") with { Latitude = 50.1, Longitude = 8.7 },
            Site("far") with { Latitude = 39, Longitude = -77.5 },
            Site("sky") with
            {
                Link = new LinkConfig
                {
                    Starts = "2026-01-01T00:00:00Z",
                    RepeatSeconds = 90,
                    Steps =
                    [
                        new LinkStepConfig { AtSeconds = 0, LatencyMs = 40, BandwidthMbps = 100 },
                        new LinkStepConfig { AtSeconds = 60, Available = false },
                    ],
                },
            },
        ],
        Pools = [Pool(NearPool, "near"), Pool(FarPool, "far"), Pool(SkyPool, "sky")],
        Models =
        [
            new ModelConfig
            {
                Id = "atlas", ContextTokens = 128_000, MaxOutputTokens = 16_000, ParametersBillion = Figure.Of(70),
            },
        ],
        Deployments = deployments,
        Tiers = [new TierConfig { Id = "scale" }],
        Tenants = [new TenantConfig { Id = "acme", Tier = "scale" }],
    };

    private static SiteConfig Site(string id) => new()
    {
        Id = id, Provider = "p", Country = "DE", Jurisdiction = "eu", Kind = SiteKind.Datacenter,
    };

    private static PoolConfig Pool(string id, string site) => new()
    {
        Id = id, Site = site, Accelerators = new PoolAcceleratorsConfig { Type = "H100-SXM", Count = Figure.Of(4096) },
    };
}
