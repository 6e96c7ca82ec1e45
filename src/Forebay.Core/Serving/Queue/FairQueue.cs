using System.Collections.Concurrent;
using Forebay.Core.Limits;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Serving.Queue;

/// <summary>
/// Who goes next where requests for one model wait for capacity (docs/reference/queue.md). Priority classes in strict
/// order, but that a lower class gets one of so many places; within a class the tenant that got the least service by
/// its virtual token counter (VTC: Sheng et al., OSDI 2024); within a tenant the oldest. Requests that may use the same
/// deployments share a tag, and a freed place looks only at the tags that may use it, so nobody blocks the head.
/// </summary>
/// <remarks>
/// A state machine without clock or threads: the live gateway puts a lock around it (<see cref="ModelQueue"/>), a
/// simulator none. Only <see cref="CounterOf"/>, <see cref="Admit"/>, <see cref="Served"/>, <see cref="TakeBack"/> and
/// charging a counter are safe beside everything else. For n waiting, t tenants among them, and g tags that may use a
/// place or overlap with one: entering, leaving, granting and expiring cost O(log n + log t + g) in the mean over all
/// of them, finding who is next O(log t + g), charging O(1), taking a charge back O(g log t). Nothing is allocated but
/// for the first request of a tenant, a class and a tag.
/// </remarks>
public sealed partial class FairQueue
{
    /// <summary>How many <see cref="PriorityClass"/>es there are.</summary>
    public const int Classes = 3;

    /// <summary>Tags kept though nothing waits under them, before they are looked through.</summary>
    private const int LeastTags = 64;

    /// <summary>Sets less a deployment that are remembered.</summary>
    private const int MostSets = 4096;

    private readonly QueueLine[] _lines = [new(), new(), new()];
    private readonly Dictionary<EligibleSet, QueueTag> _tags = [];
    private readonly ConcurrentDictionary<string, QueuePlace> _places = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ServiceCounter> _counters = new(StringComparer.Ordinal);
    private readonly KeyedHeap<QueueEntry, QueueEntry.ByDeadline> _deadlines = new();
    private readonly Dictionary<(EligibleSet Set, string Id), EligibleSet> _without = [];
    private readonly Stack<Flow> _freeFlows = new();
    private int _tagsBeforePruning = LeastTags;
    private long _sequence;

    /// <summary>The shares of the classes in force.</summary>
    public QueueConfig Config { get; set; } = new();

    /// <summary>How many wait.</summary>
    public int Count { get; private set; }

    /// <summary>The earliest time at which somebody leaves by itself; <see cref="long.MaxValue"/> for none.</summary>
    public long NextDeadlineNs => _deadlines.Count == 0 ? long.MaxValue : _deadlines.TopKey;

    /// <summary>How many of a class wait.</summary>
    public int CountOf(PriorityClass priority) => _lines[(int)priority].Backlogs.Waiting;

    /// <summary>The counter of a tenant. Safe for concurrent callers.</summary>
    public ServiceCounter CounterOf(string tenantId)
    {
        return _counters.TryGetValue(tenantId, out ServiceCounter? counter)
            ? counter
            : _counters.GetOrAdd(tenantId, static _ => new ServiceCounter());
    }

    /// <summary>
    /// A request was let in without waiting, since nobody waits who could have used its place: charges its input, and
    /// lifts the tenant to where the last one stood. Safe for concurrent callers; a few atomic operations.
    /// </summary>
    public void Admit(ServiceCounter counter, PriorityClass priority, long inputTokens)
    {
        QueueLine line = _lines[(int)priority];
        ServiceCounter? last = Volatile.Read(ref line.Last);
        if (!ReferenceEquals(last, counter))
        {
            counter.Lift(last?.Units ?? 0);
            Volatile.Write(ref line.Last, counter);
        }

        counter.Charge(inputTokens, 0);
    }

    /// <summary>A deployment served a request that held its place for so long. Safe for concurrent callers.</summary>
    /// <param name="deploymentId">The deployment.</param>
    /// <param name="places">How many it may serve at once now.</param>
    /// <param name="heldNs">Nanoseconds from taking the place to giving it back.</param>
    public void Served(string deploymentId, int places, long heldNs) => PlaceOf(deploymentId).Served(places, heldNs);

    /// <summary>A request begins to wait, or comes back with the age that it had.</summary>
    /// <exception cref="InvalidOperationException">It waits already, or nothing may serve it.</exception>
    public void Enter(QueueEntry entry, long nowNs)
    {
        if (entry.State == QueueEntryState.Waiting || entry.Eligible.Count == 0)
        {
            throw new InvalidOperationException(entry.Eligible.Count == 0
                ? "A request that nothing may serve cannot wait."
                : "The request waits already.");
        }

        bool returned = entry.Sequence != 0;
        if (!returned)
        {
            entry.Sequence = ++_sequence;
            entry.SinceNs = nowNs;
        }

        Backlog backlog = entry.Counter.BacklogOf(entry.Class);
        QueueTag tag = TagOf(entry.Eligible);
        if (backlog.Waiting == 0)
        {
            // VTC, algorithm 2: a tenant that comes back starts level with those who stayed.
            entry.Counter.Lift(LevelOf(tag, entry.Class));
        }

        Join(entry, backlog, tag, returned);
        QueueLine line = _lines[(int)entry.Class];
        line.Backlogs.Change(backlog, 1);
        line.Add(entry, returned);
        if (entry.DeadlineNs != long.MaxValue)
        {
            _deadlines.Add(entry, entry.DeadlineNs, entry.Sequence);
        }

        Count++;
        entry.State = QueueEntryState.Waiting;
    }

    /// <summary>Gives a request a place: it leaves, and its input is charged.</summary>
    /// <exception cref="InvalidOperationException">It does not wait, or may not be served there.</exception>
    public void Grant(QueueEntry entry, string deploymentId)
    {
        MustWait(entry);
        if (!entry.Eligible.Contains(deploymentId))
        {
            throw new InvalidOperationException(
                $"Deployment {deploymentId} may not serve a request that was about to be sent there.");
        }

        NotePassed(PlaceOf(deploymentId), (int)entry.Class);
        entry.Counter.Charge(entry.InputTokens, 0);
        entry.Lifts = entry.Counter.Lifts;
        Leave(entry);
        entry.State = QueueEntryState.Granted;
        QueueLine line = _lines[(int)entry.Class];
        line.CountGrant();
        Volatile.Write(ref line.Last, entry.Counter);
    }

    /// <summary>A request leaves without a place.</summary>
    /// <exception cref="InvalidOperationException">It does not wait.</exception>
    public void Remove(QueueEntry entry)
    {
        MustWait(entry);
        Leave(entry);
        entry.State = QueueEntryState.Outside;
    }

    /// <summary>What may serve a request that waits has changed; it keeps its age.</summary>
    public void Retag(QueueEntry entry, EligibleSet eligible)
    {
        MustWait(entry);
        if (ReferenceEquals(entry.Eligible, eligible))
        {
            return;
        }

        Backlog backlog = entry.Flow!.Backlog;
        Part(entry);
        entry.Eligible = eligible;
        Join(entry, backlog, TagOf(eligible), returned: true);
    }

    /// <summary>Takes out one whose deadline has come; null when there is none.</summary>
    public QueueEntry? Expire(long nowNs)
    {
        if (NextDeadlineNs > nowNs)
        {
            return null;
        }

        QueueEntry entry = _deadlines.Top;
        _lines[(int)entry.Class].Expired++;
        Remove(entry);
        return entry;
    }

    /// <summary>
    /// Takes service back that was charged too high. Not where the tenant was lifted since: then the charge has gone
    /// under in the lift, and giving it back would be credit for an absence. Safe for concurrent callers.
    /// </summary>
    /// <returns>Whether <see cref="Lowered"/> must be called, should the tenant have something waiting.</returns>
    public static bool TakeBack(ServiceCounter counter, long units, int liftsWhenCharged)
    {
        if (units <= 0 || counter.Lifts != liftsWhenCharged)
        {
            return false;
        }

        counter.Add(-units);
        return true;
    }

    /// <summary>A tenant's counter went down: it may come sooner.</summary>
    public static void Lowered(ServiceCounter counter)
    {
        for (int c = 0; c < Classes; c++)
        {
            if (counter.Waiting((PriorityClass)c) is not { } backlog)
            {
                continue;
            }

            foreach (Flow flow in backlog.Flows)
            {
                flow.Tag.Moved(flow);
            }
        }
    }

    /// <summary>The entries of a class, the oldest first but that those who came back stand in front.</summary>
    public IEnumerable<QueueEntry> Waiting(PriorityClass priority)
    {
        QueueEntry? entry = _lines[(int)priority].Oldest;
        while (entry is not null)
        {
            QueueEntry? younger = entry.Younger;
            yield return entry;
            entry = younger;
        }
    }

    private static void MustWait(QueueEntry entry)
    {
        if (entry.State != QueueEntryState.Waiting)
        {
            throw new InvalidOperationException($"A request left the queue twice: it is {entry.State}.");
        }
    }

    private void Leave(QueueEntry entry)
    {
        Backlog backlog = entry.Flow!.Backlog;
        Part(entry);
        QueueLine line = _lines[(int)entry.Class];
        line.Backlogs.Change(backlog, -1);
        line.Remove(entry);
        if (entry.DeadlineIndex >= 0)
        {
            _deadlines.Remove(entry);
        }

        Count--;
    }

    private void Join(QueueEntry entry, Backlog backlog, QueueTag tag, bool returned)
    {
        Flow? flow = backlog.Flows.Find(tag.IsTagOf);
        if (flow is null)
        {
            flow = _freeFlows.Count > 0 ? _freeFlows.Pop() : new Flow();
            flow.Open(backlog, tag);
            backlog.Flows.Add(flow);
        }

        if (returned)
        {
            flow.Return(entry);
        }
        else
        {
            flow.Append(entry);
        }

        tag.Changed(flow, 1);
    }

    private void Part(QueueEntry entry)
    {
        Flow flow = entry.Flow!;
        flow.Remove(entry);
        flow.Tag.Changed(flow, -1);
        if (flow.Count == 0)
        {
            flow.Backlog.Flows.Remove(flow);
            if (_freeFlows.Count < 1024)
            {
                _freeFlows.Push(flow);
            }
        }
    }
}
