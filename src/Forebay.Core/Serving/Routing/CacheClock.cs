namespace Forebay.Core.Serving.Routing;

/// <summary>
/// The age of a cache's blocks, measured in blocks that the cache has taken in since: a least-recently-used cache of
/// <see cref="Blocks"/> blocks keeps one until about that many others have come in or moved ahead of it. Racing writers
/// may lose a step, which makes blocks seem a little younger.
/// </summary>
public struct CacheClock
{
    /// <summary>One block, in the clock's units: a block that moves ahead of some others counts in parts.</summary>
    private const int UnitsPerBlock = 256;

    private long _units;
    private int _blocks;

    /// <param name="blocks">How many blocks the cache keeps.</param>
    public CacheClock(int blocks) => _blocks = Math.Max(1, blocks);

    /// <summary>The clock's reading, in blocks; it wraps around.</summary>
    public readonly uint Now => (uint)(_units / UnitsPerBlock);

    /// <summary>How many blocks the cache keeps, as far as is known.</summary>
    public int Blocks
    {
        readonly get => _blocks;
        set => _blocks = Math.Max(1, value);
    }

    /// <summary>Whether a block last used at a reading is still there.</summary>
    public readonly bool Holds(uint stamp) => Now - stamp < (uint)_blocks;

    /// <summary>
    /// A block is used: a new one moves all others back by its size, one that was there only those used since, which is
    /// on average the share of the cache that its age is.
    /// </summary>
    /// <param name="stamp">The reading when it was last used, or null.</param>
    /// <param name="blocks">How many blocks it stands for.</param>
    public void Advance(uint? stamp, int blocks)
    {
        uint age = stamp is { } used ? Now - used : uint.MaxValue;
        long share = age >= (uint)_blocks ? UnitsPerBlock : (long)age * UnitsPerBlock / _blocks;
        _units += share * blocks;
    }

    /// <summary>Memory goes to something that is never found again, such as an answer's tokens.</summary>
    public void Displace(int blocks) => _units += (long)blocks * UnitsPerBlock;
}
