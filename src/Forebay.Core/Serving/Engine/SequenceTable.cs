namespace Forebay.Core.Serving.Engine;

/// <summary>Where a sequence is.</summary>
internal enum SequencePhase : byte
{
    Waiting,
    Prefilling,
    Decoding,
}

/// <summary>One live request.</summary>
internal struct Sequence
{
    public long Id;
    public SequencePhase Phase;
    public int PromptTokens;
    public int TargetTokens;
    public ulong[] PrefixHashes;

    /// <summary>Tokens produced; while decoding it is <c>DecodeBase + step</c> instead.</summary>
    public int Outputs;

    /// <summary>Tokens produced less the engine's step counter, fixed while decoding.</summary>
    public long DecodeBase;

    /// <summary>Tokens the current prefill has to compute in all, those found in the cache included.</summary>
    public int PrefillTokens;

    /// <summary>How many of them are in KV memory.</summary>
    public int PrefilledTokens;

    /// <summary>How many of the hashed prompt blocks this request holds in the prefix cache.</summary>
    public int SharedBlocks;

    public int CachedTokens;
    public long SubmittedNs;
    public long QueuedNs;
    public bool Admitted;

    public int Before;
    public int After;
    public int HeapAt;
}

/// <summary>
/// The live requests of one replica in reused slots, each in exactly one of three lists, and the decoding ones in a
/// heap by the step at which they finish. Nothing here allocates once the table has grown.
/// </summary>
internal sealed class SequenceTable
{
    public const int None = -1;

    private readonly Dictionary<long, int> _byId = [];
    private readonly List<(long Step, int Slot)> _heap = [];
    private Sequence[] _slots = new Sequence[16];
    private int _free = None;
    private int _made;
    private SequenceList _waiting = SequenceList.Empty;
    private SequenceList _prefilling = SequenceList.Empty;
    private SequenceList _decoding = SequenceList.Empty;

    public int Count => _byId.Count;

    public ref Sequence this[int slot] => ref _slots[slot];

    public bool TryFind(long id, out int slot) => _byId.TryGetValue(id, out slot);

    public int CountOf(SequencePhase phase) => List(phase).Count;

    public int First(SequencePhase phase) => List(phase).First;

    public int Last(SequencePhase phase) => List(phase).Last;

    public int Next(int slot) => _slots[slot].After;

    /// <summary>Takes a slot and puts the request at the end of the waiting list.</summary>
    public int Add(in EngineRequest request, long nowNs)
    {
        int slot = _free;
        if (slot != None)
        {
            _free = _slots[slot].After;
        }
        else
        {
            if (_made == _slots.Length)
            {
                Array.Resize(ref _slots, _slots.Length * 2);
            }

            slot = _made++;
        }

        _slots[slot] = new Sequence
        {
            Id = request.Id,
            PromptTokens = request.PromptTokens,
            TargetTokens = request.OutputTokens,
            PrefixHashes = request.PrefixHashes,
            SubmittedNs = nowNs,
            HeapAt = None,
        };
        _byId.Add(request.Id, slot);
        Append(slot, SequencePhase.Waiting);
        return slot;
    }

    /// <summary>Forgets a request.</summary>
    public void Remove(int slot)
    {
        Detach(slot);
        _byId.Remove(_slots[slot].Id);
        _slots[slot] = new Sequence { After = _free, PrefixHashes = [] };
        _free = slot;
    }

    /// <summary>Moves a request to the end of a list.</summary>
    public void MoveToEnd(int slot, SequencePhase phase)
    {
        Detach(slot);
        Append(slot, phase);
    }

    /// <summary>Moves a request to the head of the waiting list.</summary>
    public void MoveToHeadOfWaiting(int slot)
    {
        Detach(slot);
        ref SequenceList list = ref List(SequencePhase.Waiting);
        _slots[slot].Phase = SequencePhase.Waiting;
        _slots[slot].Before = None;
        _slots[slot].After = list.First;
        if (list.First != None)
        {
            _slots[list.First].Before = slot;
        }
        else
        {
            list.Last = slot;
        }

        list.First = slot;
        list.Count++;
    }

    /// <summary>Sets the step at which a decoding request finishes.</summary>
    public void SetFinish(int slot, long step)
    {
        _heap.Add((step, slot));
        _slots[slot].HeapAt = _heap.Count - 1;
        SiftUp(_heap.Count - 1);
    }

    /// <summary>The earliest step at which a decoding request finishes, and which.</summary>
    public bool TryPeekFinish(out long step, out int slot)
    {
        (step, slot) = _heap.Count > 0 ? _heap[0] : (long.MaxValue, None);
        return slot != None;
    }

    private void Append(int slot, SequencePhase phase)
    {
        ref SequenceList list = ref List(phase);
        ref Sequence sequence = ref _slots[slot];
        sequence.Phase = phase;
        sequence.Before = list.Last;
        sequence.After = None;
        if (list.Last != None)
        {
            _slots[list.Last].After = slot;
        }
        else
        {
            list.First = slot;
        }

        list.Last = slot;
        list.Count++;
    }

    private void Detach(int slot)
    {
        ref Sequence sequence = ref _slots[slot];
        ref SequenceList list = ref List(sequence.Phase);
        if (sequence.Before != None)
        {
            _slots[sequence.Before].After = sequence.After;
        }
        else
        {
            list.First = sequence.After;
        }

        if (sequence.After != None)
        {
            _slots[sequence.After].Before = sequence.Before;
        }
        else
        {
            list.Last = sequence.Before;
        }

        list.Count--;
        if (sequence.HeapAt != None)
        {
            RemoveFromHeap(sequence.HeapAt);
            sequence.HeapAt = None;
        }
    }

    private void RemoveFromHeap(int at)
    {
        int last = _heap.Count - 1;
        (long, int) moved = _heap[last];
        _heap.RemoveAt(last);
        if (at < last)
        {
            Place(at, moved);
            SiftUp(at);
            SiftDown(at);
        }
    }

    private void SiftUp(int at)
    {
        (long, int) item = _heap[at];
        while (at > 0 && IsBefore(item, _heap[(at - 1) / 2]))
        {
            Place(at, _heap[(at - 1) / 2]);
            at = (at - 1) / 2;
        }

        Place(at, item);
    }

    private void SiftDown(int at)
    {
        (long, int) item = _heap[at];
        while (true)
        {
            int child = 2 * at + 1;
            if (child >= _heap.Count)
            {
                break;
            }

            if (child + 1 < _heap.Count && IsBefore(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (!IsBefore(_heap[child], item))
            {
                break;
            }

            Place(at, _heap[child]);
            at = child;
        }

        Place(at, item);
    }

    /// <summary>Ties go to the lower id, so that the order of events never depends on the shape of the heap.</summary>
    private bool IsBefore((long Step, int Slot) a, (long Step, int Slot) b) =>
        a.Step != b.Step ? a.Step < b.Step : _slots[a.Slot].Id < _slots[b.Slot].Id;

    private void Place(int at, (long Step, int Slot) item)
    {
        _heap[at] = item;
        _slots[item.Slot].HeapAt = at;
    }

    private ref SequenceList List(SequencePhase phase)
    {
        if (phase == SequencePhase.Waiting)
        {
            return ref _waiting;
        }

        if (phase == SequencePhase.Prefilling)
        {
            return ref _prefilling;
        }

        return ref _decoding;
    }

    private struct SequenceList
    {
        public int First;
        public int Last;
        public int Count;

        public static SequenceList Empty => new() { First = None, Last = None };
    }
}
