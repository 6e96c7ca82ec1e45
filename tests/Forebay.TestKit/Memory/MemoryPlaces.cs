using Forebay.Core.Audit.Residency;

namespace Forebay.TestKit.Memory;

/// <summary>A record of places that says what the test put there.</summary>
public sealed class MemoryPlaces : IResidencyLedger
{
    public List<PlaceEvidence> Places { get; } = [];

    public long UsageRequests { get; set; }

    public Task<ResidencyEvidence> ReadPlacesAsync(ResidencyQuery query, CancellationToken cancel) => Task.FromResult(
        new ResidencyEvidence(
            query.From, query.To, [.. Places.Where(p => query.Tenant is null || p.Tenant == query.Tenant)], UsageRequests));
}
