namespace Forebay.Core.Serving.Queue;

/// <summary>One priority class: who has something waiting, everything that waits by age, and what became of it.
/// </summary>
internal sealed class QueueLine
{
    private QueueEntry? _youngest;
    private long _granted;

    public Backlogs Backlogs { get; } = new();

    public QueueEntry? Oldest { get; private set; }

    /// <summary>The tenant that was last let in: the level that a tenant returns to where nobody waits.</summary>
    public ServiceCounter? Last;

    public long Granted => Volatile.Read(ref _granted);

    public long Shed { get; set; }

    public long Displaced { get; set; }

    public long Expired { get; set; }

    public void CountGrant() => Interlocked.Increment(ref _granted);

    /// <summary>Newcomers at the end; who comes back with an age at the front, so nearly by age.</summary>
    public void Add(QueueEntry entry, bool returned)
    {
        if (Oldest is null)
        {
            Oldest = _youngest = entry;
        }
        else if (returned)
        {
            entry.Younger = Oldest;
            Oldest.Older = entry;
            Oldest = entry;
        }
        else
        {
            entry.Older = _youngest;
            _youngest!.Younger = entry;
            _youngest = entry;
        }
    }

    public void Remove(QueueEntry entry)
    {
        if (entry.Older is { } older)
        {
            older.Younger = entry.Younger;
        }
        else
        {
            Oldest = entry.Younger;
        }

        if (entry.Younger is { } younger)
        {
            younger.Older = entry.Older;
        }
        else
        {
            _youngest = entry.Older;
        }

        entry.Older = entry.Younger = null;
    }
}
