using Forebay.Core.Time;
using Forebay.Simulation.Traces;

namespace Forebay.Simulation.Events;

/// <summary>
/// Virtual time: a binary heap of events, the earliest first, those of one time in the order in which they were
/// scheduled. One thread, no clock, no randomness: what happens follows from what was scheduled alone, so a seed and a
/// commit replay a run exactly. O(log n) per event for n scheduled ones; nothing is allocated once the heap has grown.
/// </summary>
/// <remarks>
/// An event cannot be taken back. A target that changes its mind lets the old one come and knows by the subject that it
/// means nothing any more.
/// </remarks>
/// <param name="startWallUnixMs">Wall time at virtual time zero.</param>
public sealed class EventLoop(long startWallUnixMs)
{
    private Entry[] _heap = new Entry[64];
    private int _count;
    private long _sequence;

    /// <summary>Virtual time: starts at zero and never goes back.</summary>
    public Instant Now { get; private set; } = new(0, startWallUnixMs);

    /// <summary>Events handled so far.</summary>
    public long Handled { get; private set; }

    /// <summary>A hash over every event handled, in order: time, kind and subject. Equal digests mean equal runs.
    /// </summary>
    public ulong Digest { get; private set; }

    /// <summary>Schedules an event. One in the past is a defect of its sender and throws.</summary>
    /// <param name="atNs">Virtual time.</param>
    /// <param name="target">Whom it comes to.</param>
    /// <param name="kind">What happens.</param>
    /// <param name="subject">To what.</param>
    public void At(long atNs, IEventTarget target, int kind, long subject)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentOutOfRangeException.ThrowIfLessThan(atNs, Now.MonotonicNs);
        if (_count == _heap.Length)
        {
            Array.Resize(ref _heap, _heap.Length * 2);
        }

        SiftUp(_count++, new Entry(atNs, _sequence++, target, kind, subject));
    }

    /// <summary>Schedules an event a span from now.</summary>
    public void After(long spanNs, IEventTarget target, int kind, long subject) =>
        At(Now.MonotonicNs + spanNs, target, kind, subject);

    /// <summary>Handles the next event; false when there is none.</summary>
    public bool Step()
    {
        if (_count == 0)
        {
            return false;
        }

        Entry next = _heap[0];
        Entry last = _heap[--_count];
        _heap[_count] = default;
        if (_count > 0)
        {
            SiftDown(last);
        }

        Now = new Instant(next.AtNs, startWallUnixMs + next.AtNs / Instant.NsPerMs);
        Handled++;
        Digest = SplitMix64.Mix(
            Digest ^ SplitMix64.Mix((ulong)next.AtNs) ^ (ulong)next.Subject ^ ((ulong)next.Kind << 56));
        next.Target.Handle(next.Kind, next.Subject, Now);
        return true;
    }

    /// <summary>Handles events until none is left.</summary>
    public void Run()
    {
        while (Step())
        {
        }
    }

    private void SiftUp(int at, in Entry entry)
    {
        while (at > 0 && entry.IsBefore(_heap[(at - 1) / 2]))
        {
            _heap[at] = _heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }

        _heap[at] = entry;
    }

    private void SiftDown(in Entry entry)
    {
        int at = 0;
        while (true)
        {
            int child = 2 * at + 1;
            if (child >= _count)
            {
                break;
            }

            if (child + 1 < _count && _heap[child + 1].IsBefore(_heap[child]))
            {
                child++;
            }

            if (!_heap[child].IsBefore(entry))
            {
                break;
            }

            _heap[at] = _heap[child];
            at = child;
        }

        _heap[at] = entry;
    }

    private readonly record struct Entry(long AtNs, long Sequence, IEventTarget Target, int Kind, long Subject)
    {
        public bool IsBefore(in Entry other) =>
            AtNs != other.AtNs ? AtNs < other.AtNs : Sequence < other.Sequence;
    }
}
