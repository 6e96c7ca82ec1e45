using Forebay.Core.Limits;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Serving.Queue;

/// <summary>Which request comes next, and what that does to the others.</summary>
public sealed partial class FairQueue
{
    /// <summary>
    /// Who gets a place at a deployment: the class by strict order unless a lower one is owed, then the tenant with the
    /// least service, then the oldest. Null when nobody who waits may use it.
    /// </summary>
    /// <remarks>
    /// Bound: while a batch request waits that may use the deployment, one of every
    /// <see cref="QueueConfig.BatchOneIn"/> grants there goes to the batch class; while a standard one does, one of
    /// every <see cref="QueueConfig.StandardOneIn"/> + 1, since a batch request may be owed at the same time and goes
    /// first.
    /// </remarks>
    public QueueEntry? Peek(string deploymentId)
    {
        if (Count == 0 || !_places.TryGetValue(deploymentId, out QueuePlace? place))
        {
            return null;
        }

        for (int c = Classes - 1; c > 0; c--)
        {
            if (place.Passed[c] >= OneIn(c) - 1 && Next(place, c) is { } owed)
            {
                return owed.Head;
            }
        }

        for (int c = 0; c < Classes; c++)
        {
            if (Next(place, c) is { } next)
            {
                return next.Head;
            }
        }

        return null;
    }

    /// <summary>
    /// Who gives way to a newcomer in a full room; null when the newcomer is the one to be refused. The lowest class
    /// below the newcomer's first; in the newcomer's own class a tenant that would still have more waiting, for its
    /// weight, than the newcomer's. Of the tenants one with the longest backlog (within a factor of two), of its
    /// requests the newest. Never a class above.
    /// </summary>
    public QueueEntry? Displaceable(QueueEntry newcomer)
    {
        for (int c = Classes - 1; c >= (int)newcomer.Class; c--)
        {
            if (_lines[c].Backlogs.Longest is not { } longest)
            {
                continue;
            }

            if (c > (int)newcomer.Class)
            {
                return longest.Newest();
            }

            int mine = newcomer.Counter.Waiting(newcomer.Class)?.Waiting ?? 0;
            return !ReferenceEquals(longest.Counter, newcomer.Counter)
                && (longest.Waiting - 1) / longest.Counter.Weight >= (mine + 1) / newcomer.Counter.Weight
                ? longest.Newest()
                : null;
        }

        return null;
    }

    /// <summary>Counts a request that was refused when it came, or that gave way to another.</summary>
    public void CountRefused(PriorityClass priority, bool displaced)
    {
        if (displaced)
        {
            _lines[(int)priority].Displaced++;
        }
        else
        {
            _lines[(int)priority].Shed++;
        }
    }

    /// <summary>What became of the requests of a class that waited, so far.</summary>
    public QueueTally TallyOf(PriorityClass priority)
    {
        QueueLine line = _lines[(int)priority];
        return new QueueTally(
            line.Backlogs.Waiting, line.Oldest?.SinceNs, line.Granted, line.Shed, line.Displaced, line.Expired);
    }

    /// <summary>A set less some deployments: always the same object, so that requests that were tried at the same ones
    /// wait under one tag.</summary>
    public EligibleSet Without(EligibleSet eligible, IReadOnlyCollection<string> deploymentIds)
    {
        foreach (string id in deploymentIds)
        {
            if (!eligible.Contains(id))
            {
                continue;
            }

            if (!_without.TryGetValue((eligible, id), out EligibleSet? less))
            {
                if (_without.Count >= MostSets)
                {
                    ForgetSets();
                }

                less = new EligibleSet(eligible.Deployments.RemoveAll(d => d.Id == id));
                _without.Add((eligible, id), less);
            }

            eligible = less;
        }

        return eligible;
    }

    /// <summary>The set of one deployment, always the same object.</summary>
    public EligibleSet Only(Fleet.Deployment deployment)
    {
        QueuePlace place = PlaceOf(deployment.Id);
        if (place.Only is not { } only || !ReferenceEquals(only.Deployments[0], deployment))
        {
            place.Only = only = new EligibleSet([deployment]);
        }

        return only;
    }

    /// <summary>Another fleet is in force: nobody asks for its sets less some again.</summary>
    public void ForgetSets() => _without.Clear();

    /// <summary>Checks that every order holds the same requests, once each. O(n).</summary>
    /// <exception cref="InvalidOperationException">The queue is broken.</exception>
    public void Check()
    {
        _deadlines.Check();
        int waiting = 0;
        foreach (QueueTag tag in _tags.Values)
        {
            tag.Check();
            waiting += tag.Count;
        }

        int listed = 0;
        int backlogs = 0;
        for (int c = 0; c < Classes; c++)
        {
            backlogs += _lines[c].Backlogs.Waiting;
            for (QueueEntry? e = _lines[c].Oldest; e is not null; e = e.Younger)
            {
                listed++;
                Require(
                    e.State == QueueEntryState.Waiting && e.Flow is not null && (int)e.Class == c
                    && ReferenceEquals(e.Flow.Tag.Set, e.Eligible) && ReferenceEquals(e.Flow.Backlog.Counter, e.Counter)
                    && e.Flow.Head.Sequence <= e.Sequence
                    && e.DeadlineIndex >= 0 == (e.DeadlineNs != long.MaxValue),
                    "a request stands where it does not belong");
            }
        }

        Require(
            listed == Count && waiting == Count && backlogs == Count && _deadlines.Count <= Count,
            $"{Count} wait, {listed} in line, {waiting} under tags, {backlogs} of tenants");
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"The queue is broken: {what}.");
        }
    }

    private static Flow? Next(QueuePlace place, int priority)
    {
        Flow? best = null;
        long bestUnits = 0;
        foreach (QueueTag tag in place.Tags)
        {
            if (tag.WaitingIn(priority) == 0 || tag.Next(priority) is not { } flow)
            {
                continue;
            }

            long units = flow.Backlog.Counter.Units;
            if (best is null || units < bestUnits
                || (units == bestUnits && flow.Head.Sequence < best.Head.Sequence))
            {
                best = flow;
                bestUnits = units;
            }
        }

        return best;
    }

    private int OneIn(int priority) => priority == (int)PriorityClass.Batch ? Config.BatchOneIn : Config.StandardOneIn;

    private static void NotePassed(QueuePlace place, int granted)
    {
        for (int c = 0; c < Classes; c++)
        {
            bool waits = false;
            foreach (QueueTag tag in place.Tags)
            {
                waits |= tag.WaitingIn(c) > 0;
            }

            place.Passed[c] = c != granted && waits ? place.Passed[c] + 1 : 0;
        }
    }

    /// <summary>Where a tenant starts that has nothing waiting: level with the least served tenant that waits for some
    /// of the same places; where none does, with the last that was let in.</summary>
    private long LevelOf(QueueTag tag, PriorityClass priority)
    {
        long level = long.MaxValue;
        foreach (QueueTag other in tag.Overlaps.Keys)
        {
            if (other.WaitingIn((int)priority) > 0 && other.Next((int)priority) is { } flow)
            {
                level = Math.Min(level, flow.Backlog.Counter.Units);
            }
        }

        return level != long.MaxValue ? level : Volatile.Read(ref _lines[(int)priority].Last)?.Units ?? 0;
    }

    private QueuePlace PlaceOf(string deploymentId) =>
        _places.TryGetValue(deploymentId, out QueuePlace? place)
            ? place
            : _places.GetOrAdd(deploymentId, static _ => new QueuePlace());

    private QueueTag TagOf(EligibleSet set)
    {
        if (_tags.TryGetValue(set, out QueueTag? tag))
        {
            return tag;
        }

        if (_tags.Count >= _tagsBeforePruning)
        {
            Prune();
        }

        tag = new QueueTag(set);
        _tags.Add(set, tag);
        var shared = new Dictionary<QueueTag, int>();
        foreach (Fleet.Deployment deployment in set.Deployments)
        {
            QueuePlace place = PlaceOf(deployment.Id);
            place.Tags.Add(tag);
            foreach (QueueTag other in place.Tags)
            {
                shared[other] = shared.GetValueOrDefault(other) + 1;
            }
        }

        foreach ((QueueTag other, int deployments) in shared)
        {
            tag.Overlaps[other] = deployments / (double)other.Set.Count;
            other.Overlaps[tag] = deployments / (double)set.Count;
        }

        return tag;
    }

    /// <summary>Forgets the tags that nothing waits under: after a reload nobody asks for them again.</summary>
    private void Prune()
    {
        foreach (QueueTag tag in _tags.Values.Where(t => t.Count == 0).ToArray())
        {
            _tags.Remove(tag.Set);
            foreach (Fleet.Deployment deployment in tag.Set.Deployments)
            {
                PlaceOf(deployment.Id).Tags.Remove(tag);
            }

            foreach (QueueTag other in tag.Overlaps.Keys)
            {
                other.Overlaps.Remove(tag);
            }
        }

        _tagsBeforePruning = Math.Max(LeastTags, 2 * _tags.Count);
    }
}

/// <summary>What became of the requests of one class.</summary>
/// <param name="Waiting">How many wait.</param>
/// <param name="OldestSinceNs">Monotonic time since which the oldest waits; null when none does.</param>
/// <param name="Granted">How many got a place after waiting.</param>
/// <param name="Shed">How many were refused when they came.</param>
/// <param name="Displaced">How many gave way to another.</param>
/// <param name="Expired">How many waited until their deadline.</param>
public readonly record struct QueueTally(
    int Waiting, long? OldestSinceNs, long Granted, long Shed, long Displaced, long Expired);
