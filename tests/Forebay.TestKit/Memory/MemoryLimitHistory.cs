using Forebay.Core.Limits;

namespace Forebay.TestKit.Memory;

/// <summary>A history of limits in memory.</summary>
public sealed class MemoryLimitHistory : ILimitHistory
{
    private readonly Dictionary<string, LimitTerms> _inForce = new(StringComparer.Ordinal);
    private readonly List<(string Tenant, LimitChange Change)> _changes = [];

    public Task<int> RecordAsync(
        IReadOnlyCollection<TenantTerms> tenants,
        string changedBy,
        string source,
        DateTimeOffset at,
        CancellationToken cancel)
    {
        int before = _changes.Count;
        foreach ((string tenant, LimitTerms terms) in tenants)
        {
            _changes.AddRange(LimitTerms.Changes(_inForce.GetValueOrDefault(tenant), terms).Select(c =>
                (tenant, new LimitChange(at, c.Name, c.ModelClass, c.Before, c.After, changedBy, source))));
            _inForce[tenant] = terms;
        }

        return Task.FromResult(_changes.Count - before);
    }

    public Task<IReadOnlyList<LimitChange>> ReadAsync(string tenant, int most, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<LimitChange>>(
            [.. _changes.Where(c => c.Tenant == tenant).Select(c => c.Change).Reverse().Take(most)]);
}
