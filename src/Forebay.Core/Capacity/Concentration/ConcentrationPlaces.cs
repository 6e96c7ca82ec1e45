using System.Collections.Immutable;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Concentration;

/// <summary>Whose capacity something is, and what it falls with.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="Groups">Concentration groups, each once: the provider's and the site's.</param>
internal readonly record struct ConcentrationPlace(string Provider, ImmutableArray<string> Groups);

/// <summary>Finds the provider and the groups of pools and deployments.</summary>
internal sealed class ConcentrationPlaces
{
    private const string Unknown = "unknown";

    private readonly Dictionary<string, ConcentrationPlace> _providers;
    private readonly Dictionary<string, ConcentrationPlace> _pools;
    private readonly Dictionary<string, string> _poolOf;

    public ConcentrationPlaces(FleetConfig fleet)
    {
        Providers = [.. fleet.Providers.Select(p => p.Id)];
        Groups = [.. fleet.ConcentrationGroups.Select(g => g.Id)];
        _providers = fleet.Providers.ToDictionary(
            p => p.Id, p => new ConcentrationPlace(p.Id, [.. p.ConcentrationGroups.Distinct()]));
        var sites = fleet.Sites.ToDictionary(s => s.Id);
        _pools = fleet.Pools.ToDictionary(p => p.Id, p => At(sites[p.Site]));
        _poolOf = fleet.Deployments.ToDictionary(d => d.Id, d => d.Pool);
    }

    public ImmutableArray<string> Providers { get; }

    public ImmutableArray<string> Groups { get; }

    public ConcentrationPlace OfProvider(string provider) =>
        _providers.TryGetValue(provider, out ConcentrationPlace place) ? place : new(provider, []);

    public ConcentrationPlace OfPool(string pool) =>
        _pools.TryGetValue(pool, out ConcentrationPlace place) ? place : new(Unknown, []);

    /// <summary>Where a deployment is; one that is gone, or is another provider's now, counts for the provider that it
    /// had.</summary>
    public ConcentrationPlace OfDeployment(string deployment, string provider) =>
        _poolOf.TryGetValue(deployment, out string? pool) && OfPool(pool) is var place && place.Provider == provider
            ? place
            : OfProvider(provider);

    private ConcentrationPlace At(SiteConfig site) => new(
        site.Provider, [.. OfProvider(site.Provider).Groups.Concat(site.ConcentrationGroups).Distinct()]);
}
