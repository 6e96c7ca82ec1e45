using System.Collections.Immutable;
using Forebay.Core.Capacity.Withdrawals;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity;

/// <summary>A provider as an auditor asks for it: what depends on it, what would take its place, when that was last
/// tried.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="Sites">Its sites.</param>
/// <param name="Groups">Concentration groups of the provider and of its sites.</param>
/// <param name="Commitments">What it owes.</param>
/// <param name="Served">Models that it serves.</param>
/// <param name="Substituted">Those of them that other providers serve too.</param>
/// <param name="LastDrill">The last drill that lost it, alone or with a group; null where there was none.</param>
public sealed record RegisteredProvider(
    ProviderConfig Provider,
    ImmutableArray<SiteConfig> Sites,
    ImmutableArray<string> Groups,
    ImmutableArray<CommitmentConfig> Commitments,
    ImmutableArray<string> Served,
    ImmutableArray<string> Substituted,
    WithdrawalRecord? LastDrill)
{
    /// <summary>Models that nobody else serves.</summary>
    public IEnumerable<string> Unsubstituted => Served.Except(Substituted);
}

/// <summary>The register of providers. Pure.</summary>
public static class ProviderRegister
{
    /// <summary>All providers of a fleet, in its order. Cost: providers x deployments.</summary>
    /// <param name="fleet">The fleet in force.</param>
    /// <param name="withdrawals">All of them.</param>
    public static ImmutableArray<RegisteredProvider> Of(FleetModel fleet, IReadOnlyList<WithdrawalRecord> withdrawals)
    {
        WithdrawalRecord[] drills =
        [
            .. withdrawals.Where(w => w.Asked.Kind == WithdrawalKind.Drill && w.Progress.TakenOutUnixMs is not null)
                .OrderByDescending(w => w.Progress.TakenOutUnixMs),
        ];
        return [.. fleet.Config.Providers.Select(p => Of(fleet, p, drills))];
    }

    private static RegisteredProvider Of(FleetModel fleet, ProviderConfig provider, WithdrawalRecord[] drills)
    {
        FleetConfig config = fleet.Config;
        ImmutableArray<SiteConfig> sites = [.. config.Sites.Where(s => s.Provider == provider.Id)];
        ImmutableArray<string> groups =
            [.. provider.ConcentrationGroups.Concat(sites.SelectMany(s => s.ConcentrationGroups)).Distinct()];
        ServedModel[] served =
            [.. fleet.Models.Where(m => m.Deployments.Any(d => d.IsServed && d.Provider.Id == provider.Id))];
        return new RegisteredProvider(
            provider,
            sites,
            groups,
            [.. config.Commitments.Where(c => c.Provider == provider.Id)],
            [.. served.Select(m => m.Id)],
            [
                .. served.Where(m => m.Deployments.Any(d => d.IsServed && d.Provider.Id != provider.Id))
                    .Select(m => m.Id),
            ],
            Array.Find(drills, d => d.Asked.Target switch
            {
                { Scope: WithdrawalScope.Provider } target => target.Id == provider.Id,
                { Scope: WithdrawalScope.Group } target => groups.Contains(target.Id),
                _ => false,
            }));
    }
}
