namespace Forebay.Core.Serving.Queue;

/// <summary>
/// The requests of one tenant and class under one tag, oldest first. Newcomers are appended to a list; those that come
/// back with their age stand in a heap beside it, so that neither ever searches for its place.
/// </summary>
internal sealed class Flow
{
    public int HeapIndex = -1;
    private QueueEntry? _first;

    public Backlog Backlog { get; private set; } = null!;

    public QueueTag Tag { get; private set; } = null!;

    public int Count { get; private set; }

    public QueueEntry? Last { get; private set; }

    public KeyedHeap<QueueEntry, QueueEntry.ByAge>? Returned { get; private set; }

    /// <summary>The oldest. Only where there is one.</summary>
    public QueueEntry Head => Returned is not { Count: > 0 } returned ? _first!
        : _first is null || returned.TopKey < _first.Sequence ? returned.Top
        : _first;

    public void Open(Backlog backlog, QueueTag tag)
    {
        Backlog = backlog;
        Tag = tag;
    }

    public void Append(QueueEntry entry)
    {
        Count++;
        entry.Flow = this;
        entry.Previous = Last;
        entry.Next = null;
        if (Last is null)
        {
            _first = entry;
        }
        else
        {
            Last.Next = entry;
        }

        Last = entry;
    }

    public void Return(QueueEntry entry)
    {
        Count++;
        entry.Flow = this;
        Returned ??= new KeyedHeap<QueueEntry, QueueEntry.ByAge>();
        Returned.Add(entry, entry.Sequence, 0);
    }

    public void Remove(QueueEntry entry)
    {
        Count--;
        entry.Flow = null;
        if (entry.ReturnedIndex >= 0)
        {
            Returned!.Remove(entry);
            return;
        }

        if (entry.Previous is { } previous)
        {
            previous.Next = entry.Next;
        }
        else
        {
            _first = entry.Next;
        }

        if (entry.Next is { } next)
        {
            next.Previous = entry.Previous;
        }
        else
        {
            Last = entry.Previous;
        }

        entry.Previous = entry.Next = null;
    }

    internal readonly struct ByService : IHeapIndex<Flow>
    {
        public static ref int Of(Flow item) => ref item.HeapIndex;
    }
}
