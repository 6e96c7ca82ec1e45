using Forebay.Core.Batches;
using Forebay.Core.Capacity.Placement;
using Forebay.Core.Capacity.Concentration;
using Forebay.Core.Config;
using Forebay.Core.Limits.Following;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Serving.Routing;

namespace Forebay.Core.Fleet;

/// <summary>TLS of a listening port. The files are read again when they change.</summary>
public sealed record ListenerTlsConfig
{
    [ConfigKey("PEM file with the certificate and its chain.", Required = true)]
    public required string CertificateFile { get; init; }

    [ConfigKey("PEM file with the key.", Required = true)]
    public required string KeyFile { get; init; }
}

/// <summary>A listening port. Changing it takes a restart.</summary>
public sealed record ListenerConfig
{
    [ConfigKey("Address and port to listen on; port 0 takes any free one.", NeedsRestart = true,
        Example = "127.0.0.1:8080")]
    public string? Listen { get; init; }

    [ConfigKey("TLS; plain HTTP when left out.", NeedsRestart = true)]
    public ListenerTlsConfig? Tls { get; init; }
}

/// <summary>What requests may cost the gateway, and how long it waits.</summary>
public sealed record GatewayConfig
{
    [ConfigKey("Largest request body in bytes, decoded.", Minimum = 1024, Maximum = 1_073_741_824)]
    public int MaxBodyBytes { get; init; } = 33_554_432;

    [ConfigKey("Memory for request bodies and relays over all requests, in bytes; past it requests get 503.",
        Minimum = 1_048_576)]
    public long MemoryBudgetBytes { get; init; } = 1_073_741_824;

    [ConfigKey("Time for a client to send its whole body.", Minimum = 0.1, Maximum = 3600)]
    public double BodyTimeoutSeconds { get; init; } = 60;

    [ConfigKey("Most requests waiting for capacity, per model.", Minimum = 0, Maximum = 1_000_000)]
    public int MaxWaiting { get; init; } = 1000;

    [ConfigKey("Longest wait for capacity.", Minimum = 0, Maximum = 3600)]
    public double MaxWaitSeconds { get; init; } = 60;

    [ConfigKey("In which order requests wait.")]
    public QueueConfig Queue { get; init; } = new();

    [ConfigKey("Silence on a stream after which a keep-alive is sent.", Minimum = 0.01, Maximum = 60)]
    public double KeepAliveSeconds { get; init; } = 10;

    [ConfigKey("Retries elsewhere allowed per request in the long run; 0.2 is one in five.", Minimum = 0,
        Maximum = 10)]
    public double RetryBudgetRatio { get; init; } = 0.2;

    [ConfigKey("Most attempts for one request, the first one included.", Minimum = 1, Maximum = 10)]
    public int MaxAttempts { get; init; } = 3;

    [ConfigKey("Share of requests whose routing is kept for reading back, by chance; those that fail or are retried " +
        "are kept in any case.", Minimum = 0, Maximum = 1)]
    public double ExplainSampleShare { get; init; } = 0.01;

    [ConfigKey("Memory for kept routing decisions in bytes; the oldest go first.", Minimum = 65_536,
        Maximum = 1_073_741_824)]
    public long ExplainMemoryBytes { get; init; } = 16_777_216;

    [ConfigKey("Longest answer, in bytes of its text as sent, that can be gone on with at another deployment; the " +
        "text is held for that while it streams.", Minimum = 0, Maximum = 67_108_864)]
    public int ContinuationBytes { get; init; } = 1_048_576;

    [ConfigKey("Most signatures and containers whose issuing account is remembered; the ones not used for longest go " +
        "first. Each takes about 100 bytes.", Minimum = 0, Maximum = 100_000_000)]
    public int PinEntries { get; init; } = 200_000;

    [ConfigKey("Hours after its last use that an issuing account is forgotten.", Minimum = 0.01, Maximum = 8760)]
    public double PinHours { get; init; } = 168;

    [ConfigKey("Time for a client that stopped reading to take up again before it is cut.", Minimum = 0.1,
        Maximum = 3600)]
    public double ClientStallSeconds { get; init; } = 60;

    [ConfigKey("Most connections open at once; past it new ones are refused.", Minimum = 1, Maximum = 10_000_000)]
    public int MaxConnections { get; init; } = 20_000;

    [ConfigKey("Most connections open at once from one address (IPv6: from one /64); not limited when left out.",
        Minimum = 1, Maximum = 10_000_000)]
    public int? MaxConnectionsPerAddress { get; init; }

    [ConfigKey("Time a connection may be idle, before its first request and between two.", Minimum = 1,
        Maximum = 3600, NeedsRestart = true)]
    public double IdleConnectionSeconds { get; init; } = 130;

    [ConfigKey("Time for a client to send the headers of a request.", Minimum = 0.1, Maximum = 600,
        NeedsRestart = true)]
    public double HeadersTimeoutSeconds { get; init; } = 15;

    [ConfigKey("Largest headers of a request in bytes, all together.", Minimum = 1024, Maximum = 1_048_576,
        NeedsRestart = true)]
    public int MaxHeaderBytes { get; init; } = 65_536;

    [ConfigKey("Request header in which a proxy in front says the client's region; believed only from trusted_proxies.",
        Pattern = "[A-Za-z0-9-]+", Example = "x-client-region")]
    public string? RegionHeader { get; init; }

    [ConfigKey("Addresses, or networks such as 10.0.0.0/8, of proxies whose region_header is believed.")]
    public string[] TrustedProxies { get; init; } = [];

    [ConfigKey("Time given to work in flight when the server is told to stop.", Minimum = 0, Maximum = 86400)]
    public double DrainSeconds { get; init; } = 30;
}

/// <summary>What is measured and where it goes.</summary>
public sealed record TelemetryConfig
{
    [ConfigKey("OTLP endpoint for metrics and traces; none when left out.", NeedsRestart = true,
        Example = "http://127.0.0.1:4317")]
    public Uri? OtlpEndpoint { get; init; }

    [ConfigKey("Tenants named in metric labels, by first use; the rest are called other.", Minimum = 0,
        Maximum = 10_000)]
    public int MaxTenantLabels { get; init; } = 100;
}

/// <summary>Settings of this server.</summary>
public sealed record ServerConfig
{
    [ConfigKey("The port that clients call.")]
    public ListenerConfig Api { get; init; } = new();

    [ConfigKey("The port of the admin API, metrics and health.")]
    public ListenerConfig Admin { get; init; } = new();

    [ConfigKey("What requests may cost, and how long to wait.")]
    public GatewayConfig Gateway { get; init; } = new();

    [ConfigKey("When deployments are left alone, and how they come back.")]
    public HealthRulesConfig Health { get; init; } = new();

    [ConfigKey("How requests find their deployment.")]
    public RoutingConfig Routing { get; init; } = new();

    [ConfigKey("How model versions are placed on pools whose placement is automatic.")]
    public PlacementConfig Placement { get; init; } = new();

    [ConfigKey("The region this server takes calls in: where clients are taken to be that say nothing else.",
        RefersTo = "regions")]
    public string? Region { get; init; }

    [ConfigKey("How tiers' limits follow capacity.")]
    public LimitsFollowConfig LimitsFollow { get; init; } = new();
    [ConfigKey("How dependence on concentration groups is watched.")]
    public ConcentrationConfig Concentration { get; init; } = new();

    [ConfigKey("Batches and files: what they may cost, and how long they are kept.")]
    public BatchesConfig Batches { get; init; } = new();

    [ConfigKey("Metrics and traces.")]
    public TelemetryConfig Telemetry { get; init; } = new();
}
