using Forebay.Core.Capacity;
using Forebay.Core.Serving;

namespace Forebay.Core.Fleet;

/// <summary>
/// A configuration by id, for rules that cross sections. Tolerates what other rules report: where an id is used twice
/// the first one holds, and what is not there is null.
/// </summary>
internal sealed class FleetIndex(FleetConfig config)
{
    private readonly Dictionary<string, SiteConfig> _sites = ById(config.Sites, s => s.Id);
    private readonly Dictionary<string, PoolConfig> _pools = ById(config.Pools, p => p.Id);
    private readonly Dictionary<string, CommitmentConfig> _commitments = ById(config.Commitments, c => c.Id);
    private readonly Dictionary<string, ResidencyPolicyConfig> _policies = ById(config.ResidencyPolicies, p => p.Id);

    public FleetConfig Config { get; } = config;

    public SiteConfig? Site(string? id) => _sites.GetValueOrDefault(id ?? "");

    public PoolConfig? Pool(string? id) => _pools.GetValueOrDefault(id ?? "");

    public CommitmentConfig? Commitment(string? id) => _commitments.GetValueOrDefault(id ?? "");

    public ResidencyPolicyConfig? Policy(string? id) => _policies.GetValueOrDefault(id ?? "");

    private static Dictionary<string, T> ById<T>(T[] entries, Func<T, string> id)
    {
        var byId = new Dictionary<string, T>(entries.Length, StringComparer.Ordinal);
        foreach (T entry in entries)
        {
            byId.TryAdd(id(entry), entry);
        }

        return byId;
    }
}
