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
/// <para>A set-associative table of fixed size: a block's hash picks a bucket of eight ways, one cache line of hashes;
/// the least recently used way makes room. An entry names up to four holders; a block that more deployments hold is
/// hot and gets a row with a place for each of them, of which there is a bounded number. 44 bytes an entry.</para>
/// <para>There is no list to keep in order: a holder's entry bears the reading of that deployment's
/// <see cref="CacheClock"/>, which advances as its cache takes in blocks, and counts for as long as the cache would
/// keep it.</para>
/// <para>Of a long prompt only some blocks are kept (<see cref="Span"/>): all of the first 512 tokens, one in eight up
/// to 32,768, then one in 32, so that what is not seen stays a percent or two of what is. Cost of a look-up: one cache
/// line per kept block, fetched together.</para>
/// </remarks>
public sealed class PrefixIndex
{
    private const int Ways = 8;
    private const int Holders = 4;
    private const int Stripes = 64;
    private const int DenseBlocks = 32;

    /// <summary>A shorter beginning that many hold decides nothing: who lacks it computes 100 tokens more.</summary>
    private const int LeastHotBlocks = 8;

    private const ushort NoHolder = ushort.MaxValue;
    private const ushort Hot = ushort.MaxValue - 1;

    /// <summary>Deployments that can be told apart.</summary>
    public const int MaxDeployments = Hot;

    private readonly ulong[] _hashes;
    private readonly uint[] _used;
    private readonly Holder[] _holders;
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

        // Buckets start on cache lines: the array is pinned, and as many entries are skipped as that takes.
        _hashes = GC.AllocateArray<ulong>(Capacity + Ways, pinned: true);
        nint at = Marshal.UnsafeAddrOfPinnedArrayElement(_hashes, 0);
        _first = (int)((64 - at % 64) % 64 / sizeof(ulong));
        _used = new uint[Capacity];
        _holders = GC.AllocateUninitializedArray<Holder>(Capacity * Holders);
        Array.Fill(_holders, new Holder(NoHolder, 0));
        _hot = new HotBlocks(hotBlocks);
    }

    /// <summary>Entries that the table has room for.</summary>
    public int Capacity { get; }

    /// <summary>Bytes that the table takes, rows of hot blocks included.</summary>
    public long Bytes => _hashes.LongLength * sizeof(ulong) + _used.LongLength * sizeof(uint)
        + _holders.LongLength * Unsafe.SizeOf<Holder>() + _hot.Bytes;

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
        for (int block = Before(prompt.Length); block >= 0; block = Before(block))
        {
            if (!TryFind(prompt[block], out int entry))
            {
                continue;
            }

            ReadOnlySpan<Holder> holders = _holders.AsSpan(entry * Holders, Holders);
            if (holders[0].Deployment != Hot)
            {
                foreach (Holder holder in holders)
                {
                    if (holder.Deployment < clocks.Length && clocks[holder.Deployment].Holds(holder.Stamp))
                    {
                        overlaps.Raise(holder.Deployment, block + 1);
                    }
                }
            }
            else if (hotLeft > 0 && block <= nextHot && block + 1 >= LeastHotBlocks)
            {
                // Whoever holds a block holds those before it, so half as deep is soon enough to look again.
                hotLeft--;
                nextHot = block / 2;
                _hot.Match((int)holders[0].Stamp, prompt[block], clocks, overlaps, block + 1);
            }
        }
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
            lock (_stripes[BucketOf(hash) % Stripes])
            {
                bool found = TryFind(hash, out int entry);
                if (!found)
                {
                    entry = Take(hash);
                }

                _used[entry] = tick;
                Touch(entry, hash, (ushort)deployment, ref clock, Span(block));
            }
        }
    }

    /// <summary>Scales the hash's upper half to the number of buckets (Lemire, 2016), which need be no power of two.
    /// </summary>
    private int BucketOf(ulong hash) => (int)((hash >> 32) * _buckets >> 32);

    private void Touch(int entry, ulong hash, ushort deployment, ref CacheClock clock, int blocks)
    {
        Span<Holder> holders = _holders.AsSpan(entry * Holders, Holders);
        if (holders[0].Deployment == Hot)
        {
            clock.Advance(_hot.Touch((int)holders[0].Stamp, hash, deployment, ref clock), blocks);
            return;
        }

        int at = -1;
        for (int i = 0; i < Holders && at < 0; i++)
        {
            at = holders[i].Deployment == deployment ? i : -1;
        }

        uint? before = at < 0 ? null : holders[at].Stamp;
        clock.Advance(before, blocks);
        for (int i = 0; i < Holders && at < 0; i++)
        {
            at = holders[i].Deployment == NoHolder ? i : -1;
        }

        if (at < 0 && _hot.TryTake(hash, out int row))
        {
            foreach (Holder holder in holders)
            {
                _hot.Set(row, holder.Deployment, holder.Stamp);
            }

            _hot.Set(row, deployment, clock.Now);
            holders[0] = new Holder(Hot, (uint)row);
            return;
        }

        // Stamps of different clocks do not compare; the one to go is picked by turns.
        holders[at < 0 ? (int)(_tick % Holders) : at] = new Holder(deployment, clock.Now);
    }

    /// <summary>The entry of a block, in the hash's bucket.</summary>
    private bool TryFind(ulong hash, out int entry)
    {
        entry = BucketOf(hash) * Ways;
        ref ulong bucket = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_hashes), _first + entry);
        uint found = Vector512.IsHardwareAccelerated
            ? (uint)Vector512.Equals(Vector512.LoadUnsafe(ref bucket), Vector512.Create(hash))
                .ExtractMostSignificantBits()
            : Vector256.Equals(Vector256.LoadUnsafe(ref bucket), Vector256.Create(hash)).ExtractMostSignificantBits()
                | Vector256.Equals(Vector256.LoadUnsafe(ref bucket, 4), Vector256.Create(hash))
                    .ExtractMostSignificantBits() << 4;
        entry += BitOperations.TrailingZeroCount(found) & (Ways - 1);
        return found != 0;
    }

    /// <summary>Makes an entry for a block in its bucket: a free one, else the least recently used.</summary>
    private int Take(ulong hash)
    {
        int bucket = BucketOf(hash) * Ways;
        int oldest = bucket;
        for (int entry = bucket; entry < bucket + Ways; entry++)
        {
            if (_hashes[_first + entry] == 0)
            {
                oldest = entry;
                break;
            }

            oldest = _tick - _used[entry] > _tick - _used[oldest] ? entry : oldest;
        }

        Span<Holder> holders = _holders.AsSpan(oldest * Holders, Holders);
        if (holders[0].Deployment == Hot)
        {
            _hot.Free((int)holders[0].Stamp, _hashes[_first + oldest]);
        }

        holders.Fill(new Holder(NoHolder, 0));
        _hashes[_first + oldest] = hash;
        return oldest;
    }

    private unsafe void Prefetch(ReadOnlySpan<ulong> prompt)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        ulong* hashes = (ulong*)Marshal.UnsafeAddrOfPinnedArrayElement(_hashes, _first);
        for (int block = Before(prompt.Length); block >= 0; block = Before(block))
        {
            Sse.Prefetch0(hashes + BucketOf(prompt[block]) * Ways);
        }
    }

    /// <summary>A deployment that holds a block.</summary>
    /// <param name="Deployment">Its number; or <see cref="Hot"/>, and the stamp is the row.</param>
    /// <param name="Stamp">What its clock said.</param>
    private readonly record struct Holder(ushort Deployment, uint Stamp);
}
