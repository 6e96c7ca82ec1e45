using System.Collections.Frozen;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Forebay.Core.Access;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Routing;
using Forebay.Gateway;
using Forebay.Gateway.Upstreams;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>A real gateway on a real socket in front of upstreams of the test's choosing.</summary>
public sealed class GatewayHarness : IAsyncDisposable
{
    public const string Secret = "fb-test-secret-0123456789";
    public const string OtherSecret = "fb-other-secret-0123456789";
    public const string Model = "atlas";

    private readonly UpstreamSet _upstreams;

    private GatewayHarness(FleetConfig config, Func<string, string>? secrets, params ApiKey[] more)
    {
        _upstreams = new UpstreamSet(secrets ?? (reference => "secret-of-" + reference));
        State.Model = FleetModel.Build(config, FrozenDictionary<string, Uri>.Empty);
        State.Keys = new KeyRing([KeyOf("key_test", "acme", Secret), KeyOf("key_other", "globex", OtherSecret), .. more]);
    }

    public FleetState State { get; } = new();

    public RecordingJournal Journal { get; } = new();

    public GatewayServer Server { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    /// <summary>Starts a gateway over upstreams; the configuration may be changed before.</summary>
    public static Task<GatewayHarness> StartAsync(
        IReadOnlyList<Uri> upstreams,
        Func<FleetConfig, FleetConfig>? change = null,
        params ApiKey[] keys) => StartAsync(upstreams, NullLoggerFactory.Instance, change, keys);

    /// <summary>Starts a gateway whose logs go where the test can read them.</summary>
    public static Task<GatewayHarness> StartAsync(
        IReadOnlyList<Uri> upstreams,
        ILoggerFactory loggers,
        Func<FleetConfig, FleetConfig>? change = null,
        params ApiKey[] keys) => StartAsync(upstreams, TimeProvider.System, loggers, change, keys);

    /// <summary>Starts a gateway on a clock of the test's.</summary>
    public static Task<GatewayHarness> StartAsync(
        IReadOnlyList<Uri> upstreams,
        TimeProvider time,
        ILoggerFactory loggers,
        Func<FleetConfig, FleetConfig>? change = null,
        params ApiKey[] keys) => StartAsync(upstreams, time, loggers, null, change, keys);

    /// <summary>Starts a gateway whose secrets are found as the test says.</summary>
    public static Task<GatewayHarness> StartAsync(
        IReadOnlyList<Uri> upstreams,
        Func<FleetConfig, FleetConfig> change,
        Func<string, string> secrets) => StartAsync(
            upstreams, TimeProvider.System, NullLoggerFactory.Instance, null, change, [], secrets);

    /// <summary>Starts a gateway that speaks TLS; the client of the harness trusts that certificate.</summary>
    public static Task<GatewayHarness> StartTlsAsync(
        IReadOnlyList<Uri> upstreams,
        X509Certificate2 certificate,
        Func<FleetConfig, FleetConfig>? change = null) => StartAsync(
            upstreams, TimeProvider.System, NullLoggerFactory.Instance, certificate, change, []);

    private static async Task<GatewayHarness> StartAsync(
        IReadOnlyList<Uri> upstreams,
        TimeProvider time,
        ILoggerFactory loggers,
        X509Certificate2? certificate,
        Func<FleetConfig, FleetConfig>? change,
        ApiKey[] keys,
        Func<string, string>? secrets = null)
    {
        FleetConfig config = Fleet(upstreams);
        var harness = new GatewayHarness(change?.Invoke(config) ?? config, secrets, keys);
        IReadOnlyList<ConfigProblem> problems = harness._upstreams.Update(
            harness.State.Model, static () => { });
        if (problems.Count > 0)
        {
            throw new InvalidOperationException(string.Join("\n", problems));
        }

        harness.Server = await GatewayServer.StartAsync(
            new GatewayParts(
                harness.State,
                harness.Journal,
                harness._upstreams,
                new IPEndPoint(IPAddress.Loopback, 0),
                certificate is null ? null : listen => listen.UseHttps(certificate),
                time,
                loggers),
            CancellationToken.None);
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, errors) =>
            errors == SslPolicyErrors.None || presented?.Equals(certificate) == true;
        harness.Client = new HttpClient(handler) { BaseAddress = harness.Server.Address };
        return harness;
    }

    /// <summary>Takes a new configuration as a reload does.</summary>
    public IReadOnlyList<ConfigProblem> Reload(FleetConfig config)
    {
        var next = FleetModel.Build(config, FrozenDictionary<string, Uri>.Empty);
        IReadOnlyList<ConfigProblem> problems = _upstreams.Update(next, () => State.Model = next);
        State.WakeWaiters();
        return problems;
    }

    /// <summary>An Anthropic request with the harness's key.</summary>
    public static HttpRequestMessage Messages(string body, string secret = Secret)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("x-api-key", secret);
        request.Headers.Add("anthropic-version", "2023-06-01");
        return request;
    }

    /// <summary>An OpenAI request with the harness's key.</summary>
    public static HttpRequestMessage Chat(string body, string secret = Secret)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Authorization", "Bearer " + secret);
        return request;
    }

    public static string MessagesBody(bool stream, string extra = "") =>
        $$"""{"model":"{{Model}}","max_tokens":64,"stream":{{(stream ? "true" : "false")}}{{extra}},"messages":[{"role":"user","content":"Hi"}]}""";

    public static string ChatBody(bool stream, string extra = "") =>
        $$"""{"model":"{{Model}}","stream":{{(stream ? "true" : "false")}}{{extra}},"messages":[{"role":"user","content":"Hi"}]}""";

    public static ApiKey KeyOf(
        string id, string tenant, string secret, long? expires = null, long? revoked = null, params string[] models)
    {
        _ = SecretHash.TryCompute(secret, out SecretHash hash);
        return new ApiKey(id, tenant, id, hash, secret[..6], 0, expires, revoked, models.Length == 0 ? null : models);
    }

    /// <summary>One model on one deployment per upstream; the first in the US, the second in the EU, then by turns.
    /// </summary>
    public static FleetConfig Fleet(IReadOnlyList<Uri> upstreams) => new()
    {
        // No test of the request's path may hang on which upstream happened to be a little faster.
        Server = new ServerConfig { Routing = new RoutingConfig { ToleranceMs = 60_000 } },
        Providers = [.. upstreams.Select((_, i) => new ProviderConfig { Id = $"p{i}" })],
        Sites =
        [
            .. upstreams.Select((_, i) => new SiteConfig
            {
                Id = $"s{i}", Provider = $"p{i}", Country = i % 2 == 0 ? "US" : "DE", Jurisdiction = i % 2 == 0 ? "us" : "eu",
            }),
        ],
        Pools =
        [
            .. upstreams.Select((_, i) => new PoolConfig
            {
                Id = $"pool{i}", Site = $"s{i}", Quota = new PoolQuotaConfig { RequestsPerMinute = 1000 },
            }),
        ],
        Models =
        [
            new ModelConfig
            {
                Id = Model,
                ContextTokens = 200_000,
                MaxOutputTokens = 64_000,
                ParametersBillion = Figure.Of(70),
                Modalities = [Modality.Text, Modality.Image, Modality.Document],
                Prices = [new PriceConfig { Input = 3, Output = 15 }],
            },
        ],
        Deployments =
        [
            .. upstreams.Select((uri, i) => new DeploymentConfig
            {
                Id = $"d{i}",
                Model = Model,
                Pool = $"pool{i}",
                Endpoint = uri,
                UpstreamModel = "upstream-model",
                Dialects = [Dialect.Anthropic, Dialect.OpenAi],
                Credential = "env:UPSTREAM_KEY",
                Cost = [new PriceConfig { Input = 1, Output = 5 }],
                Timeouts = new UpstreamTimeoutsConfig
                {
                    ConnectSeconds = 5,
                    FirstByteSeconds = 20,
                    IdleSeconds = 20,
                    TotalSeconds = 60,
                },
            }),
        ],
        Tiers =
        [
            new TierConfig { Id = "scale" },
            new TierConfig
            {
                Id = "small",
                RequestsPerMinute = 2,
                InputTokensPerMinute = 10_000,
                OutputTokensPerMinute = 8_000,
            },
        ],
        ResidencyPolicies = [new ResidencyPolicyConfig { Id = "eu-only", Jurisdictions = ["eu"] }],
        Tenants =
        [
            new TenantConfig { Id = "acme", Tier = "scale" },
            new TenantConfig { Id = "globex", Tier = "small", Residency = "eu-only" },
        ],
    };

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.StopAsync(TimeSpan.Zero, CancellationToken.None);
        await Server.DisposeAsync();
        _upstreams.Dispose();
        Journal.Dispose();
    }
}
