namespace Forebay.Core.Serving.Routing;

/// <summary>What routing keeps about all deployments together, by their numbers: cells, cache clocks and the prefix
/// index. Survives reloads; grows with the number of deployments ever seen.</summary>
public sealed class RoutingMemory
{
    /// <summary>Tokens of a prompt block.</summary>
    public const int TokensPerBlock = 16;

    private readonly Lock _lock = new();
    private RouteCell[] _cells = new RouteCell[64];
    private CacheClock[] _clocks = new CacheClock[64];
    private PrefixIndex? _index;
    private int _count;

    public RouteCell[] Cells => Volatile.Read(ref _cells);

    public CacheClock[] Clocks => Volatile.Read(ref _clocks);

    /// <summary>The prefix index; made when it is first used.</summary>
    public PrefixIndex Index(int blocks)
    {
        PrefixIndex? index = Volatile.Read(ref _index);
        if (index is not null)
        {
            return index;
        }

        lock (_lock)
        {
            return _index ??= new PrefixIndex(blocks);
        }
    }

    /// <summary>What the cache-aware policy keeps in place of the index; empty under any other.</summary>
    public PrefixTrees Trees { get; } = new();

    /// <summary>Makes the state of a deployment that is new.</summary>
    public RouteLoad Add(SpeedPrior prior, DeploymentState state)
    {
        lock (_lock)
        {
            int number = _count++;
            if (number >= _cells.Length)
            {
                // Whoever writes into the old arrays meanwhile is not heard; the next write is.
                RouteCell[] cells = _cells;
                CacheClock[] clocks = _clocks;
                Array.Resize(ref cells, 2 * cells.Length);
                Array.Resize(ref clocks, 2 * clocks.Length);
                Volatile.Write(ref _clocks, clocks);
                Volatile.Write(ref _cells, cells);
            }

            return new RouteLoad(this, number, prior, state);
        }
    }
}
