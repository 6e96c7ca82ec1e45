namespace Forebay.Core.Serving.Engine;

/// <summary>
/// Which prompt blocks are in KV memory, by chained hash. A block is held by the requests that use it; when none does
/// it stays reusable until its memory is wanted, least recently used first and a chain's tail before its head. Every
/// operation is O(1); an entry costs about 60 bytes.
/// </summary>
internal sealed class PrefixCache
{
    private const int None = -1;

    private readonly Dictionary<ulong, int> _index = [];
    private Entry[] _entries = new Entry[64];
    private int _free = None;
    private int _made;
    private int _oldest = None;
    private int _newest = None;

    /// <summary>Blocks that some request holds.</summary>
    public int Held { get; private set; }

    /// <summary>Blocks that no request holds but whose content can be reused.</summary>
    public int Reusable { get; private set; }

    /// <summary>Whether a block is there, and whether some request holds it.</summary>
    public bool Contains(ulong hash, out bool held)
    {
        bool found = _index.TryGetValue(hash, out int at);
        held = found && _entries[at].Holders > 0;
        return found;
    }

    /// <summary>Holds a block, adding it if it is not there.</summary>
    /// <returns>True when it was there already.</returns>
    public bool Hold(ulong hash)
    {
        if (_index.TryGetValue(hash, out int at))
        {
            ref Entry entry = ref _entries[at];
            if (entry.Holders++ == 0)
            {
                Unlink(at);
                Reusable--;
                Held++;
            }

            return true;
        }

        at = Take();
        _entries[at] = new Entry { Hash = hash, Holders = 1, Older = None, Newer = None };
        _index.Add(hash, at);
        Held++;
        return false;
    }

    /// <summary>Lets go of a block; without holders it becomes reusable, as the most recently used.</summary>
    /// <returns>True when nobody holds it any more.</returns>
    public bool Release(ulong hash)
    {
        int at = _index[hash];
        ref Entry entry = ref _entries[at];
        if (--entry.Holders > 0)
        {
            return false;
        }

        entry.Older = _newest;
        entry.Newer = None;
        if (_newest != None)
        {
            _entries[_newest].Newer = at;
        }

        _newest = at;
        _oldest = _oldest == None ? at : _oldest;
        Held--;
        Reusable++;
        return true;
    }

    /// <summary>Forgets least recently used blocks until at most <paramref name="limit"/> are reusable.</summary>
    public void Shrink(int limit)
    {
        while (Reusable > limit)
        {
            int at = _oldest;
            Unlink(at);
            _index.Remove(_entries[at].Hash);
            _entries[at].Newer = _free;
            _free = at;
            Reusable--;
        }
    }

    private int Take()
    {
        if (_free != None)
        {
            int at = _free;
            _free = _entries[at].Newer;
            return at;
        }

        if (_made == _entries.Length)
        {
            Array.Resize(ref _entries, _entries.Length * 2);
        }

        return _made++;
    }

    private void Unlink(int at)
    {
        (int older, int newer) = (_entries[at].Older, _entries[at].Newer);
        if (older == None)
        {
            _oldest = newer;
        }
        else
        {
            _entries[older].Newer = newer;
        }

        if (newer == None)
        {
            _newest = older;
        }
        else
        {
            _entries[newer].Older = older;
        }
    }

    private struct Entry
    {
        public ulong Hash;
        public int Holders;
        public int Older;
        public int Newer;
    }
}
