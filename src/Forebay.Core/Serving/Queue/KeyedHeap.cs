namespace Forebay.Core.Serving.Queue;

/// <summary>Where an item keeps its position in a <see cref="KeyedHeap{T, TIndex}"/>; -1 when it is in none.</summary>
internal interface IHeapIndex<in T>
{
    static abstract ref int Of(T item);
}

/// <summary>
/// A four-ary heap over items that know their position, so that any of them is moved or taken out in O(log n). Keys
/// stand beside the items, four children on one or two cache lines. The smallest key comes first, between equal ones
/// the smaller tie breaker.
/// </summary>
internal sealed class KeyedHeap<T, TIndex>
    where T : class
    where TIndex : struct, IHeapIndex<T>
{
    private const int Arity = 4;
    private const int LeastSlots = 16;

    private Slot[] _slots = [];

    public int Count { get; private set; }

    /// <summary>The first item. Only where there is one.</summary>
    public T Top => _slots[0].Item;

    /// <summary>The key that the first item was given.</summary>
    public long TopKey => _slots[0].Key;

    /// <summary>An item that nothing comes after: not the last one, but of the last half.</summary>
    public T? Bottom => Count == 0 ? null : _slots[Count - 1].Item;

    public void Add(T item, long key, long tie)
    {
        if (TIndex.Of(item) >= 0)
        {
            throw new InvalidOperationException("The item is in the heap already.");
        }

        if (Count == _slots.Length)
        {
            Array.Resize(ref _slots, Math.Max(LeastSlots, Count * 2));
        }

        Rise(Count++, new Slot(key, tie, item));
    }

    /// <summary>Gives an item another key.</summary>
    public void Update(T item, long key, long tie) => Place(PositionOf(item), new Slot(key, tie, item));

    public void Remove(T item)
    {
        int at = PositionOf(item);
        TIndex.Of(item) = -1;
        Slot last = _slots[--Count];
        _slots[Count] = default;
        if (at < Count)
        {
            Place(at, last);
        }

        if (_slots.Length > 1024 && Count < _slots.Length / 8)
        {
            Array.Resize(ref _slots, _slots.Length / 2);
        }
    }

    /// <summary>Checks every position and the order. O(n).</summary>
    /// <exception cref="InvalidOperationException">The heap is broken.</exception>
    public void Check()
    {
        for (int i = 0; i < Count; i++)
        {
            if (TIndex.Of(_slots[i].Item) != i || (i > 0 && _slots[i].IsBefore(_slots[(i - 1) / Arity])))
            {
                throw new InvalidOperationException($"The heap is broken at {i} of {Count}.");
            }
        }
    }

    private int PositionOf(T item)
    {
        int at = TIndex.Of(item);
        if ((uint)at >= (uint)Count || !ReferenceEquals(_slots[at].Item, item))
        {
            throw new InvalidOperationException("The item is not in the heap.");
        }

        return at;
    }

    private void Place(int at, Slot slot)
    {
        if (at > 0 && slot.IsBefore(_slots[(at - 1) / Arity]))
        {
            Rise(at, slot);
        }
        else
        {
            Sink(at, slot);
        }
    }

    private void Rise(int at, Slot slot)
    {
        while (at > 0)
        {
            int parent = (at - 1) / Arity;
            if (!slot.IsBefore(_slots[parent]))
            {
                break;
            }

            Set(at, _slots[parent]);
            at = parent;
        }

        Set(at, slot);
    }

    private void Sink(int at, Slot slot)
    {
        while (true)
        {
            int first = at * Arity + 1;
            if (first >= Count)
            {
                break;
            }

            int best = first;
            int end = Math.Min(first + Arity, Count);
            for (int child = first + 1; child < end; child++)
            {
                best = _slots[child].IsBefore(_slots[best]) ? child : best;
            }

            if (!_slots[best].IsBefore(slot))
            {
                break;
            }

            Set(at, _slots[best]);
            at = best;
        }

        Set(at, slot);
    }

    private void Set(int at, in Slot slot)
    {
        _slots[at] = slot;
        TIndex.Of(slot.Item) = at;
    }

    private readonly struct Slot(long key, long tie, T item)
    {
        public readonly long Key = key;
        public readonly long Tie = tie;
        public readonly T Item = item;

        public bool IsBefore(in Slot other) => Key < other.Key || (Key == other.Key && Tie < other.Tie);
    }
}
