using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Transfers;

/// <summary>A file in a site's cache.</summary>
/// <param name="Sha256">Its name.</param>
/// <param name="SizeBytes">Its size; what a transfer under way will take counts whole from its beginning.</param>
/// <param name="UsedUnixMs">When a replica last wanted it.</param>
/// <param name="InUse">Whether a replica has it now, or it is being fetched: it is never evicted then.</param>
public readonly record struct CachedWeights(string Sha256, long SizeBytes, long UsedUnixMs, bool InUse);

/// <summary>What to evict for a file to come, or why it does not fit.</summary>
/// <param name="Evict">Names to remove, the least recently used first.</param>
/// <param name="Problem">Why it cannot be made to fit; null when it can.</param>
public readonly record struct EvictionPlan(ImmutableArray<string> Evict, string? Problem);

/// <summary>A site's cache of weights is bounded; what nobody has used for longest goes first.</summary>
public static class WeightsCache
{
    /// <summary>Makes room for a file. O(n log n) in the files cached.</summary>
    /// <param name="cached">What is there, without the file to come.</param>
    /// <param name="neededBytes">Size of the file to come.</param>
    /// <param name="capacityBytes">Size of the cache.</param>
    public static EvictionPlan MakeRoom(IReadOnlyList<CachedWeights> cached, long neededBytes, long capacityBytes)
    {
        long used = cached.Sum(c => c.SizeBytes);
        long over = used + neededBytes - capacityBytes;
        if (over <= 0)
        {
            return new EvictionPlan([], null);
        }

        ImmutableArray<string>.Builder evict = ImmutableArray.CreateBuilder<string>();
        foreach (CachedWeights file in cached.Where(c => !c.InUse).OrderBy(c => c.UsedUnixMs).ThenBy(c => c.Sha256))
        {
            evict.Add(file.Sha256);
            over -= file.SizeBytes;
            if (over <= 0)
            {
                return new EvictionPlan(evict.ToImmutable(), null);
            }
        }

        long held = cached.Where(c => c.InUse).Sum(c => c.SizeBytes);
        return new EvictionPlan([], $"The weights take {neededBytes} bytes and the cache holds {capacityBytes}, of "
            + $"which {held} are in use. Enlarge the cache, or place the model elsewhere.");
    }
}
