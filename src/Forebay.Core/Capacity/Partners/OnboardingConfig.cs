using Forebay.Core.Config;

namespace Forebay.Core.Capacity.Partners;

/// <summary>An onboarding file: a provider's offer in the fleet file's own records, how its capacity is reached, and
/// what an acceptance must find.</summary>
public sealed record OnboardingConfig
{
    [ConfigKey("Version of the file's form; 1.", Minimum = 1, Maximum = 1)]
    public int Version { get; init; } = 1;

    [ConfigKey("Name of the partner, used by every command.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("Groups that neither the fleet file nor another partner has.")]
    public ConcentrationGroupConfig[] ConcentrationGroups { get; init; } = [];

    [ConfigKey("The provider; left out where the fleet file has it.")]
    public ProviderConfig? Provider { get; init; }

    [ConfigKey("Sites that the fleet file does not have.")]
    public SiteConfig[] Sites { get; init; } = [];

    [ConfigKey("What the provider owes.", Required = true)]
    public required CommitmentConfig Commitment { get; init; }

    [ConfigKey("The capacity under the commitment.", Required = true)]
    public required PoolConfig[] Pools { get; init; }

    [ConfigKey("How each pool is reached; each needs one before it is accepted.")]
    public ConnectionConfig[] Connections { get; init; } = [];

    [ConfigKey("What an acceptance sends and must find.")]
    public AcceptanceConfig Acceptance { get; init; } = new();
}

/// <summary>How a pool is reached, and what its endpoint was promised to do.</summary>
public sealed record ConnectionConfig
{
    [ConfigKey("The pool.", Required = true)]
    public required string Pool { get; init; }

    [ConfigKey("Base URL of an OpenAI-compatible endpoint of the pool, without /v1.", Required = true)]
    public required Uri Endpoint { get; init; }

    [ConfigKey("Secret that is sent as a bearer token: env:NAME or file:PATH.", Secret = true)]
    public string? Credential { get; init; }

    [ConfigKey("The model that the probe asks for; the first that the endpoint lists when left out.")]
    public string? Model { get; init; }

    [ConfigKey("URL of a JSON object whose accelerators key counts what the pool has; what the file says is only " +
        "claimed when left out.")]
    public Uri? Inventory { get; init; }

    [ConfigKey("Output tokens per second that the endpoint was promised to make under the probe's load.",
        Minimum = 0.001)]
    public double? OutputTokensPerSecond { get; init; }
}

/// <summary>What an acceptance sends and must find.</summary>
public sealed record AcceptanceConfig
{
    [ConfigKey("Completions sent to each endpoint.", Minimum = 4, Maximum = 100_000)]
    public int Requests { get; init; } = 64;

    [ConfigKey("Completions in flight at once.", Minimum = 1, Maximum = 4096)]
    public int Concurrency { get; init; } = 8;

    [ConfigKey("Most output tokens of each.", Minimum = 1, Maximum = 8192)]
    public int MaxOutputTokens { get; init; } = 128;

    [ConfigKey("Longest time to first token at the 95th percentile, in milliseconds.", Minimum = 1)]
    public double TimeToFirstTokenP95Ms { get; init; } = 5000;

    [ConfigKey("Largest share of failed completions.", Minimum = 0, Maximum = 1)]
    public double MaxErrorShare { get; init; } = 0.01;

    [ConfigKey("Share by which a measurement may miss what was promised and still meet it.", Minimum = 0,
        Maximum = 0.5)]
    public double Tolerance { get; init; } = 0.05;

    [ConfigKey("Longest time for one completion.", Minimum = 1, Maximum = 3600)]
    public double TimeoutSeconds { get; init; } = 120;
}
