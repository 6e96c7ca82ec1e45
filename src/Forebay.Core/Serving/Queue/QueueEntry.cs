using Forebay.Core.Limits;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Serving.Queue;

/// <summary>Where a request stands with the queue.</summary>
public enum QueueEntryState : byte
{
    /// <summary>Not in the queue: never was, or left without a place.</summary>
    Outside,

    Waiting,

    /// <summary>It left with a place.</summary>
    Granted,
}

/// <summary>
/// A request that waits, and its place in every order that the queue keeps. The caller makes it, derives from it what
/// it needs to be woken, and may use it again once it left.
/// </summary>
public class QueueEntry
{
    internal int DeadlineIndex = -1;
    internal int ReturnedIndex = -1;

    /// <summary>Whose service it is.</summary>
    public ServiceCounter Counter { get; private set; } = null!;

    public PriorityClass Class { get; private set; }

    /// <summary>The deployments that may serve it: its tag.</summary>
    public EligibleSet Eligible { get; internal set; } = EligibleSet.Empty;

    /// <summary>Uncached input tokens by estimate: charged when it is granted a place. Zero for a request that was
    /// charged before.</summary>
    public long InputTokens { get; private set; }

    /// <summary>Monotonic time at which it leaves by itself; <see cref="long.MaxValue"/> for never.</summary>
    public long DeadlineNs { get; private set; }

    /// <summary>Monotonic time at which it first came.</summary>
    public long SinceNs { get; internal set; }

    /// <summary>Its age: smaller is older. Kept when it comes back; zero before it first waits.</summary>
    public long Sequence { get; internal set; }

    public QueueEntryState State { get; internal set; }

    /// <summary>How often its tenant's counter had been lifted when its input was charged.</summary>
    public int Lifts { get; internal set; }

    internal Flow? Flow { get; set; }

    internal QueueEntry? Previous { get; set; }

    internal QueueEntry? Next { get; set; }

    internal QueueEntry? Older { get; set; }

    internal QueueEntry? Younger { get; set; }

    /// <summary>Sets what the request is, before it is handed to the queue for the first time.</summary>
    /// <exception cref="InvalidOperationException">It waits.</exception>
    public void Prepare(
        ServiceCounter counter, PriorityClass priority, EligibleSet eligible, long inputTokens, long deadlineNs)
    {
        if (State == QueueEntryState.Waiting)
        {
            throw new InvalidOperationException("A request that waits cannot become another one.");
        }

        Counter = counter;
        Class = priority;
        Eligible = eligible;
        InputTokens = Math.Max(0, inputTokens);
        DeadlineNs = deadlineNs;
        Sequence = 0;
        State = QueueEntryState.Outside;
    }

    /// <summary>Lets it come back with its age: what it may use has changed, and its input may be charged already.
    /// </summary>
    public void Return(EligibleSet eligible, long inputTokens)
    {
        if (State == QueueEntryState.Waiting)
        {
            throw new InvalidOperationException("A request that waits cannot come back.");
        }

        Eligible = eligible;
        InputTokens = inputTokens;
        State = QueueEntryState.Outside;
    }

    /// <summary>Gives a request an age that never waited but was let in before those who wait: it is older than all of
    /// them, by when it came.</summary>
    /// <param name="sinceNs">Monotonic time at which it came.</param>
    public void Rejoin(long sinceNs)
    {
        SinceNs = sinceNs;
        // Ages given by the queue are positive.
        Sequence = sinceNs - long.MaxValue / 2;
    }

    internal readonly struct ByDeadline : IHeapIndex<QueueEntry>
    {
        public static ref int Of(QueueEntry item) => ref item.DeadlineIndex;
    }

    internal readonly struct ByAge : IHeapIndex<QueueEntry>
    {
        public static ref int Of(QueueEntry item) => ref item.ReturnedIndex;
    }
}
