namespace Forebay.Core.Serving.Explain;

/// <summary>
/// The stories of requests, by id, as many as fit a bound of bytes: the oldest go first. Also who else's are kept, and
/// until when. Safe for concurrent callers; touched only by requests whose story is kept.
/// </summary>
public sealed class ExplainStore
{
    /// <summary>Most tenants watched at once.</summary>
    public const int MaxWatched = 1000;

    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, Explanation> _byId = [];
    private readonly Queue<Explanation> _order = new();
    private Dictionary<string, long> _watched = new(StringComparer.Ordinal);
    private long _bytes;

    /// <summary>What the stories take now, about.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _byId.Count;
            }
        }
    }

    /// <summary>Whether the story of a request is kept from its start, by chance or because its tenant is watched.
    /// Costs a comparison and, while anybody is watched, a lookup.</summary>
    /// <param name="requestId">Its random part decides.</param>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="share">Share kept by chance, 0 to 1.</param>
    /// <param name="nowNs">The present.</param>
    public ExplainCause? CauseFor(UInt128 requestId, string tenant, double share, long nowNs)
    {
        Dictionary<string, long> watched = Volatile.Read(ref _watched);
        return watched.Count > 0 && watched.TryGetValue(tenant, out long until) && nowNs < until ? ExplainCause.Tenant
            : (uint)requestId < share * uint.MaxValue ? ExplainCause.Sampled
            : null;
    }

    /// <summary>Keeps a story, and lets go of the oldest ones for it.</summary>
    public void Keep(Explanation story, long mostBytes)
    {
        lock (_lock)
        {
            if (story.Bytes > mostBytes || !_byId.TryAdd(story.RequestId, story))
            {
                return;
            }

            // Room first: whoever looks at the bytes never sees the bound passed.
            while (_bytes + story.Bytes > mostBytes)
            {
                Explanation oldest = _order.Dequeue();
                _byId.Remove(oldest.RequestId);
                Volatile.Write(ref _bytes, _bytes - oldest.Bytes);
            }

            _order.Enqueue(story);
            Volatile.Write(ref _bytes, _bytes + story.Bytes);
        }
    }

    public Explanation? Find(UInt128 requestId)
    {
        lock (_lock)
        {
            return _byId.GetValueOrDefault(requestId);
        }
    }

    /// <summary>The latest stories, newest first.</summary>
    public IReadOnlyList<Explanation> Latest(int most, string? tenant)
    {
        lock (_lock)
        {
            return [.. _order.Reverse().Where(e => tenant is null || e.Tenant == tenant).Take(most)];
        }
    }

    /// <summary>Keeps all stories of a tenant until a time; a past one ends it. False when too many are watched.
    /// </summary>
    public bool Watch(string tenant, long untilNs, long nowNs)
    {
        lock (_lock)
        {
            var next = new Dictionary<string, long>(
                _watched.Where(w => w.Value > nowNs && w.Key != tenant), StringComparer.Ordinal);
            if (untilNs > nowNs)
            {
                if (next.Count >= MaxWatched)
                {
                    return false;
                }

                next.Add(tenant, untilNs);
            }

            Volatile.Write(ref _watched, next);
            return true;
        }
    }
}
