using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Time;

namespace Forebay.Core.Serving.Queue;

/// <summary>
/// The <see cref="FairQueue"/> of one model as many threads use it, and the places of its deployments. While nobody
/// waits, taking and leaving a place touches no lock. While somebody does, places are freed, offered and taken under
/// it, so a freed place goes to the one whose turn it is and nobody is woken for nothing.
/// </summary>
/// <remarks>
/// No wake-up is lost. One that begins to wait counts itself in and then looks for places once more; one that leaves a
/// place gives it back and then looks whether somebody waits. Both with a full fence in between, so at least one of the
/// two sees the other (Dekker).
/// </remarks>
public sealed class ModelQueue(FleetState fleet)
{
    private const int MostRetryAfterSeconds = 60;

    /// <summary>Added to a tenant's id; no id holds it.</summary>
    private const string BatchItems = "/batches";

    /// <summary>Places handed out by <see cref="Offer"/> before others get the lock.</summary>
    private const int GrantsAtOnce = 32;

    private readonly Lock _lock = new();
    private readonly FairQueue _queue = new();
    private int _count;

    /// <summary>How many wait.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The earliest deadline of those who wait; <see cref="long.MaxValue"/> for none.</summary>
    public long NextDeadlineNs
    {
        get
        {
            lock (_lock)
            {
                return _queue.NextDeadlineNs;
            }
        }
    }

    /// <summary>The counter of a tenant, with the weight of its tier. Items of batches have one of their own: what they
    /// are given in times of plenty costs the tenant's other requests no turn.</summary>
    public ServiceCounter CounterOf(Tenant tenant, bool batchItem = false)
    {
        ServiceCounter counter = _queue.CounterOf(batchItem ? tenant.Id + BatchItems : tenant.Id);
        double weight = tenant.Tier.Weight;
        if (counter.Weight != weight)
        {
            counter.Weight = weight;
        }

        return counter;
    }

    /// <summary>Charges a request that took a place while nobody waited.</summary>
    public ServiceMeter Admit(Tenant tenant, long inputTokens) =>
        Admit(tenant, inputTokens, tenant.Tier.Priority, batchItem: false);

    /// <inheritdoc cref="Admit(Tenant, long)"/>
    public ServiceMeter Admit(Tenant tenant, long inputTokens, PriorityClass priority, bool batchItem)
    {
        ServiceCounter counter = CounterOf(tenant, batchItem);
        _queue.Admit(counter, priority, inputTokens);
        return ServiceMeter.Open(this, counter, inputTokens, counter.Lifts);
    }

    /// <summary>
    /// Asks for a place while others may be waiting: takes one that none of them can use, or stands in line, or is
    /// refused. One that comes back with its age is never refused: it was let in before.
    /// </summary>
    /// <param name="waiter">Prepared, or returned.</param>
    /// <param name="settings">Bounds in force.</param>
    /// <param name="nowNs">The present.</param>
    public QueueAnswer Enter(QueueWaiter waiter, GatewayConfig settings, long nowNs)
    {
        lock (_lock)
        {
            _queue.Config = settings.Queue;
            if (TryTakeUncontended(waiter, nowNs))
            {
                return QueueAnswer.Entered;
            }

            if (waiter.Sequence == 0 && Refuses(waiter, settings, nowNs) is { } refusal)
            {
                _queue.CountRefused(waiter.Class, displaced: false);
                return refusal;
            }

            bool first = _queue.Count == 0;
            Tell(_queue.Count + 1);
            _queue.Enter(waiter, nowNs);
            if (first)
            {
                // What was freed before we counted was freed to nobody.
                OfferAll(waiter.Eligible, nowNs);
            }

            return QueueAnswer.Waits;
        }
    }

    /// <summary>Stops waiting. False when it was granted, expired or displaced before: then it has been told.</summary>
    public bool Leave(QueueWaiter waiter)
    {
        lock (_lock)
        {
            if (waiter.State != QueueEntryState.Waiting)
            {
                return false;
            }

            _queue.Remove(waiter);
            Tell(_queue.Count);
            return true;
        }
    }

    /// <summary>What may serve a waiting request has changed. Nothing happens to one that does not wait any more.
    /// </summary>
    public void Retag(QueueWaiter waiter, EligibleSet eligible, long nowNs)
    {
        lock (_lock)
        {
            if (waiter.State == QueueEntryState.Waiting)
            {
                _queue.Retag(waiter, eligible);
                OfferAll(eligible, nowNs);
            }
        }
    }

    /// <summary>A set without the deployments that a request was tried at.</summary>
    public EligibleSet Without(EligibleSet eligible, IReadOnlyCollection<string> deploymentIds)
    {
        lock (_lock)
        {
            return _queue.Without(eligible, deploymentIds);
        }
    }

    /// <summary>Gives a place back, to whose turn it is where somebody waits for it.</summary>
    public void Release(Deployment deployment, long enteredNs, long nowNs)
    {
        if (Count == 0)
        {
            Free(deployment, enteredNs);
            Interlocked.MemoryBarrier();
            if (Count == 0)
            {
                return;
            }

            lock (_lock)
            {
                OfferAt(deployment, nowNs);
            }

            return;
        }

        lock (_lock)
        {
            Free(deployment, enteredNs);
            OfferAt(deployment, nowNs);
        }
    }

    /// <summary>A deployment served a request that held its place for so long.</summary>
    public void Served(Deployment deployment, long heldNs, long nowNs) =>
        _queue.Served(deployment.Id, fleet.PlacesOf(deployment, nowNs), heldNs);

    /// <summary>Hands out places that came about otherwise: a deployment is back, or may take more. Costs one look at
    /// each deployment of the model while somebody waits, and nothing else.</summary>
    public void Offer(ServedModel model, long nowNs)
    {
        foreach (Deployment deployment in model.Deployments)
        {
            bool more = Count > 0;
            while (more)
            {
                lock (_lock)
                {
                    more = OfferAt(deployment, nowNs) == GrantsAtOnce;
                }
            }
        }
    }

    /// <summary>Sends those away whose deadline has come.</summary>
    public void Expire(long nowNs)
    {
        if (Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            while (_queue.Expire(nowNs) is QueueWaiter late)
            {
                late.RetryAfterSeconds = RetryAfter(_queue.PredictWaitNs(late, nowNs), 0);
                late.Notify(QueueNotice.Expired);
            }

            Tell(_queue.Count);
        }
    }

    /// <summary>Tells everyone that another fleet is in force. Costs one notice each, once per reload.</summary>
    public void FleetChanged()
    {
        lock (_lock)
        {
            _queue.ForgetSets();
            for (int c = 0; c < FairQueue.Classes; c++)
            {
                foreach (QueueEntry entry in _queue.Waiting((PriorityClass)c))
                {
                    ((QueueWaiter)entry).Notify(QueueNotice.FleetChanged);
                }
            }
        }
    }

    /// <summary>Takes service back that was charged too high.</summary>
    internal void TakeBack(ServiceCounter counter, long units, int liftsWhenCharged)
    {
        // One that begins to wait at this moment counts itself in before it reads its counter.
        if (FairQueue.TakeBack(counter, units, liftsWhenCharged) && Count > 0)
        {
            lock (_lock)
            {
                FairQueue.Lowered(counter);
            }
        }
    }

    /// <summary>What became of the requests of a class.</summary>
    public QueueTally TallyOf(PriorityClass priority)
    {
        lock (_lock)
        {
            return _queue.TallyOf(priority);
        }
    }

    /// <inheritdoc cref="FairQueue.Check"/>
    public void Check()
    {
        lock (_lock)
        {
            _queue.Check();
        }
    }

    private bool TryTakeUncontended(QueueWaiter waiter, long nowNs)
    {
        if (!OfferAll(waiter.Eligible, nowNs) || waiter.Route(waiter.Eligible, nowNs) is not { } place)
        {
            return false;
        }

        // What still has room after all who wait were offered it is of use to none of them.
        _queue.Admit(waiter.Counter, waiter.Class, waiter.InputTokens);
        waiter.Lifts = waiter.Counter.Lifts;
        waiter.Place = place;
        return true;
    }

    private QueueAnswer? Refuses(QueueWaiter waiter, GatewayConfig settings, long nowNs)
    {
        double wait = _queue.PredictWaitNs(waiter, nowNs);
        double left = waiter.DeadlineNs - (double)nowNs;
        if (left <= 0 || (settings.Queue.ShedEarly && wait > left))
        {
            waiter.RetryAfterSeconds = RetryAfter(wait, left);
            return QueueAnswer.TooLate;
        }

        if (_queue.Count < settings.MaxWaiting)
        {
            return null;
        }

        if (settings.MaxWaiting > 0 && _queue.Displaceable(waiter) is QueueWaiter victim)
        {
            _queue.Remove(victim);
            _queue.CountRefused(victim.Class, displaced: true);
            victim.RetryAfterSeconds = RetryAfter(_queue.PredictWaitNs(victim, nowNs), 0);
            victim.Notify(QueueNotice.Displaced);
            return null;
        }

        waiter.RetryAfterSeconds = RetryAfter(wait, 0);
        return QueueAnswer.Full;
    }

    /// <summary>The part of a predicted wait that lies beyond the patience there is, in whole seconds from 1 to 60;
    /// where nothing can be predicted yet, 1.</summary>
    private static int RetryAfter(double waitNs, double leftNs) => (int)Math.Clamp(
        Math.Ceiling((waitNs - Math.Max(0, leftNs)) / Instant.NsPerSecond), 1, MostRetryAfterSeconds);

    /// <summary>Offers what has room to those who wait. True when something has room even so.</summary>
    private bool OfferAll(EligibleSet eligible, long nowNs)
    {
        bool room = false;
        foreach (Deployment deployment in eligible.Deployments)
        {
            if (HasRoom(deployment, nowNs) && MayServe(deployment, eligible, nowNs))
            {
                OfferAt(deployment, nowNs);
                room |= HasRoom(deployment, nowNs);
            }
        }

        return room;
    }

    /// <returns>How many were granted.</returns>
    private int OfferAt(Deployment freed, long nowNs)
    {
        int granted = 0;
        while (granted < GrantsAtOnce && HasRoom(freed, nowNs) && _queue.Peek(freed.Id) is QueueWaiter next)
        {
            if (!MayServe(freed, next.Eligible, nowNs) || Take(next, freed, nowNs) is not { } place)
            {
                break;
            }

            _queue.Grant(next, place.Id);
            Tell(_queue.Count);
            next.Place = place;
            next.Notify(QueueNotice.Granted);
            granted++;
        }

        return granted;
    }

    /// <summary>Takes a place for the one whose turn it is: where the router would have it, unless it is another's turn
    /// there; else at the deployment that has room.</summary>
    private Deployment? Take(QueueWaiter next, Deployment freed, long nowNs)
    {
        Deployment? routed = next.Route(next.Eligible, nowNs);
        if (routed is not null)
        {
            if (routed.Id == freed.Id
                || (ReferenceEquals(_queue.Peek(routed.Id), next) && next.Eligible.Contains(routed.Id)))
            {
                return routed;
            }

            next.Undo();
        }

        foreach (Deployment deployment in next.Eligible.Deployments)
        {
            if (deployment.Id == freed.Id)
            {
                return next.Route(_queue.Only(deployment), nowNs);
            }
        }

        return null;
    }

    /// <summary>One that is out is for those whom nobody else may serve: the rest wait for one that is not.</summary>
    private bool MayServe(Deployment freed, EligibleSet eligible, long nowNs)
    {
        if (!fleet.Of(freed).IsOut(nowNs))
        {
            return true;
        }

        foreach (Deployment deployment in eligible.Deployments)
        {
            if (!fleet.Of(deployment).IsOut(nowNs))
            {
                return false;
            }
        }

        return true;
    }

    private void Free(Deployment deployment, long enteredNs)
    {
        fleet.Of(deployment).Leave(enteredNs);
        fleet.LoadOf(deployment).Publish();
    }

    private bool HasRoom(Deployment deployment, long nowNs) =>
        fleet.Of(deployment).InFlight < fleet.PlacesOf(deployment, nowNs);

    /// <summary>Tells those without the lock how many wait.</summary>
    private void Tell(int count)
    {
        Volatile.Write(ref _count, count);
        Interlocked.MemoryBarrier();
    }
}
