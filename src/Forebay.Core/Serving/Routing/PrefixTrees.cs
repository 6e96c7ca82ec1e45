using System.Collections.Concurrent;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// What the cache-aware policy of SGLang's router keeps: for each deployment a tree of the prompts sent to it. Prompts
/// come as chained block hashes, and a chained hash names a whole path, so a tree is a set of hashes in order of use.
/// It is bounded for each deployment by itself and knows nothing of the size of the deployment's caches: that is the
/// policy's, not an oversight. About 60 bytes a block.
/// </summary>
/// <remarks>Safe for concurrent callers; one lock for each deployment.</remarks>
public sealed class PrefixTrees
{
    /// <summary>Blocks of 16 tokens in the 2^26 characters that SGLang's router allows a tree, at four a token.
    /// </summary>
    public const int DefaultBlocks = 1 << 20;

    private readonly ConcurrentDictionary<int, Tree> _trees = new();
    private readonly int _most;

    /// <param name="blocksPerDeployment">Blocks kept for each deployment; beyond it the least recently used go.</param>
    public PrefixTrees(int blocksPerDeployment = DefaultBlocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blocksPerDeployment);
        _most = blocksPerDeployment;
    }

    /// <summary>How many leading blocks of a prompt each deployment was sent before. O(deployments log blocks).</summary>
    /// <param name="prompt">Chained hashes of the prompt's blocks.</param>
    /// <param name="overlaps">Where the answer goes, by deployment number; cleared by the caller.</param>
    public void Match(ReadOnlySpan<ulong> prompt, OverlapMap overlaps)
    {
        ArgumentNullException.ThrowIfNull(overlaps);
        foreach ((int number, Tree tree) in _trees)
        {
            int matched;
            lock (tree)
            {
                matched = tree.Match(prompt);
            }

            if (matched > 0)
            {
                overlaps.Raise(number, matched);
            }
        }
    }

    /// <summary>Notes that a prompt was sent to a deployment. O(blocks).</summary>
    public void Insert(ReadOnlySpan<ulong> prompt, int number)
    {
        Tree tree = _trees.GetOrAdd(number, static _ => new Tree());
        lock (tree)
        {
            tree.Insert(prompt);
            tree.Shrink(_most);
        }
    }

    /// <summary>Blocks in a deployment's tree.</summary>
    public int SizeOf(int number) => _trees.TryGetValue(number, out Tree? tree) ? tree.Count : 0;

    /// <summary>A set of hashes in order of use, in which whoever is there has all that stand before it in its prompt.
    /// </summary>
    private sealed class Tree
    {
        private readonly Dictionary<ulong, LinkedListNode<ulong>> _nodes = [];
        private readonly LinkedList<ulong> _byUse = new();
        private int _count;

        public int Count => Volatile.Read(ref _count);

        /// <summary>Whatever holds a block holds those before it, so the last one held is found by halving.</summary>
        public int Match(ReadOnlySpan<ulong> prompt)
        {
            int held = 0;
            int end = prompt.Length;
            while (held < end)
            {
                int middle = (held + end + 1) / 2;
                if (_nodes.ContainsKey(prompt[middle - 1]))
                {
                    held = middle;
                }
                else
                {
                    end = middle - 1;
                }
            }

            return held;
        }

        /// <summary>Last block first, so that a prompt's end is older than its beginning and is forgotten before it.
        /// </summary>
        public void Insert(ReadOnlySpan<ulong> prompt)
        {
            for (int i = prompt.Length - 1; i >= 0; i--)
            {
                if (_nodes.TryGetValue(prompt[i], out LinkedListNode<ulong>? node))
                {
                    _byUse.Remove(node);
                    _byUse.AddFirst(node);
                }
                else
                {
                    _nodes.Add(prompt[i], _byUse.AddFirst(prompt[i]));
                }
            }
        }

        public void Shrink(int most)
        {
            while (_nodes.Count > most)
            {
                _nodes.Remove(_byUse.Last!.Value);
                _byUse.RemoveLast();
            }

            Volatile.Write(ref _count, _nodes.Count);
        }
    }
}
