using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// Which deployments hold which prompt blocks in their caches, as far as can be told from what was sent to them: a hint
/// that decides where a request goes and never what it is answered, so readers take no lock and may see a torn entry.
/// </summary>
/// <remarks>
/// <para>A set-associative table of fixed size: a block's hash picks a bucket of eight ways, one cache line of hashes
/// and half a line for each entry behind it, so that a look-up touches two lines of one page; the least recently used
/// way makes room. An entry names up to four holders; a block that more deployments hold is hot and gets a row with a
/// place for each of them, of which there is a bounded number. 40 bytes an entry.</para>
/// <para>There is no list to keep in order: a holder's entry bears the reading of that deployment's
/// <see cref="CacheClock"/>, which advances as its cache takes in blocks, and counts for as long as the cache would
/// keep it.</para>
/// <para>Of a long prompt only some blocks are kept (<see cref="Span"/>): all of the first 512 tokens, one in eight up
/// to 32,768, then one in 32, so that what is not seen stays a percent or two of what is. Cost of a look-up: two cache
/// lines per kept block found, each fetched together with those of other blocks.</para>
/// </remarks>
public sealed class PrefixIndex
{
    private const int Ways = 8;
    private const int Holders = 4;
    private const int Stripes = 64;
    private const int DenseBlocks = 32;

    /// <summary>A shorter beginning that many hold decides nothing: who lacks it computes 100 tokens more.</summary>
    private const int LeastHotBlocks = 8;

    /// <summary>What an entry has in place of its first holder when its block has a row; the stamp is the row.
    /// </summary>
    private const ushort Hot = ushort.MaxValue;

    /// <summary>Blocks whose entries are fetched together.</summary>
    private const int Batch = 32;

    /// <summary>Deployments that can be told apart.</summary>
    public const int MaxDeployments = Hot - 1;

    private readonly ulong[] _table;
    private readonly int _first;
    private readonly uint _buckets;
    private readonly Lock[] _stripes = [.. Enumerable.Range(0, Stripes).Select(_ => new Lock())];
    private readonly HotBlocks _hot;
    private uint _tick;

    /// <param name="blocks">Entries wanted, at least 64; a quarter more are made, because buckets fill
    /// unevenly.</param>
    /// <param name="hotBlocks">Rows for blocks that more than four deployments hold.</param>
    public PrefixIndex(int blocks, int hotBlocks = 1024)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 64);
        _buckets = (uint)(blocks / 4 * 5L / Ways);
        Capacity = (int)_buckets * Ways;

        // Buckets start on cache lines: the array is pinned, and as much of it is skipped as that takes.
        const int Line = 64 / sizeof(ulong);
        _table = GC.AllocateArray<ulong>((int)_buckets * BucketWords + Line, pinned: true);
        nint at = Marshal.UnsafeAddrOfPinnedArrayElement(_table, 0);
        _first = (int)((64 - at % 64) % 64 / sizeof(ulong));
        _hot = new HotBlocks(hotBlocks);
    }

    private static int BucketWords => Unsafe.SizeOf<Bucket>() / sizeof(ulong);

    /// <summary>Entries that the table has room for.</summary>
    public int Capacity { get; }

    /// <summary>Bytes that the table takes, rows of hot blocks included.</summary>
    public long Bytes => _table.LongLength * sizeof(ulong) + _hot.Bytes;

    /// <summary>Blocks that a kept block at this position of a prompt stands for: itself and those before it that are
    /// not kept. A power of two.</summary>
    public static int Span(int block) => block < DenseBlocks ? 1 : block < 2048 ? 8 : 32;

    /// <summary>Whether the block at this position of a prompt is kept.</summary>
    public static bool IsKept(int block) => ((block + 1) & (Span(block) - 1)) == 0;

    /// <summary>The kept block before this one; below zero where there is none.</summary>
    private static int Before(int block)
    {
        int last = block - 1;
        return last < 0 ? last : ((last + 1) & -Span(last)) - 1;
    }

    /// <summary>
    /// Finds for every deployment how many leading blocks of a prompt its cache holds.
    /// </summary>
    /// <param name="prompt">Chained hashes of the prompt's blocks, salted per model and cache domain.</param>
    /// <param name="clocks">The caches' clocks by deployment number.</param>
    /// <param name="overlaps">Where the answer goes; cleared by the caller.</param>
    public void Match(ReadOnlySpan<ulong> prompt, ReadOnlySpan<CacheClock> clocks, OverlapMap overlaps)
    {
        Prefetch(prompt);
        int hotLeft = 2;
        int nextHot = int.MaxValue;
        Span<Found> found = stackalloc Found[Batch];
        for (int from = Before(prompt.Length); from >= 0;)
        {
            int count = Find(prompt, ref from, found);
            foreach (Found at in found[..count])
            {
                ref Entry entry = ref EntryAt(at);
                if (entry.Holders[0] != Hot)
                {
                    Raise(entry, at.Block + 1, clocks, overlaps);
                }
                else if (hotLeft > 0 && at.Block <= nextHot && at.Block + 1 >= LeastHotBlocks)
                {
                    // Whoever holds a block holds those before it, so half as deep is soon enough to look again.
                    hotLeft--;
                    nextHot = at.Block / 2;
                    _hot.Match((int)entry.Stamps[0], prompt[at.Block], clocks, overlaps, at.Block + 1);
                }
            }
        }
    }

    private static void Raise(in Entry entry, int blocks, ReadOnlySpan<CacheClock> clocks, OverlapMap overlaps)
    {
        for (int i = 0; i < Holders; i++)
        {
            int deployment = entry.Holders[i] - 1;
            if (deployment < 0)
            {
                break;
            }

            if (deployment < clocks.Length && clocks[deployment].Holds(entry.Stamps[i]))
            {
                overlaps.Raise(deployment, blocks);
            }
        }
    }

    /// <summary>Finds the entries of the next kept blocks, last one first, and fetches them all at once.</summary>
    /// <param name="prompt">The prompt's hashes.</param>
    /// <param name="from">The block to begin with; then the one to go on with, below zero when all are done.</param>
    /// <param name="found">Where the answer goes.</param>
    /// <returns>How many were found.</returns>
    private unsafe int Find(ReadOnlySpan<ulong> prompt, ref int from, Span<Found> found)
    {
        int count = 0;
        int block = from;
        for (int asked = 0; block >= 0 && asked < found.Length; asked++, block = Before(block))
        {
            int bucket = BucketOf(prompt[block]);
            if (TryFind(prompt[block], bucket, out int way))
            {
                var at = new Found(block, bucket, way);
                found[count++] = at;
                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(Unsafe.AsPointer(ref EntryAt(at)));
                }
            }
        }

        from = block;
        return count;
    }

    /// <summary>
    /// Notes that a prompt was sent to a deployment, whose cache will hold its blocks.
    /// </summary>
    /// <param name="prompt">Chained hashes of the prompt's blocks.</param>
    /// <param name="deployment">The deployment's number, below <see cref="MaxDeployments"/>.</param>
    /// <param name="clock">Its cache's clock; advanced by what is new.</param>
    public void Insert(ReadOnlySpan<ulong> prompt, int deployment, ref CacheClock clock)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)deployment, (uint)MaxDeployments);
        Prefetch(prompt);
        uint tick = Interlocked.Increment(ref _tick);

        // Last block first: a cache that wants memory loses the end of a prompt before its beginning.
        for (int block = Before(prompt.Length); block >= 0; block = Before(block))
        {
            ulong hash = prompt[block];
            int bucket = BucketOf(hash);
            lock (_stripes[bucket % Stripes])
            {
                if (!TryFind(hash, bucket, out int way))
                {
                    way = Take(hash, bucket);
                }

                ref Entry entry = ref BucketAt(bucket).Entries[way];
                entry.Used = tick;
                Touch(ref entry, hash, (ushort)deployment, ref clock, Span(block));
            }
        }
    }

    /// <summary>Scales the hash's upper half to the number of buckets (Lemire, 2016), which need be no power of two.
    /// </summary>
    private int BucketOf(ulong hash) => (int)((hash >> 32) * _buckets >> 32);

    private ref Bucket BucketAt(int bucket) => ref Unsafe.As<ulong, Bucket>(
        ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_table), _first + bucket * BucketWords));

    private ref Entry EntryAt(Found at) => ref BucketAt(at.Bucket).Entries[at.Way];

    private void Touch(ref Entry entry, ulong hash, ushort deployment, ref CacheClock clock, int blocks)
    {
        if (entry.Holders[0] == Hot)
        {
            clock.Advance(_hot.Touch((int)entry.Stamps[0], hash, deployment, ref clock), blocks);
            return;
        }

        ushort name = (ushort)(deployment + 1);
        int at = ((ReadOnlySpan<ushort>)entry.Holders).IndexOf(name);
        clock.Advance(at < 0 ? null : entry.Stamps[at], blocks);
        at = at < 0 ? ((ReadOnlySpan<ushort>)entry.Holders).IndexOf((ushort)0) : at;
        if (at < 0 && _hot.TryTake(hash, out int row))
        {
            for (int i = 0; i < Holders; i++)
            {
                _hot.Set(row, entry.Holders[i] - 1, entry.Stamps[i]);
            }

            _hot.Set(row, deployment, clock.Now);
            entry.Stamps[0] = (uint)row;
            entry.Holders[0] = Hot;
            return;
        }

        // Stamps of different clocks do not compare; the one to go is picked by turns.
        at = at < 0 ? (int)(_tick % Holders) : at;
        entry.Stamps[at] = clock.Now;
        entry.Holders[at] = name;
    }

    /// <summary>The way of the hash's bucket that a block has.</summary>
    private bool TryFind(ulong hash, int bucket, out int way)
    {
        ref ulong hashes = ref BucketAt(bucket).Hashes[0];
        uint found = Vector512.IsHardwareAccelerated
            ? (uint)Vector512.Equals(Vector512.LoadUnsafe(ref hashes), Vector512.Create(hash))
                .ExtractMostSignificantBits()
            : Vector256.Equals(Vector256.LoadUnsafe(ref hashes), Vector256.Create(hash)).ExtractMostSignificantBits()
                | Vector256.Equals(Vector256.LoadUnsafe(ref hashes, 4), Vector256.Create(hash))
                    .ExtractMostSignificantBits() << 4;
        way = BitOperations.TrailingZeroCount(found) & (Ways - 1);
        return found != 0;
    }

    /// <summary>Makes an entry for a block in its bucket: a free one, else the least recently used.</summary>
    private int Take(ulong hash, int bucket)
    {
        ref Bucket at = ref BucketAt(bucket);
        int oldest = 0;
        for (int way = 0; way < Ways; way++)
        {
            if (at.Hashes[way] == 0)
            {
                oldest = way;
                break;
            }

            oldest = _tick - at.Entries[way].Used > _tick - at.Entries[oldest].Used ? way : oldest;
        }

        ref Entry entry = ref at.Entries[oldest];
        if (entry.Holders[0] == Hot)
        {
            _hot.Free((int)entry.Stamps[0], at.Hashes[oldest]);
        }

        entry = default;
        at.Hashes[oldest] = hash;
        return oldest;
    }

    private unsafe void Prefetch(ReadOnlySpan<ulong> prompt)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        for (int block = Before(prompt.Length); block >= 0; block = Before(block))
        {
            Sse.Prefetch0(Unsafe.AsPointer(ref BucketAt(BucketOf(prompt[block]))));
        }
    }

    /// <summary>Where a block was found.</summary>
    private readonly record struct Found(int Block, int Bucket, int Way);

    /// <summary>A cache line of hashes, then their entries.</summary>
    private struct Bucket
    {
        public WayHashes Hashes;
        public WayEntries Entries;
    }

    /// <summary>Who holds a block, half a cache line: the holders' numbers and one, zero from where there are no more
    /// on; what their clocks said; and when it was last used.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct Entry
    {
        public HolderStamps Stamps;
        public HolderNames Holders;
        public uint Used;
    }

    [InlineArray(Ways)]
    private struct WayHashes
    {
        private ulong _first;
    }

    [InlineArray(Ways)]
    private struct WayEntries
    {
        private Entry _first;
    }

    [InlineArray(Holders)]
    private struct HolderStamps
    {
        private uint _first;
    }

    [InlineArray(Holders)]
    private struct HolderNames
    {
        private ushort _first;
    }
}
