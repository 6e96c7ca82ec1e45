using Forebay.Core.Limits;
using Forebay.Core.Time;

namespace Forebay.Core.Serving.Queue;

/// <summary>How long a request would wait.</summary>
public sealed partial class FairQueue
{
    /// <summary>The rate of a tag is looked at again after this time.</summary>
    private const long RateFreshNs = 50 * Instant.NsPerMs;

    /// <summary>
    /// Predicts how long a request waits that comes now: the requests before it, over the places that its deployments
    /// free. Before it stand the classes above, and of its own class what others get while it gets its turn: an equal
    /// share by weight. A lower class waits no longer than its share of the places makes it. Requests under other tags
    /// count for the part of their deployments that they share with it.
    /// </summary>
    /// <returns>Nanoseconds; negative when nothing is known yet of how long places are held.</returns>
    public double PredictWaitNs(QueueEntry entry, long nowNs)
    {
        QueueTag tag = TagOf(entry.Eligible);
        double rate = RateOf(tag, nowNs);
        if (rate <= 0)
        {
            return -1;
        }

        int priority = (int)entry.Class;
        double above = 0;
        double same = 0;
        foreach ((QueueTag other, double share) in tag.Overlaps)
        {
            same += other.WaitingIn(priority) * share;
            for (int c = 0; c < priority; c++)
            {
                above += other.WaitingIn(c) * share;
            }
        }

        Backlogs backlogs = _lines[priority].Backlogs;
        Backlog? own = entry.Counter.Waiting(entry.Class);
        int mine = own?.Waiting ?? 0;
        double others = backlogs.Waiting == 0
            ? 0
            : backlogs.AheadOf(mine + 1, own, entry.Counter.Weight) * Math.Min(1, same / backlogs.Waiting);
        double inClass = mine + others + 1;
        double turns = above + inClass;
        if (priority != (int)PriorityClass.Interactive)
        {
            turns = Math.Min(turns, inClass * OneIn(priority));
        }

        return turns / rate;
    }

    private double RateOf(QueueTag tag, long nowNs)
    {
        if (tag.RatePerNs > 0 && nowNs - tag.RateAtNs < RateFreshNs)
        {
            return tag.RatePerNs;
        }

        double rate = 0;
        int known = 0;
        foreach (Fleet.Deployment deployment in tag.Set.Deployments)
        {
            double one = PlaceOf(deployment.Id).RatePerNs;
            rate += one;
            known += one > 0 ? 1 : 0;
        }

        // Deployments that have served nothing yet are taken for the mean of the others.
        tag.RatePerNs = known == 0 ? 0 : rate * tag.Set.Count / known;
        tag.RateAtNs = nowNs;
        return tag.RatePerNs;
    }
}
