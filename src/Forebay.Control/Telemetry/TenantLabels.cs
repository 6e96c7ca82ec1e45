using System.Collections.Concurrent;

namespace Forebay.Control.Telemetry;

/// <summary>
/// Bounds the tenant label of metrics: the first tenants seen keep their name, the rest share one. Known tenants cost
/// one lock-free lookup and no allocation.
/// </summary>
/// <param name="max">Most tenants named.</param>
public sealed class TenantLabels(int max)
{
    /// <summary>The label of every tenant beyond the bound.</summary>
    public const string Other = "other";

    private readonly ConcurrentDictionary<string, string> _named = new(StringComparer.Ordinal);
    private int _taken;

    /// <summary>The label of a tenant: its id, or <see cref="Other"/>. The answer for a named tenant never changes.
    /// </summary>
    public string Of(string tenant)
    {
        if (_named.TryGetValue(tenant, out string? label))
        {
            return label;
        }

        if (Volatile.Read(ref _taken) >= max)
        {
            return Other;
        }

        if (Interlocked.Increment(ref _taken) > max)
        {
            Interlocked.Decrement(ref _taken);
            return Other;
        }

        if (!_named.TryAdd(tenant, tenant))
        {
            // Another caller named the same tenant first: give the place back.
            Interlocked.Decrement(ref _taken);
        }

        return tenant;
    }
}
