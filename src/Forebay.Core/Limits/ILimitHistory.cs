namespace Forebay.Core.Limits;

/// <summary>A change of a tenant's limits.</summary>
/// <param name="At">Since when it holds.</param>
/// <param name="Name">The key of the fleet file, such as <c>weekly_window</c>, or <c>tier</c>.</param>
/// <param name="ModelClass">The class it holds for; null for all models.</param>
/// <param name="Before">What it was; null where there was no such limit.</param>
/// <param name="After">What it is; null where there is none any more.</param>
/// <param name="ChangedBy">What changed it: <c>startup</c> or <c>file</c>, a start or a reload of the fleet
/// file; <c>capacity</c>, a decision to let limits follow it.</param>
/// <param name="Source">Where from: the file, and the first digits of its SHA-256; or the proposal.</param>
public sealed record LimitChange(
    DateTimeOffset At,
    string Name,
    string? ModelClass,
    string? Before,
    string? After,
    string ChangedBy,
    string Source);

/// <summary>A tenant and what its limits are.</summary>
public readonly record struct TenantTerms(string Tenant, LimitTerms Terms);

/// <summary>The durable history of limits.</summary>
public interface ILimitHistory
{
    /// <summary>Compares limits to those recorded last and records what differs, all of it or nothing.</summary>
    /// <returns>How many changes there were.</returns>
    Task<int> RecordAsync(
        IReadOnlyCollection<TenantTerms> tenants,
        string changedBy,
        string source,
        DateTimeOffset at,
        CancellationToken cancel);

    /// <summary>The latest changes of a tenant, the last one first.</summary>
    Task<IReadOnlyList<LimitChange>> ReadAsync(string tenant, int most, CancellationToken cancel);
}
