namespace Forebay.Core.Serving;

/// <summary>A request that waits for capacity.</summary>
public interface IWaiter
{
    /// <summary>Whether a place at this deployment is of use to it. Residency never blocks the head: a waiter that may
    /// not use a freed place is passed over.</summary>
    bool CanUse(string deploymentId);

    /// <summary>Tells it to try again. Must return at once.</summary>
    void Wake();
}

/// <summary>
/// Where requests for one model wait for capacity, first come first served and bounded. A freed place wakes the first
/// waiter that can use it. Entering and leaving cost O(1), waking one pass over those that cannot use the place.
/// </summary>
public sealed class WaitRoom
{
    private readonly Lock _lock = new();
    private readonly LinkedList<IWaiter> _waiters = new();
    private int _count;

    /// <summary>How many wait.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Enters at the end; null when the room already holds <paramref name="capacity"/>.</summary>
    public LinkedListNode<IWaiter>? TryEnter(IWaiter waiter, int capacity)
    {
        lock (_lock)
        {
            if (_waiters.Count >= capacity)
            {
                return null;
            }

            Volatile.Write(ref _count, _waiters.Count + 1);
            return _waiters.AddLast(waiter);
        }
    }

    /// <summary>Leaves; call exactly once for each successful entry.</summary>
    public void Leave(LinkedListNode<IWaiter> place)
    {
        lock (_lock)
        {
            _waiters.Remove(place);
            Volatile.Write(ref _count, _waiters.Count);
        }
    }

    /// <summary>A place became free: wakes the first waiter that can use it.</summary>
    public void Freed(string deploymentId)
    {
        if (Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            for (LinkedListNode<IWaiter>? node = _waiters.First; node is not null; node = node.Next)
            {
                if (node.Value.CanUse(deploymentId))
                {
                    node.Value.Wake();
                    return;
                }
            }
        }
    }

    /// <summary>Whether this waiter stands first.</summary>
    public bool IsFirst(LinkedListNode<IWaiter> place)
    {
        lock (_lock)
        {
            return _waiters.First == place;
        }
    }

    /// <summary>Wakes whoever stands first, to look for a place.</summary>
    public void WakeFirst()
    {
        if (Count == 0)
        {
            return;
        }

        lock (_lock)
        {
            _waiters.First?.Value.Wake();
        }
    }

    /// <summary>Wakes everyone: the fleet changed, or a deployment may be tried again.</summary>
    public void WakeAll()
    {
        lock (_lock)
        {
            foreach (IWaiter waiter in _waiters)
            {
                waiter.Wake();
            }
        }
    }

    /// <summary>Whether someone already waits for one of these places: a newcomer then queues behind them.</summary>
    public bool Competes(ReadOnlySpan<Fleet.Deployment> eligible)
    {
        if (Count == 0)
        {
            return false;
        }

        lock (_lock)
        {
            foreach (IWaiter waiter in _waiters)
            {
                foreach (Fleet.Deployment deployment in eligible)
                {
                    if (waiter.CanUse(deployment.Id))
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }
}
