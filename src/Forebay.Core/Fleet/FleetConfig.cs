using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Links;

namespace Forebay.Core.Fleet;

/// <summary>
/// The fleet file as immutable records: what the operator wrote, bound but not yet compiled. <see cref="FleetModel"/>
/// is the compiled snapshot.
/// </summary>
public sealed record FleetConfig
{
    [ConfigKey("Version of the file's form; 1.", Minimum = 1, Maximum = 1)]
    public int Version { get; init; } = 1;

    [ConfigKey("Settings of this server.")]
    public ServerConfig Server { get; init; } = new();

    [ConfigKey("Providers and sites that fail or are withdrawn together.")]
    public ConcentrationGroupConfig[] ConcentrationGroups { get; init; } = [];

    [ConfigKey("Companies that supply compute.")]
    public ProviderConfig[] Providers { get; init; } = [];

    [ConfigKey("Places with compute.")]
    public SiteConfig[] Sites { get; init; } = [];

    [ConfigKey("Places where clients are; latencies are kept from each to each site.")]
    public RegionConfig[] Regions { get; init; } = [];

    [ConfigKey("What providers owe.")]
    public CommitmentConfig[] Commitments { get; init; } = [];

    [ConfigKey("Interchangeable capacity at one site under one commitment.")]
    public PoolConfig[] Pools { get; init; } = [];

    [ConfigKey("What clients ask for by name.")]
    public ModelConfig[] Models { get; init; } = [];

    [ConfigKey("Models served on pools.")]
    public DeploymentConfig[] Deployments { get; init; } = [];

    [ConfigKey("Limits and priority that tenants share.")]
    public TierConfig[] Tiers { get; init; } = [];

    [ConfigKey("Where tenants' requests may be served.")]
    public ResidencyPolicyConfig[] ResidencyPolicies { get; init; } = [];

    [ConfigKey("Customers.")]
    public TenantConfig[] Tenants { get; init; } = [];
}
