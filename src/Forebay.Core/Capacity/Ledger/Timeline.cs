namespace Forebay.Core.Capacity.Ledger;

/// <summary>
/// A quantity over time kept as its changes, in a persistent search tree: adding a change gives a new timeline and
/// leaves the old as it is. Each node knows the sum of its subtree and the least sum on the way through it, so that a
/// value, a minimum over a span and the first time below a bound each cost O(log n) in the changes. The tree is a treap
/// whose priorities are a hash of the time: the same changes give the same tree, whatever order they came in.
/// </summary>
public sealed class Timeline
{
    private readonly Node? _root;

    private Timeline(Node? root) => _root = root;

    public static Timeline Zero { get; } = new(null);

    /// <summary>The least value over all time; 0 for one that never changes.</summary>
    public long Least => _root is null ? 0 : Math.Min(0, _root.MinPrefix);

    /// <summary>From changes in any order; those at one time are summed. Cost: a sort.</summary>
    public static Timeline Of(IEnumerable<(long AtUnixMs, long Delta)> changes)
    {
        (long At, long Delta)[] sorted =
        [
            .. changes.GroupBy(c => c.AtUnixMs)
                .Select(g => (g.Key, Delta: g.Aggregate(0L, static (sum, c) => checked(sum + c.Delta))))
                .Where(c => c.Delta != 0)
                .OrderBy(c => c.Key),
        ];
        return new Timeline(Build(sorted));
    }

    /// <summary>The timeline with a quantity added from one time to another; <see cref="long.MaxValue"/> for good.
    /// </summary>
    public Timeline Plus(long fromUnixMs, long toUnixMs, long quantity)
    {
        if (quantity == 0 || fromUnixMs >= toUnixMs)
        {
            return this;
        }

        Node? root = Insert(_root, fromUnixMs, quantity);
        return new Timeline(toUnixMs == long.MaxValue ? root : Insert(root, toUnixMs, -quantity));
    }

    /// <summary>The value at a time.</summary>
    public long At(long atUnixMs)
    {
        long sum = 0;
        for (Node? node = _root; node is not null;)
        {
            if (node.Key <= atUnixMs)
            {
                sum += (node.Left?.Sum ?? 0) + node.Delta;
                node = node.Right;
            }
            else
            {
                node = node.Left;
            }
        }

        return sum;
    }

    /// <summary>The least value from one time, inclusive, to another, exclusive.</summary>
    public long Min(long fromUnixMs, long toUnixMs)
    {
        long at = At(fromUnixMs);
        return Math.Min(at, MinBetween(_root, fromUnixMs, toUnixMs, 0));
    }

    /// <summary>The first time in a span at which the value is below a bound; null if it nowhere is.</summary>
    public long? FirstBelow(long fromUnixMs, long toUnixMs, long bound) =>
        At(fromUnixMs) < bound ? fromUnixMs : FirstBelow(_root, fromUnixMs, toUnixMs, bound, 0);

    /// <summary>The next time after one at which the value changes; null for never again.</summary>
    public long? NextChange(long afterUnixMs)
    {
        long? next = null;
        for (Node? node = _root; node is not null;)
        {
            if (node.Key > afterUnixMs)
            {
                next = node.Key;
                node = node.Left;
            }
            else
            {
                node = node.Right;
            }
        }

        return next;
    }

    private static Node? Build(ReadOnlySpan<(long At, long Delta)> sorted)
    {
        if (sorted.Length <= 1)
        {
            return sorted.Length == 0 ? null : new Node(sorted[0].At, sorted[0].Delta, null, null);
        }

        int middle = sorted.Length / 2;
        return Merge(Build(sorted[..middle]), Build(sorted[middle..]));
    }

    private static Node? Insert(Node? node, long key, long delta)
    {
        if (node is null)
        {
            return new Node(key, delta, null, null);
        }

        if (key == node.Key)
        {
            long sum = checked(node.Delta + delta);
            return sum == 0 ? Merge(node.Left, node.Right) : new Node(key, sum, node.Left, node.Right);
        }

        if (key < node.Key)
        {
            Node? left = Insert(node.Left, key, delta);
            return left is not null && left.Priority > node.Priority
                ? new Node(left.Key, left.Delta, left.Left, new Node(node.Key, node.Delta, left.Right, node.Right))
                : new Node(node.Key, node.Delta, left, node.Right);
        }

        Node? right = Insert(node.Right, key, delta);
        return right is not null && right.Priority > node.Priority
            ? new Node(right.Key, right.Delta, new Node(node.Key, node.Delta, node.Left, right.Left), right.Right)
            : new Node(node.Key, node.Delta, node.Left, right);
    }

    private static Node? Merge(Node? left, Node? right) =>
        left is null ? right
        : right is null ? left
        : left.Priority > right.Priority
            ? new Node(left.Key, left.Delta, left.Left, Merge(left.Right, right))
            : new Node(right.Key, right.Delta, Merge(left, right.Left), right.Right);

    /// <summary>The least prefix over changes after one time and before another. Whole subtrees inside the span are
    /// answered by their own minimum.</summary>
    private static long MinBetween(Node? node, long after, long before, long sum)
    {
        if (node is null)
        {
            return long.MaxValue;
        }

        if (after == long.MinValue && before == long.MaxValue)
        {
            return sum + node.MinPrefix;
        }

        long own = sum + (node.Left?.Sum ?? 0) + node.Delta;
        if (node.Key <= after)
        {
            return MinBetween(node.Right, after, before, own);
        }

        if (node.Key >= before)
        {
            return MinBetween(node.Left, after, before, sum);
        }

        long left = MinBetween(node.Left, after, long.MaxValue, sum);
        long right = MinBetween(node.Right, long.MinValue, before, own);
        return Math.Min(own, Math.Min(left, right));
    }

    private static long? FirstBelow(Node? node, long after, long before, long bound, long sum)
    {
        if (node is null || sum + node.MinPrefix >= bound)
        {
            return null;
        }

        long own = sum + (node.Left?.Sum ?? 0) + node.Delta;
        if (node.Key > after && FirstBelow(node.Left, after, before, bound, sum) is { } left)
        {
            return left;
        }

        return node.Key > after && node.Key < before && own < bound ? node.Key
            : node.Key < before ? FirstBelow(node.Right, after, before, bound, own)
            : null;
    }

    private sealed class Node
    {
        public Node(long key, long delta, Node? left, Node? right)
        {
            Key = key;
            Delta = delta;
            Left = left;
            Right = right;
            long own = (left?.Sum ?? 0) + delta;
            Sum = own + (right?.Sum ?? 0);
            MinPrefix = Math.Min(
                left?.MinPrefix ?? long.MaxValue, right is null ? own : Math.Min(own, own + right.MinPrefix));
        }

        public long Key { get; }

        public long Delta { get; }

        public Node? Left { get; }

        public Node? Right { get; }

        public long Sum { get; }

        public long MinPrefix { get; }

        /// <summary>splitmix64 of the time: one to one, so no two nodes tie.</summary>
        public ulong Priority
        {
            get
            {
                ulong z = (ulong)Key + 0x9E3779B97F4A7C15;
                z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
                z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
                return z ^ (z >> 31);
            }
        }
    }
}
