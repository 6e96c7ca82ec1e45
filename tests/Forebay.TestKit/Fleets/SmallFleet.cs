using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;

namespace Forebay.TestKit.Fleets;

/// <summary>
/// A fleet for tests: two providers; a real, an emulated, a cloud and an unserved deployment; tenants acme (all
/// models) and globex (only swift).
/// </summary>
public static class SmallFleet
{
    public static FleetConfig Config { get; } = new()
    {
        Providers = [new() { Id = "north" }, new() { Id = "south" }],
        Sites =
        [
            new() { Id = "oslo", Provider = "north", Country = "NO", Jurisdiction = "eu" },
            new() { Id = "dallas", Provider = "south", Country = "US", Jurisdiction = "us" },
        ],
        Pools =
        [
            new() { Id = "oslo-h100", Site = "oslo", Accelerators = new() { Type = "H100-SXM", Count = Figure.Of(8) } },
            new() { Id = "dallas-api", Site = "dallas", Quota = new() { RequestsPerMinute = 100 } },
        ],
        Models =
        [
            Model("deep", "deep-latest"),
            Model("swift", "swift-latest"),
        ],
        Deployments =
        [
            new()
            {
                Id = "deep-real", Model = "deep", Pool = "oslo-h100",
                AcceleratorsPerReplica = 1, Endpoint = new Uri("http://127.0.0.1:9"),
            },
            new() { Id = "deep-cloud", Model = "deep", Pool = "dallas-api", Endpoint = new Uri("http://127.0.0.1:9") },
            new() { Id = "swift-emulated", Model = "swift", Pool = "oslo-h100", AcceleratorsPerReplica = 1, MaxConcurrency = 2 },
            new() { Id = "swift-unserved", Model = "swift", Pool = "oslo-h100", AcceleratorsPerReplica = 1 },
        ],
        Tiers = [new() { Id = "standard", Priority = PriorityClass.Standard }],
        Tenants =
        [
            new() { Id = "acme", Tier = "standard" },
            new() { Id = "globex", Tier = "standard", Models = ["swift"] },
        ],
    };

    /// <summary>The same with room for thousands of deployments at Oslo.</summary>
    public static FleetConfig Wide { get; } = Config with
    {
        Pools =
        [
            Config.Pools[0] with { Accelerators = new() { Type = "H100-SXM", Count = Figure.Of(100_000) } },
            Config.Pools[1],
        ],
    };

    public static FleetModel Build() => FleetModel.Build(
        Config,
        new Dictionary<string, Uri> { ["swift-emulated"] = new("http://127.0.0.1:9") });

    private static ModelConfig Model(string id, string alias) => new()
    {
        Id = id,
        Aliases = [alias],
        ContextTokens = 128_000,
        MaxOutputTokens = 8_000,
        ParametersBillion = Figure.Of(70),
    };
}
