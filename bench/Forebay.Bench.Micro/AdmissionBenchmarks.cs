using System.Collections.Frozen;
using BenchmarkDotNet.Attributes;
using Forebay.Core.Access;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Bench.Micro;

/// <summary>Steps 1, 4, 5 and 7: who asks, what is allowed, what is left, where it goes; eight deployments and a thousand
/// keys.</summary>
public class AdmissionBenchmarks
{
    private const int Deployments = 8;
    private readonly FleetState _state = new();
    private EligibleSet _eligible = EligibleSet.Empty;
    private readonly Instant _now = Instant.From(TimeProvider.System);
    private readonly SecretMemo _memo = new();
    private Tenant _tenant = null!;
    private ServedModel _model = null!;
    private readonly RoutingConfig _routing = new();
    private readonly RouteScratch _scratch = new();
    private uint _number;

    [GlobalSetup]
    public void Setup()
    {
        _state.Model = FleetModel.Build(Fleet(), FrozenDictionary<string, Uri>.Empty);
        _state.Keys = new KeyRing(Enumerable.Range(0, 1000).Select(i =>
        {
            _ = SecretHash.TryCompute(SecretOf(i), out SecretHash hash);
            return new ApiKey($"key_{i}", "acme", $"key {i}", hash, "fb-", 0, null, null, null);
        }));
        _tenant = _state.Model.FindTenant("acme")!;
        _model = _state.Model.FindModel("atlas")!;
        _ = Police();
    }

    [Benchmark]
    public KeyCheck Authenticate() => _state.Keys.Check(SecretOf500, _now, out _);

    /// <summary>The same key again on one connection.</summary>
    [Benchmark]
    public KeyCheck AuthenticateAgain() => _state.Keys.Check(SecretOf500, _now, out _, _memo);

    [Benchmark]
    public Reason Police() => _model.Eligibility.Police(
        _tenant, new RoutingRequest(RequestNeeds.None, 500, 64), out _eligible);

    [Benchmark]
    public Reason ReserveAndSettle()
    {
        TenantLimits limits = _state.LimitsOf(_tenant);
        LimitDecision decision = limits.Reserve(_tenant.Limits, new LimitRequest("atlas", null, 500, 64, default), _now);
        limits.Settle(decision.Reservation, new LimitUse(480, 40, 0, true), _now);
        return decision.Reason;
    }

    [Benchmark]
    public Deployment? RouteAndLeave()
    {
        var query = new RouteQuery { Dialect = Dialect.OpenAi, InputTokens = 500, Number = _number++ };
        _ = Router.TryEnter(query, _state.TableOf(_eligible), _routing, _scratch, _now, out Route route);
        route.State.Leave();
        route.Load.Answered(route);
        route.Load.Left(route);
        return route.Deployment;
    }

    private static string SecretOf500 { get; } = SecretOf(500);

    private static string SecretOf(int i) => $"fb-secret-of-key-number-{i:0000}-and-some-more";

    private static FleetConfig Fleet() => new()
    {
        Providers = [new ProviderConfig { Id = "p" }],
        Sites = [new SiteConfig { Id = "s", Provider = "p", Country = "US", Jurisdiction = "us" }],
        Pools = [new PoolConfig { Id = "pool", Site = "s", Quota = new PoolQuotaConfig { RequestsPerMinute = 1000 } }],
        Models =
        [
            new ModelConfig
            {
                Id = "atlas", ContextTokens = 200_000, MaxOutputTokens = 64_000, ParametersBillion = Figure.Of(70),
            },
        ],
        Deployments =
        [
            .. Enumerable.Range(0, Deployments).Select(i => new DeploymentConfig
            {
                Id = $"d{i}",
                Model = "atlas",
                Pool = "pool",
                Endpoint = new Uri($"http://127.0.0.1:{9000 + i}"),
                Dialects = [Dialect.OpenAi],
            }),
        ],
        Tiers =
        [
            new TierConfig
            {
                Id = "scale",
                RequestsPerMinute = 1_000_000_000,
                InputTokensPerMinute = 1_000_000_000_000,
                OutputTokensPerMinute = 1_000_000_000_000,
            },
        ],
        ResidencyPolicies = [new ResidencyPolicyConfig { Id = "us-only", Jurisdictions = ["us"] }],
        Tenants = [new TenantConfig { Id = "acme", Tier = "scale", Residency = "us-only" }],
    };
}
