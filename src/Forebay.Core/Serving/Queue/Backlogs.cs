using System.Numerics;

namespace Forebay.Core.Serving.Queue;

/// <summary>
/// The tenants of one class that have requests waiting, by how many: in buckets of powers of two, so that the longest
/// backlog within a factor of two and what stands before a newcomer cost the same however many wait.
/// </summary>
internal sealed class Backlogs
{
    private const int Buckets = 32;

    private readonly Backlog?[] _first = new Backlog?[Buckets];
    private readonly int[] _tenants = new int[Buckets];
    private readonly long[] _waiting = new long[Buckets];
    private readonly double[] _weights = new double[Buckets];

    public int Waiting { get; private set; }

    /// <summary>A backlog at least half as long as the longest; null when nothing waits.</summary>
    public Backlog? Longest
    {
        get
        {
            for (int b = Buckets - 1; b >= 0; b--)
            {
                if (_first[b] is { } backlog)
                {
                    return backlog;
                }
            }

            return null;
        }
    }

    public void Change(Backlog backlog, int by)
    {
        int before = backlog.Waiting;
        backlog.Waiting += by;
        Waiting += by;
        int from = before == 0 ? -1 : BitOperations.Log2((uint)before);
        int to = backlog.Waiting == 0 ? -1 : BitOperations.Log2((uint)backlog.Waiting);
        if (from >= 0)
        {
            _waiting[from] -= before;
        }

        if (to >= 0)
        {
            _waiting[to] += backlog.Waiting;
        }

        if (from != to)
        {
            Move(backlog, from, to);
        }
    }

    /// <summary>
    /// How many requests of others are served before the k-th of a tenant, if each gets an equal share by weight:
    /// sum over the others of min(waiting, k times the ratio of weights), with the means of each bucket.
    /// </summary>
    /// <param name="k">Which request of the tenant.</param>
    /// <param name="own">The tenant's own backlog, left out; null when it has none.</param>
    /// <param name="weight">The tenant's weight.</param>
    public double AheadOf(double k, Backlog? own, double weight)
    {
        int mine = own is { Waiting: > 0 } ? BitOperations.Log2((uint)own.Waiting) : -1;
        double ahead = 0;
        for (int b = 0; b < Buckets; b++)
        {
            int tenants = _tenants[b] - (b == mine ? 1 : 0);
            if (tenants > 0)
            {
                double waiting = _waiting[b] - (b == mine ? own!.Waiting : 0);
                double weights = Math.Max(0, _weights[b] - (b == mine ? own!.ListedWeight : 0));
                ahead += Math.Min(waiting, k * weights / weight);
            }
        }

        return ahead;
    }

    private void Move(Backlog backlog, int from, int to)
    {
        if (from >= 0)
        {
            Unlink(backlog, from);
            _tenants[from]--;
            _weights[from] = _tenants[from] == 0 ? 0 : _weights[from] - backlog.ListedWeight;
        }

        if (to >= 0)
        {
            backlog.ListedWeight = backlog.Counter.Weight;
            backlog.Previous = null;
            backlog.Next = _first[to];
            if (_first[to] is { } next)
            {
                next.Previous = backlog;
            }

            _first[to] = backlog;
            _tenants[to]++;
            _weights[to] += backlog.ListedWeight;
        }
    }

    private void Unlink(Backlog backlog, int bucket)
    {
        if (backlog.Previous is { } previous)
        {
            previous.Next = backlog.Next;
        }
        else
        {
            _first[bucket] = backlog.Next;
        }

        if (backlog.Next is { } next)
        {
            next.Previous = backlog.Previous;
        }

        backlog.Previous = backlog.Next = null;
    }
}
