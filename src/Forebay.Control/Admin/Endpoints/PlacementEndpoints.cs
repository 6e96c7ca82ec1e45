using System.Collections.Immutable;
using Forebay.Control.Admin.Contract;
using Forebay.Control.Errors;
using Forebay.Control.Placement;
using Forebay.Core.Capacity.Placement;
using Microsoft.AspNetCore.Http;

namespace Forebay.Control.Admin.Endpoints;

/// <summary>What placement decided last.</summary>
internal sealed class PlacementEndpoints(AdminServices services)
{
    public Task ShowAsync(AdminCall call)
    {
        new QueryFields(call.Http.Request.Query).Done();
        PlacementLoop loop = services.Placement ?? throw new RefusedException(
            RefusalKind.Unavailable, "This server runs no engines, so it places nothing.");
        PlacementStateView view = loop.Last is { } last
            ? ViewOf(last)
            : new PlacementStateView(null, 0, 1, 0, [], [], [], []);
        return call.ReplyAsync(StatusCodes.Status200OK, view, AdminJson.Default.PlacementStateView);
    }

    private static PlacementStateView ViewOf(PlacementPass pass) => new(
        pass.At,
        pass.HorizonHours,
        pass.Plan.ServedShare,
        pass.Plan.ObjectiveUsd,
        [
            .. pass.Plan.Decisions.Select(d => new PlacementDecisionView(
                d.ReplicaId,
                d.Action.Word(),
                d.Cause.Word(),
                d.Model,
                d.Version,
                d.Build,
                d.Pool,
                d.LeasedAccelerators,
                d.Terms.ServedUsd,
                d.Terms.HoldUsd,
                d.Terms.ChangeUsd)),
        ],
        pass.Refused,
        [
            .. pass.Plan.Unmet.Select(u => new UnmetView(
                u.Model, u.Version, u.Label, u.Share, u.PeakReplicas, u.PeakHour, u.Binding.Word(), Pools(u.Excluded))),
        ],
        [
            .. pass.Plan.UnmetMinimums.Select(u => new UnmetMinimumView(
                u.Model, u.Version, u.What, u.Binding.Word(), Pools(u.Excluded))),
        ]);

    private static SortedDictionary<string, int> Pools(ImmutableArray<ExcludedPools> excluded) =>
        new(excluded.ToDictionary(e => e.Reason.Word(), e => e.Pools), StringComparer.Ordinal);
}
