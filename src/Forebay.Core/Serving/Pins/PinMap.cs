using Forebay.Core.Fleet;

namespace Forebay.Core.Serving;

/// <summary>
/// Which account issued a signature or a piece of server-side state, for the most recently used ones: bounded in number
/// and so in bytes, least recently used out first, each forgotten after a time without use. Accounts are kept by what
/// they are, not by where they stand in a snapshot. Safe for concurrent callers; O(1) per call, under the lock of one
/// of sixteen shards.
/// </summary>
/// <remarks>Nothing is allocated but to grow. It is lost with the process: a conversation from before then goes on
/// where only one account serves the model, and is told so where several do.</remarks>
public sealed class PinMap
{
    private const int ShardCount = 16;

    private readonly Shard[] _shards;

    public PinMap()
    {
        _shards = new Shard[ShardCount];
        for (int i = 0; i < ShardCount; i++)
        {
            _shards[i] = new Shard();
        }
    }

    /// <summary>Entries held.</summary>
    public int Count => _shards.Sum(s => s.Count);

    /// <summary>Remembers who issued something, as used now.</summary>
    /// <param name="key">What.</param>
    /// <param name="account">Who.</param>
    /// <param name="nowMonotonicNs">The present.</param>
    /// <param name="maxEntries">Most entries in all; each of the sixteen shards holds at most its part, rounded up.
    /// </param>
    public void Add(PinKey key, Account account, long nowMonotonicNs, int maxEntries) =>
        ShardOf(key).Add(key.Hash, account, nowMonotonicNs, (maxEntries + ShardCount - 1) / ShardCount);

    /// <summary>Who issued something, which counts as using it; null where that is not known (any more).</summary>
    /// <param name="key">What.</param>
    /// <param name="nowMonotonicNs">The present.</param>
    /// <param name="timeToLiveNs">How long an entry lives without being used.</param>
    public Account? Find(PinKey key, long nowMonotonicNs, long timeToLiveNs) =>
        ShardOf(key).Find(key.Hash, nowMonotonicNs, timeToLiveNs);

    private Shard ShardOf(PinKey key) => _shards[(int)(key.Hash & (ShardCount - 1))];

    /// <summary>A hash table into an array whose entries are linked in order of use.</summary>
    private sealed class Shard
    {
        private const int None = -1;
        private readonly Lock _lock = new();
        private readonly Dictionary<UInt128, int> _index = [];
        private Entry[] _entries = [];
        private int _newest = None;
        private int _oldest = None;
        private int _free = None;
        private int _used;

        public int Count
        {
            get
            {
                lock (_lock)
                {
                    return _index.Count;
                }
            }
        }

        public void Add(UInt128 key, Account account, long now, int max)
        {
            lock (_lock)
            {
                if (_index.TryGetValue(key, out int at))
                {
                    Unlink(at);
                }
                else
                {
                    while (_index.Count >= Math.Max(1, max))
                    {
                        Remove(_oldest);
                    }

                    if (max == 0)
                    {
                        return;
                    }

                    at = Take();
                    _index.Add(key, at);
                }

                _entries[at].Key = key;
                _entries[at].Account = account;
                _entries[at].UsedNs = now;
                LinkNewest(at);
            }
        }

        public Account? Find(UInt128 key, long now, long timeToLive)
        {
            lock (_lock)
            {
                // The oldest go by themselves: an entry that nobody asks for again does not stay for ever.
                while (_oldest != None && now - _entries[_oldest].UsedNs > timeToLive)
                {
                    Remove(_oldest);
                }

                if (!_index.TryGetValue(key, out int at))
                {
                    return null;
                }

                Unlink(at);
                _entries[at].UsedNs = now;
                LinkNewest(at);
                return _entries[at].Account;
            }
        }

        private int Take()
        {
            if (_free != None)
            {
                int at = _free;
                _free = _entries[at].Older;
                return at;
            }

            if (_used == _entries.Length)
            {
                Array.Resize(ref _entries, Math.Max(16, _entries.Length * 2));
            }

            return _used++;
        }

        private void Remove(int at)
        {
            Unlink(at);
            _index.Remove(_entries[at].Key);
            _entries[at] = new Entry { Older = _free };
            _free = at;
        }

        private void Unlink(int at)
        {
            (int older, int newer) = (_entries[at].Older, _entries[at].Newer);
            if (newer == None)
            {
                _newest = older;
            }
            else
            {
                _entries[newer].Older = older;
            }

            if (older == None)
            {
                _oldest = newer;
            }
            else
            {
                _entries[older].Newer = newer;
            }
        }

        private void LinkNewest(int at)
        {
            _entries[at].Newer = None;
            _entries[at].Older = _newest;
            if (_newest != None)
            {
                _entries[_newest].Newer = at;
            }

            _newest = at;
            _oldest = _oldest == None ? at : _oldest;
        }

        private struct Entry
        {
            public UInt128 Key;
            public Account Account;
            public long UsedNs;
            public int Older;
            public int Newer;
        }
    }
}
