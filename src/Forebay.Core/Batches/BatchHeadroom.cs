using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving.Queue;

namespace Forebay.Core.Batches;

/// <summary>
/// How many items of a model may begin now, so that other requests do not notice. Items use places that are free beyond
/// a reserve, and none while anyone of a class above waits; but one item may always stand in line, where the fair
/// queue's own rule (one place in so many for its class) brings it on even where there is never any headroom.
/// </summary>
public static class BatchHeadroom
{
    /// <summary>How many more may be started.</summary>
    /// <param name="places">Places that there are, as the deployments' adaptive limits have them now.</param>
    /// <param name="taken">Places that are taken, or will be by items that wait for one.</param>
    /// <param name="waitingAbove">Requests of a class above that wait.</param>
    /// <param name="items">Items of this model that run or wait for a place.</param>
    /// <param name="reserveShare">Share of the places that is left free.</param>
    public static int Of(int places, int taken, int waitingAbove, int items, double reserveShare)
    {
        int toe = items == 0 ? 1 : 0;
        if (waitingAbove > 0)
        {
            return toe;
        }

        int usable = Math.Max(1, (int)Math.Floor(places * (1 - reserveShare)));
        return Math.Max(toe, usable - taken);
    }

    /// <summary>The same for a model and a tenant, by the places that its data may be at. O(deployments).</summary>
    public static int Of(
        FleetState fleet, ServedModel model, Tenant tenant, int items, double reserveShare, long nowNs)
    {
        int places = 0;
        int inFlight = 0;
        foreach (Deployment deployment in model.Deployments)
        {
            if (tenant.Allows(deployment.Site))
            {
                places += fleet.PlacesOf(deployment, nowNs);
                inFlight += fleet.Of(deployment).InFlight;
            }
        }

        ModelQueue queue = fleet.QueueOf(model);
        if (queue.Count == 0)
        {
            return Of(places, inFlight, 0, items, reserveShare);
        }

        int above = queue.TallyOf(PriorityClass.Interactive).Waiting + queue.TallyOf(PriorityClass.Standard).Waiting;
        return Of(places, inFlight + queue.TallyOf(PriorityClass.Batch).Waiting, above, items, reserveShare);
    }
}
