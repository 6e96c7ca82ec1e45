using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;

namespace Forebay.Simulation.Cells;

/// <summary>The production router in its first form.</summary>
internal sealed class LeastLoadedRouter(CellFleet fleet, FleetState state) : ICellRouter
{
    private readonly Deployment[] _deployments = [.. fleet.Model.Deployments];

    public int TryEnter(int request, CellRequest what, EligibleSet eligible, Instant now) =>
        Router.Enter(eligible.Deployments.AsSpan(), state, Dialect.OpenAi, [], now.MonotonicNs, (uint)request) is { } entered
            ? Array.IndexOf(_deployments, entered)
            : -1;

    public void FirstToken(int request, CellRequest what, int deployment, int cachedTokens, Instant now)
    {
    }

    public void Finished(int request, CellRequest what, int deployment, Instant now) =>
        state.Of(_deployments[deployment]).Leave();
}
