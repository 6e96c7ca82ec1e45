namespace Forebay.Gateway.Bodies;

/// <summary>
/// One budget for everything that requests make the gateway hold: bodies and relay buffers. Taking is one atomic add;
/// what does not fit is refused, so memory stays bounded whatever clients send.
/// </summary>
public sealed class MemoryBudget
{
    private long _used;

    /// <summary>Bytes taken now.</summary>
    public long UsedBytes => Volatile.Read(ref _used);

    /// <summary>Takes bytes if they fit below the limit in force.</summary>
    public bool TryTake(long bytes, long limitBytes)
    {
        if (Interlocked.Add(ref _used, bytes) <= limitBytes)
        {
            return true;
        }

        Interlocked.Add(ref _used, -bytes);
        return false;
    }

    /// <summary>Gives bytes back.</summary>
    public void Return(long bytes)
    {
        if (Interlocked.Add(ref _used, -bytes) < 0)
        {
            throw new InvalidOperationException("More request memory was given back than taken.");
        }
    }
}
