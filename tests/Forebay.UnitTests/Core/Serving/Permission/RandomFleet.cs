using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;

namespace Forebay.UnitTests.Core.Serving.Permission;

/// <summary>Fleets, policies, classes, geographies and export rules by chance, from a seed.</summary>
internal sealed class RandomFleet(Random random)
{
    private static readonly string[] Jurisdictions = ["us", "eu", "jp", "orbit"];
    private static readonly string[] Countries = ["US", "DE", "FR", "JP"];
    private static readonly SiteKind[] Kinds = [SiteKind.Region, SiteKind.Datacenter, SiteKind.Orbital];

    public FleetModel Build()
    {
        int sites = random.Next(1, 9);
        ResidencyPolicyConfig[] policies = [.. Enumerable.Range(0, 4).Select(i => new ResidencyPolicyConfig
        {
            Id = $"policy-{i}",
            Jurisdictions = random.Next(4) == 0 ? ["*"] : Some(Jurisdictions, 1),
            SiteKinds = Some(Kinds, 1),
        })];
        return FleetModel.Build(
            new FleetConfig
            {
                Providers = [new ProviderConfig { Id = "p" }],
                Sites = [.. Enumerable.Range(0, sites).Select(Site)],
                Pools = [.. Enumerable.Range(0, sites).Select(i => new PoolConfig { Id = $"pool-{i}", Site = $"s{i}" })],
                Models = [Model("m0"), Model("m1")],
                Deployments = [.. Enumerable.Range(0, random.Next(1, 80)).Select(i => new DeploymentConfig
                {
                    Id = $"d{i}",
                    Model = random.Next(2) == 0 ? "m0" : "m1",
                    Pool = $"pool-{random.Next(sites)}",
                    Endpoint = new Uri("http://127.0.0.1:9"),
                    RunsIn = random.Next(4) == 0 ? Some(Jurisdictions, 1) : null,
                })],
                ResidencyPolicies = policies,
                DataClasses = [.. Enumerable.Range(0, 3).Select(i => new DataClassConfig
                {
                    Id = $"class-{i}", Residency = policies[random.Next(policies.Length)].Id,
                })],
                Tiers = [new TierConfig { Id = "t" }],
                Tenants = [.. Enumerable.Range(0, 4).Select(i => new TenantConfig
                {
                    Id = $"tenant-{i}",
                    Tier = "t",
                    Residency = i == 0 ? null : policies[random.Next(policies.Length)].Id,
                })],
            },
            new Dictionary<string, Uri>());
    }

    public PermissionRules Rules(FleetModel model, Tenant tenant) => new(
        tenant.Residency,
        random.Next(3) == 0 ? model.FindDataClass($"class-{random.Next(3)}") : null,
        random.Next(3) == 0 ? model.FindDataClass($"class-{random.Next(3)}") : null,
        random.Next(3) == 0 ? model.FindGeography(Some(["global", "us", "eu", "jp"], 1)[0]) : null);

    public ExportDenials Denials(string model, long version) => new(
        model, version, version, "test", random.Next(10) == 0,
        random.Next(2) == 0 ? [] : Some(Jurisdictions, 1),
        random.Next(2) == 0 ? [] : Some(Countries, 1),
        random.Next(3) == 0 ? Some(Kinds, 1) : []);

    private SiteConfig Site(int i)
    {
        SiteKind kind = Kinds[random.Next(Kinds.Length)];
        return new SiteConfig
        {
            Id = $"s{i}",
            Provider = "p",
            Kind = kind,
            Country = kind == SiteKind.Orbital ? null : Countries[random.Next(Countries.Length)],
            Jurisdiction = Jurisdictions[random.Next(Jurisdictions.Length)],
        };
    }

    private ModelConfig Model(string id) => new()
    {
        Id = id,
        ContextTokens = 1000,
        MaxOutputTokens = 100,
        ParametersBillion = Figure.Of(1),
        Export = random.Next(2) == 0 ? null : new ExportRuleConfig
        {
            DenyJurisdictions = Some(Jurisdictions, 0),
            DenyCountries = random.Next(2) == 0 ? [] : Some(Countries, 1),
            DenySiteKinds = random.Next(3) == 0 ? Some(Kinds, 1) : [],
            OnlyJurisdictions = random.Next(3) == 0 ? Some(Jurisdictions, 1) : null,
            OnlyCountries = random.Next(3) == 0 ? Some(Countries, 1) : null,
            OnlySiteKinds = random.Next(3) == 0 ? Some(Kinds, 1) : null,
        },
    };

    private T[] Some<T>(T[] from, int least)
    {
        T[] shuffled = [.. from];
        random.Shuffle(shuffled);
        return shuffled[..random.Next(least, shuffled.Length)];
    }
}
