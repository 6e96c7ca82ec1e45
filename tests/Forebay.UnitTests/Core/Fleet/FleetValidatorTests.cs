using System.Collections.Frozen;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Xunit;

namespace Forebay.UnitTests.Core.Fleet;

public sealed class FleetValidatorTests
{
    private static readonly FrozenSet<string> Accelerators = FrozenSet.Create("H100-SXM", "TPU-v6e");

    private static readonly ProviderConfig North = new() { Id = "north" };

    private static readonly SiteConfig NorthUs = new()
    {
        Id = "north-us", Provider = "north", Country = "US", Jurisdiction = "us",
    };

    private static readonly PoolConfig H100 = new()
    {
        Id = "h100",
        Site = "north-us",
        Accelerators = new PoolAcceleratorsConfig { Type = "H100-SXM", Count = Figure.Of(16) },
    };

    private static readonly PoolConfig Api = new()
    {
        Id = "api", Site = "north-us", Quota = new PoolQuotaConfig { RequestsPerMinute = 10 },
    };

    private static readonly CommitmentConfig Owed = new()
    {
        Id = "owed", Provider = "north", Unit = CommitmentUnit.Accelerators, Quantity = Figure.Of(16),
    };

    private static readonly ModelConfig Atlas = new()
    {
        Id = "atlas", ContextTokens = 8000, MaxOutputTokens = 4000, ParametersBillion = Figure.Of(8),
    };

    private static readonly DeploymentConfig Served = new()
    {
        Id = "served", Model = "atlas", Pool = "h100", AcceleratorsPerReplica = 8, Replicas = 2,
    };

    private static readonly TierConfig Build = new() { Id = "build" };

    private static readonly TenantConfig Acme = new() { Id = "acme", Tier = "build" };

    private static readonly ResidencyPolicyConfig EuOnly = new() { Id = "eu-only", Jurisdictions = ["eu"] };

    private static readonly FleetConfig Whole = new()
    {
        Providers = [North],
        Sites = [NorthUs],
        Pools = [H100, Api],
        Models = [Atlas],
        Deployments = [Served],
        Tiers = [Build],
        Tenants = [Acme],
    };

    private static readonly DateOnly May = new(2026, 5, 1);

    private static readonly DateOnly June = new(2026, 6, 1);

    private static string Check(FleetConfig config) => string.Join(
        '\n', FleetValidator.Validate(config, Accelerators).Select(p => $"{p.Path}: {p.Message}"));

    private static FleetConfig With(DeploymentConfig deployment) => Whole with { Deployments = [deployment] };

    private static FleetConfig With(ModelConfig model) => Whole with { Models = [model] };

    private static FleetConfig With(SiteConfig site) => Whole with { Sites = [site] };

    private static FleetConfig With(CommitmentConfig commitment) => Whole with { Commitments = [commitment] };

    private static FleetConfig With(Figure count) =>
        Whole with { Pools = [H100 with { Accelerators = H100.Accelerators! with { Count = count } }] };

    private static FleetConfig With(ServerConfig server) => Whole with { Server = server };

    [Fact]
    public void A_whole_fleet_has_no_problem_and_an_empty_one_neither()
    {
        Assert.Equal("", Check(Whole));
        Assert.Equal("", Check(new FleetConfig()));
    }

    public static TheoryData<string, FleetConfig> Broken => new()
    {
        // Ids and references
        { "sites[1].id: 'north-us' is the id of sites[0] already", Whole with { Sites = [NorthUs, NorthUs] } },
        { "deployments[0].pool: no pool is called 'h10'", With(Served with { Pool = "h10" }) },
        { "tenants[0].residency: no residency policy is called 'eu'",
            Whole with { Tenants = [Acme with { Residency = "eu" }] } },
        { "tenants[0].models[0]: no model is called 'atlos'",
            Whole with { Tenants = [Acme with { Models = ["atlos"] }] } },
        { "providers[0].id: 'North!' has the wrong form",
            new FleetConfig { Providers = [North with { Id = "North!" }] } },
        // Ranges, text, figures, secrets
        { "models[0].bytes_per_weight: 9 is out of range", With(Atlas with { BytesPerWeight = 9 }) },
        { "models[0].display_name: the text is empty", With(Atlas with { DisplayName = " " }) },
        { "sites[0].power_mw: -1 is out of range", With(NorthUs with { PowerMw = Figure.Of(-1) }) },
        { "pools[0].accelerators.count: value is 16, and min or max is given too",
            With(new Figure { Value = 16, Min = 1 }) },
        { "pools[0].accelerators.count: the figure has no number", With(new Figure { Min = 16 }) },
        { "pools[0].accelerators.count: min is 20, above max, which is 16", With(new Figure { Min = 20, Max = 16 }) },
        { "pools[0].accelerators.count: the basis is reported, but there is no source",
            With(Figure.Of(16) with { Basis = Basis.Reported }) },
        { "pools[0].accelerators.count: 16.5 is not a whole number", With(Figure.Of(16.5m)) },
        { "deployments[0].credential: this is not a reference to a secret (its text is not shown here)",
            With(Served with { Credential = "sk-1234" }) },
        // Sites and pools
        { "sites[0].country: country is left out, which only an orbital site may do",
            With(NorthUs with { Country = null }) },
        { "sites[0].country: kind is orbital, but country is 'US'", With(NorthUs with { Kind = SiteKind.Orbital }) },
        { "sites[0].latitude: latitude is given without longitude", With(NorthUs with { Latitude = 1 }) },
        { "pools[1]: the pool has neither accelerators nor quota",
            Whole with { Pools = [H100, Api with { Quota = null }] } },
        { "pools[0]: the pool has both accelerators and quota",
            Whole with { Pools = [H100 with { Quota = Api.Quota }] } },
        { "pools[1].quota: the quota limits nothing",
            Whole with { Pools = [H100, Api with { Quota = new PoolQuotaConfig() }] } },
        { "pools[0].accelerators.type: the catalogue has no accelerator 'H100'", Whole with
        {
            Pools = [H100 with { Accelerators = H100.Accelerators! with { Type = "H100" } }],
        } },
        // Commitments
        { "pools[0].commitment: commitment owed is owed by provider 'south', but site north-us is run by 'north'",
            Whole with
            {
                Providers = [North, new ProviderConfig { Id = "south" }],
                Commitments = [Owed with { Provider = "south" }],
                Pools = [H100 with { Commitment = "owed" }],
            } },
        { "commitments[0].quantity: the pools under it hold 16 accelerators (h100 16), but quantity is 8 to 15",
            Whole with
            {
                Commitments = [Owed with { Quantity = new Figure { Min = 8, Max = 15 } }],
                Pools = [H100 with { Commitment = "owed" }],
            } },
        { "commitments[0].ends: ends is 2026-05-01, before starts, which is 2026-06-01",
            With(Owed with { Starts = June, Ends = May }) },
        { "commitments[0].ramp[1].from: from is 2026-05-01, not after the step before it, 2026-06-01",
            With(Owed with { Ramp = [Step(June, 1), Step(May, 2)] }) },
        { "commitments[0].ramp[0].from: from is 2026-05-01, outside the term 2026-06-01 to (open)",
            With(Owed with { Starts = June, Ramp = [Step(May, 1)] }) },
        { "commitments[0].ramp[0].quantity: the step's quantity is 17, above the commitment's quantity, 16",
            With(Owed with { Ramp = [Step(May, 17)] }) },
        // Models
        { "models[0].max_output_tokens: max_output_tokens is 9000, above context_tokens, which is 8000",
            With(Atlas with { MaxOutputTokens = 9000 }) },
        { "models[0].active_parameters_billion: active_parameters_billion is 9, above parameters_billion, which is 8",
            With(Atlas with { ActiveParametersBillion = Figure.Of(9) }) },
        { "models[0].aliases[0]: 'atlas' is taken by models[0].id", With(Atlas with { Aliases = ["atlas"] }) },
        { "models[0].aliases[1]: 'a' is listed twice", With(Atlas with { Aliases = ["a", "a"] }) },
        { "models[1].aliases[0]: 'a' is taken by models[0].aliases[0]",
            Whole with { Models = [Atlas with { Aliases = ["a"] }, Atlas with { Id = "other", Aliases = ["a"] }] } },
        { "models[0].modalities: text is not listed", With(Atlas with { Modalities = [Modality.Image] }) },
        { "models[0].prices[1].from: from is left out, which only the first entry may do",
            With(Atlas with { Prices = [Price(null), Price(null)] }) },
        { "models[0].prices[1].from: from is 2026-05-01, not after the entry before it, 2026-06-01",
            With(Atlas with { Prices = [Price(June), Price(May)] }) },
        // Deployments
        { "pools[0].accelerators.count: the deployments on pool h100 take 24 accelerators (served 3 x 8), "
            + "but count is 16",
            With(Served with { Replicas = 3 }) },
        { "pools[0].accelerators.count: the deployments on pool h100 take 24 accelerators (served 3 x 8), "
            + "but count is 16; the deployments on pool more take 8 accelerators (second 1 x 8), but count is 4",
            With(Served with { Replicas = 3 }) with
            {
                Pools =
                [
                    .. Whole.Pools,
                    Whole.Pools[0] with
                    {
                        Id = "more", Accelerators = Whole.Pools[0].Accelerators! with { Count = Figure.Of(4) },
                    },
                ],
                Deployments = [Served with { Replicas = 3 }, Served with { Id = "second", Pool = "more", Replicas = 1 }],
            } },
        { "pools[0].accelerators.count: the deployments on pool h100 take 16 accelerators (served 2 x 8), "
            + "but commitment ramps owes it 8 at most",
            With(Served with { Replicas = 2 }) with
            {
                Pools = [Whole.Pools[0] with { Commitment = "ramps" }, .. Whole.Pools[1..]],
                Commitments =
                [
                    .. Whole.Commitments,
                    new()
                    {
                        Id = "ramps",
                        Provider = Whole.Sites.First(s => s.Id == Whole.Pools[0].Site).Provider,
                        Unit = CommitmentUnit.Accelerators,
                        Quantity = Figure.Of(16),
                        Ramp = [new RampStepConfig { From = June, Quantity = Figure.Of(8) }],
                    },
                ],
            } },
        { "deployments[0].accelerators_per_replica: accelerators_per_replica is 0, but pool h100 holds accelerators",
            With(Served with { AcceleratorsPerReplica = 0 }) },
        { "deployments[0].accelerators_per_replica: accelerators_per_replica is 8, but pool api is an API quota",
            With(Served with { Pool = "api" }) },
        { "deployments[0].dialects: the list is empty", With(Served with { Dialects = [] }) },
        { "deployments[0].dialects[1]: openai is listed twice",
            With(Served with { Dialects = [Dialect.OpenAi, Dialect.OpenAi] }) },
        { "deployments[0].endpoint: this is not a URL that starts with http:// or https://",
            With(Served with { Endpoint = new Uri("ftp://host") }) },
        { "deployments[0].endpoint: the URL has a query or a fragment",
            With(Served with { Endpoint = new Uri("http://host/?a=b") }) },
        { "deployments[0].endpoint: the URL holds a user or password (not shown here)",
            With(Served with { Endpoint = new Uri("http://user:pass@host") }) },
        { "deployments[0].endpoint: the URL ends with /v1, which is added to it",
            With(Served with { Endpoint = new Uri("http://host/v1/") }) },
        { "deployments[0].proxy: this is not a URL that starts with http:// or socks5://",
            With(Served with { Proxy = new Uri("https://host") }) },
        { "deployments[0].tls.client_key_file: client_key_file is given without client_certificate_file",
            With(Served with { Tls = new UpstreamTlsConfig { ClientKeyFile = "k" } }) },
        { "deployments[0].timeouts.first_byte_seconds: first_byte_seconds is 600, above total_seconds, which is 300",
            With(Served with { Timeouts = new UpstreamTimeoutsConfig { TotalSeconds = 300 } }) },
        // Tenants
        { "residency_policies[0].jurisdictions: the list is empty: nothing is allowed",
            Whole with { ResidencyPolicies = [EuOnly with { Jurisdictions = [] }] } },
        { "residency_policies[0].site_kinds: the list is empty: nothing is allowed",
            Whole with { ResidencyPolicies = [EuOnly with { SiteKinds = [] }] } },
        { "tenants[0].models: the list is empty: the tenant could call nothing",
            Whole with { Tenants = [Acme with { Models = [] }] } },
        { "tenants[0].residency: residency policy eu-only excludes every deployment of every model that "
            + "tenant acme may use",
            Whole with { ResidencyPolicies = [EuOnly], Tenants = [Acme with { Residency = "eu-only" }] } },
        // Server
        { "server.api.listen: '127.0.0.1' is not an address and a port", With(Listening("127.0.0.1", null)) },
        { "server.admin.listen: server.admin.listen is 127.0.0.1:80, the same as server.api.listen, localhost:80",
            With(Listening("localhost:80", "127.0.0.1:80")) },
        { "server.gateway.memory_budget_bytes: memory_budget_bytes is 2000000, below max_body_bytes, which is "
            + "33554432: the largest request would never fit",
            With(new ServerConfig { Gateway = new GatewayConfig { MemoryBudgetBytes = 2_000_000 } }) },
        { "server.telemetry.otlp_endpoint: this is not a URL that starts with http:// or https://",
            With(new ServerConfig { Telemetry = new TelemetryConfig { OtlpEndpoint = new Uri("tcp://h:1") } }) },
    };

    [Theory]
    [MemberData(nameof(Broken), DisableDiscoveryEnumeration = true)]
    public void A_broken_rule_is_the_only_problem_and_says_how_to_mend_it(string expected, FleetConfig config)
    {
        Assert.Equal(expected, Check(config));
        ConfigProblem problem = Assert.Single(FleetValidator.Validate(config, Accelerators));
        Assert.True(problem.Fix[^1] is '.' or '?', problem.Fix);
        Assert.NotEqual('.', problem.Message[^1]);
    }

    [Fact]
    public void Addresses_to_listen_on_take_these_forms()
    {
        string[] good = ["127.0.0.1:8080", "[::1]:0", "localhost:80", "*:65535", "0.0.0.0:1"];
        string[] bad =
        [
            "", ":80", "80", "host:80", "1:80", "::1:80", "[1.2.3.4]:80", "127.0.0.1:65536", "127.0.0.1:-1", "[::1]",
        ];

        Assert.All(good, text => Assert.True(ListenAddress.TryParse(text, out _), text));
        Assert.All(bad, text => Assert.False(ListenAddress.TryParse(text, out _), text));
    }

    [Fact]
    public void A_change_of_a_listening_address_is_named_as_one_for_the_next_start()
    {
        FleetConfig next = With(Listening("localhost:81", null)) with { Models = [] };

        RestartNote note = Assert.Single(RestartRules.Find(With(Listening("localhost:80", null)), next));

        Assert.Equal("server.api.listen", note.Path);
        Assert.Equal("was localhost:80 at the start, is localhost:81 in the file", note.Message);
    }

    private static RampStepConfig Step(DateOnly from, decimal quantity) =>
        new() { From = from, Quantity = Figure.Of(quantity) };

    private static PriceConfig Price(DateOnly? from) => new() { From = from, Input = 1, Output = 2 };

    private static ServerConfig Listening(string? api, string? admin) => new()
    {
        Api = new ListenerConfig { Listen = api }, Admin = new ListenerConfig { Listen = admin },
    };
}
