namespace Forebay.Core.Serving.Routing;

/// <summary>Rows for blocks that many deployments hold, such as a system prompt that everyone uses: a stamp for each
/// deployment. Bounded in number; a row grows to the highest deployment number it has seen.</summary>
internal sealed class HotBlocks
{
    private readonly Row[] _rows;
    private readonly Stack<int> _free;
    private readonly Lock _lock = new();

    public HotBlocks(int rows)
    {
        _rows = new Row[rows];
        _free = new Stack<int>(Enumerable.Range(0, rows).Reverse());
    }

    public long Bytes => _rows.Sum(r => r.Stamps?.LongLength * sizeof(long) ?? 0);

    public bool TryTake(ulong hash, out int row)
    {
        lock (_lock)
        {
            if (!_free.TryPop(out row))
            {
                return false;
            }

            _rows[row].Stamps = [];
            Volatile.Write(ref _rows[row].Hash, hash);
            return true;
        }
    }

    public void Free(int row, ulong hash)
    {
        lock (_lock)
        {
            if (_rows[row].Hash == hash && _rows[row].Stamps is not null)
            {
                _rows[row] = default;
                _free.Push(row);
            }
        }
    }

    /// <summary>Notes a use and gives the stamp of the one before, or null.</summary>
    public uint? Touch(int row, ulong hash, int deployment, ref CacheClock clock)
    {
        uint? before = null;
        if (_rows[row].Hash == hash && _rows[row].Stamps is { } stamps && deployment < stamps.Length
            && stamps[deployment] != 0)
        {
            before = (uint)stamps[deployment];
        }

        Set(row, deployment, clock.Now);
        return before;
    }

    public void Set(int row, int deployment, uint stamp)
    {
        lock (_lock)
        {
            ref long[]? stamps = ref _rows[row].Stamps;
            if (stamps is null || deployment >= ushort.MaxValue - 1)
            {
                return;
            }

            if (deployment >= stamps.Length)
            {
                Array.Resize(ref stamps, Math.Max(16, (deployment + 1) * 3 / 2));
            }

            // The high half says that there is a stamp at all.
            stamps[deployment] = 1L << 32 | stamp;
        }
    }

    /// <summary>Raises the overlap of every deployment that holds the block. O(deployments).</summary>
    public void Match(int row, ulong hash, ReadOnlySpan<CacheClock> clocks, OverlapMap overlaps, int blocks)
    {
        if ((uint)row >= (uint)_rows.Length || _rows[row].Hash != hash || _rows[row].Stamps is not { } stamps)
        {
            return;
        }

        int most = Math.Min(stamps.Length, clocks.Length);
        for (int i = 0; i < most; i++)
        {
            if (stamps[i] != 0 && clocks[i].Holds((uint)stamps[i]))
            {
                overlaps.Raise(i, blocks);
            }
        }
    }

    private struct Row
    {
        public ulong Hash;
        public long[]? Stamps;
    }
}
