using System.Collections.Immutable;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>The production router, asked and told in virtual time what the live gateway asks and tells it.</summary>
/// <param name="spec">The cell.</param>
/// <param name="state">Its live counters.</param>
/// <param name="deployments">Its deployments, in the order of the model's list.</param>
internal sealed class CellRouter(CellSpec spec, FleetState state, ImmutableArray<SimulatedDeployment> deployments)
{
    /// <summary>Keeps the draws of one seed apart from those of the next.</summary>
    private const uint SeedStride = 0x9E37_79B1;

    private readonly RoutingConfig _config =
        spec.Fleet.Snapshot.Config.Server.Routing with { Policy = spec.Policy.Policy };

    private readonly RouteScratch _scratch = new();
    private readonly Route[] _routes = new Route[spec.Arrivals.Length];
    private readonly long[] _sentNs = new long[spec.Arrivals.Length];
    private readonly long[] _firstNs = new long[spec.Arrivals.Length];

    /// <summary>Chooses a deployment and takes a place there.</summary>
    /// <param name="request">Position of the request in the cell's arrivals.</param>
    /// <param name="what">The request.</param>
    /// <param name="eligible">Where it may go.</param>
    /// <param name="region">Number of the client's region, negative when it is not known.</param>
    /// <param name="now">Virtual time.</param>
    /// <returns>The deployment's position in the model's list; -1 when every place is taken.</returns>
    public int TryEnter(int request, CellRequest what, EligibleSet eligible, int region, Instant now)
    {
        Router.LookUp(state.Routing, _config, what.PrefixHashes, _scratch.Overlaps);
        if (spec.Policy.ReadsCaches)
        {
            ReadCaches(what);
        }

        var query = new RouteQuery
        {
            Dialect = Dialect.OpenAi,
            InputTokens = what.InputTokens,
            OutputTokens = state.OutputOf(spec.Fleet.Model).Expect(what.OutputTokens),
            BodyBytes = SimulatedDeployment.BodyBytes(what),
            Region = region,
            Number = (uint)request + (uint)spec.Seed * SeedStride,
            Stream = true,
        };
        if (!Router.TryEnter(query, state.TableOf(eligible), _config, _scratch, now, out Route route))
        {
            return -1;
        }

        Router.Remember(state.Routing, _config, what.PrefixHashes, route);
        _routes[request] = route;
        _sentNs[request] = now.MonotonicNs;
        return spec.Fleet.Model.Deployments.IndexOf(route.Deployment);
    }

    /// <summary>The first token of a request came.</summary>
    public void FirstToken(int request, Instant now)
    {
        Route route = _routes[request];
        _firstNs[request] = now.MonotonicNs;
        route.Load.FirstTokenCame(route, _sentNs[request], now.MonotonicNs);
        route.Load.Answered(route);
    }

    /// <summary>A request ended: the router learns from it, and its place is given back.</summary>
    public void Finished(int request, CellRequest what, int cachedTokens, Instant now)
    {
        Route route = _routes[request];
        state.OutputOf(spec.Fleet.Model).Observe(what.OutputTokens);
        route.Load.Completed(route, new RouteOutcome(
            _sentNs[request],
            _firstNs[request],
            now.MonotonicNs,
            what.InputTokens,
            cachedTokens,
            what.OutputTokens));
        route.Load.Left(route);
        state.QueueOf(spec.Fleet.Model).Release(route.Deployment, _sentNs[request], now.MonotonicNs);
    }

    /// <summary>A place that was taken a moment ago is given back, and offered to nobody yet.</summary>
    public void Undo(int request)
    {
        Route route = _routes[request];
        route.Load.Answered(route);
        route.Load.Left(route);
        route.State.Leave(_sentNs[request]);
        route.Load.Publish();
    }

    /// <summary>A deployment's engines are asked how they are, as the live gateway asks them.</summary>
    /// <param name="deployment">Its position in the model's list.</param>
    /// <param name="now">Virtual time.</param>
    /// <param name="intervalNs">When it is asked next.</param>
    public void Report(int deployment, Instant now, long intervalNs)
    {
        Deployment asked = spec.Fleet.Model.Deployments[deployment];
        RouteLoad load = state.LoadOf(asked);
        EngineReport report = deployments[deployment].Report(now);
        state.Of(asked).Report = report;
        load.Reported(report, load.BeginReport(), intervalNs);
    }

    /// <summary>When a request was sent.</summary>
    public long SentNs(int request) => _sentNs[request];

    private void ReadCaches(CellRequest what)
    {
        _scratch.Overlaps.Clear();
        for (int i = 0; i < deployments.Length; i++)
        {
            int blocks = deployments[i].CachedBlocks(what.PrefixHashes);
            if (blocks > 0)
            {
                _scratch.Overlaps.Raise(state.LoadOf(spec.Fleet.Model.Deployments[i]).Number, blocks);
            }
        }
    }
}
