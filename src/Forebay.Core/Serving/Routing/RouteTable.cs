using System.Collections.Immutable;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Links;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// The candidates of one eligible set, laid out for the router: grouped by site, with their live state at hand. Made
/// once per set and snapshot.
/// </summary>
public sealed class RouteTable
{
    private readonly RouteFacts[] _facts;

    /// <param name="deployments">The candidates.</param>
    /// <param name="state">Where their live state is.</param>
    public RouteTable(ImmutableArray<Deployment> deployments, FleetState state)
    {
        Memory = state.Routing;
        Deployments = [.. deployments.GroupBy(d => d.Site.Id, StringComparer.Ordinal).SelectMany(g => g)];
        States = [.. Deployments.Select(state.Of)];
        Loads = [.. Deployments.Select(state.LoadOf)];
        _facts = [.. Deployments.Select((d, i) => new RouteFacts(d, Loads[i].Number))];
        var sites = ImmutableArray.CreateBuilder<SiteGroup>();
        for (int at = 0; at < Deployments.Length;)
        {
            Deployment first = Deployments[at];
            int end = at;
            while (end < Deployments.Length && Deployments[end].Site.Id == first.Site.Id)
            {
                end++;
            }

            sites.Add(new SiteGroup(
                state.SiteOf(first.Site), first.Link.IsIdeal ? null : first.Link, at, end));
            at = end;
        }

        Sites = sites.ToImmutable();
    }

    public RoutingMemory Memory { get; }

    /// <summary>The candidates, site by site.</summary>
    public ImmutableArray<Deployment> Deployments { get; }

    public ImmutableArray<DeploymentState> States { get; }

    public ImmutableArray<RouteLoad> Loads { get; }

    public ImmutableArray<SiteGroup> Sites { get; }

    public int Count => Deployments.Length;

    /// <summary>What decisions read of each candidate's configuration.</summary>
    public ReadOnlySpan<RouteFacts> Facts => _facts;
}

/// <summary>What decisions read of a candidate's configuration, side by side with that of its neighbours.</summary>
public readonly struct RouteFacts
{
    private readonly byte _dialects;

    public RouteFacts(Deployment deployment, int number)
    {
        Number = number;
        Index = deployment.Index;
        MaxConcurrency = deployment.Config.MaxConcurrency;
        IsPaid = deployment.Config.Cost.Length == 0;
        foreach (Dialect dialect in deployment.Config.Dialects)
        {
            _dialects |= (byte)(1 << (int)dialect);
        }
    }

    /// <summary>Its number, for cells and the prefix index.</summary>
    public int Number { get; }

    /// <summary>Its place in the snapshot.</summary>
    public int Index { get; }

    public int MaxConcurrency { get; }

    /// <summary>Whether its capacity is paid for, used or not.</summary>
    public bool IsPaid { get; }

    public bool Speaks(Dialect dialect) => (_dialects >> (int)dialect & 1) != 0;
}

/// <summary>The candidates of one site: <see cref="Start"/> up to but not including <see cref="End"/>.</summary>
/// <param name="Site">The site's live state.</param>
/// <param name="Link">Its link; null where nothing is ever in the way.</param>
/// <param name="Start">The first candidate.</param>
/// <param name="End">The one after the last.</param>
public readonly record struct SiteGroup(SiteState Site, LinkSchedule? Link, int Start, int End)
{
    /// <summary>The site's link at a wall time.</summary>
    public LinkState LinkAt(long wallUnixMs) => Link is null ? LinkState.Ideal : Site.LinkAt(Link, wallUnixMs);
}
