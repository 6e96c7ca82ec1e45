namespace Forebay.Core.Serving.Health;

/// <summary>
/// Successes and failures over a sliding window, in ten slots: what is older than the window is forgotten a tenth at a
/// time. Not safe for concurrent callers. Recording costs O(1) amortised and no allocation.
/// </summary>
internal sealed class SlidingCounts
{
    private const int Slots = 10;

    private readonly int[] _good = new int[Slots];
    private readonly int[] _bad = new int[Slots];
    private long _slotNs;
    private long _head;
    private int _goodSum;
    private int _badSum;

    /// <summary>Counts an attempt.</summary>
    public void Record(bool good, long nowNs, long windowNs)
    {
        Advance(nowNs, windowNs);
        int at = (int)(_head % Slots);
        if (good)
        {
            _good[at]++;
            _goodSum++;
        }
        else
        {
            _bad[at]++;
            _badSum++;
        }
    }

    /// <summary>What the window holds.</summary>
    public (int Good, int Bad) Read(long nowNs, long windowNs)
    {
        Advance(nowNs, windowNs);
        return (_goodSum, _badSum);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Array.Clear(_good);
        Array.Clear(_bad);
        _goodSum = 0;
        _badSum = 0;
    }

    /// <summary>A time before the newest slot, from a thread that was held up, counts into that slot.</summary>
    private void Advance(long nowNs, long windowNs)
    {
        long slotNs = Math.Max(1, windowNs / Slots);
        // Monotonic zero is arbitrary: slots must not change sign.
        long slot = (long)((ulong)nowNs / (ulong)slotNs);
        if (slotNs != _slotNs)
        {
            // The window was configured anew.
            Clear();
            _slotNs = slotNs;
            _head = slot;
            return;
        }

        if (slot - _head >= Slots)
        {
            Clear();
            _head = slot;
            return;
        }

        while (_head < slot)
        {
            _head++;
            int at = (int)(_head % Slots);
            _goodSum -= _good[at];
            _badSum -= _bad[at];
            _good[at] = 0;
            _bad[at] = 0;
        }
    }
}
