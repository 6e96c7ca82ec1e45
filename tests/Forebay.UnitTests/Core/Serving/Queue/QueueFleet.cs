using System.Collections.Frozen;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;

namespace Forebay.UnitTests.Core.Serving.Queue;

/// <summary>A fleet with deployments d0, d1, ... of one model, and tenants of each class, for the queue's tests.</summary>
internal sealed class QueueFleet
{
    public QueueFleet(int deployments, int places = 1, QueueFleetTenant[]? tenants = null)
    {
        tenants ??= [new("acme", PriorityClass.Standard)];
        var config = new FleetConfig
        {
            Providers = [new ProviderConfig { Id = "p" }],
            Sites = [new SiteConfig { Id = "s", Provider = "p", Country = "US", Jurisdiction = "us" }],
            Pools = [new PoolConfig { Id = "pool", Site = "s", Quota = new PoolQuotaConfig { RequestsPerMinute = 1 } }],
            Models =
            [
                new ModelConfig
                {
                    Id = "atlas", ContextTokens = 200_000, MaxOutputTokens = 64_000, ParametersBillion = Figure.Of(70),
                },
            ],
            Deployments =
            [
                .. Enumerable.Range(0, deployments).Select(i => new DeploymentConfig
                {
                    Id = $"d{i}",
                    Model = "atlas",
                    Pool = "pool",
                    Endpoint = new Uri($"http://127.0.0.1:{9000 + i}"),
                    MaxConcurrency = places,
                }),
            ],
            Tiers =
            [
                .. tenants.Select(t => new TierConfig { Id = "tier-" + t.Id, Priority = t.Class, Weight = t.Weight }),
            ],
            Tenants = [.. tenants.Select(t => new TenantConfig { Id = t.Id, Tier = "tier-" + t.Id })],
        };
        State.Model = FleetModel.Build(config, FrozenDictionary<string, Uri>.Empty);
    }

    public FleetState State { get; } = new();

    public ServedModel Model => State.Model.Models[0];

    public Tenant Tenant(string id) => State.Model.FindTenant(id)!;

    /// <summary>The set of some of its deployments.</summary>
    public EligibleSet Set(params int[] deployments) => new([.. deployments.Select(d => State.Model.Deployments[d])]);
}

internal sealed record QueueFleetTenant(string Id, PriorityClass Class, double Weight = 1);
