using Forebay.Storage.Journal;
using Microsoft.Extensions.Logging;

namespace Forebay.Storage.Usage;

/// <summary>
/// Keeps folded segments for per-request export until they are too old or too many bytes, the oldest going first. The
/// ledger's position is durable before it is read here, so no segment is removed that a fold might need again.
/// </summary>
internal sealed class SegmentRetention(
    JournalFolder folder, TimeSpan keepFor, long keepBytes, TimeProvider time, ILogger logger)
{
    private long _checkedSegment;
    private DateTimeOffset _checkedAt;

    /// <summary>Looks when a segment was finished since the last time, and every minute.</summary>
    public async Task RemoveAsync(UsageFolder usage, CancellationToken cancel)
    {
        using (await usage.PauseAsync(cancel).ConfigureAwait(false))
        {
            JournalPosition folded = await usage.PositionAsync(cancel).ConfigureAwait(false);
            DateTimeOffset now = time.GetUtcNow();
            if (folded.Segment == _checkedSegment && now - _checkedAt < TimeSpan.FromMinutes(1))
            {
                return;
            }

            _checkedSegment = folded.Segment;
            _checkedAt = now;
            RemoveBefore(folded.Segment, now);
        }
    }

    private void RemoveBefore(long segment, DateTimeOffset now)
    {
        long bytes = 0;
        foreach (long number in folder.Segments().Reverse())
        {
            var file = new FileInfo(folder.FileOf(number));
            bytes += file.Length;
            if (number < segment && (bytes > keepBytes || now - file.LastWriteTimeUtc > keepFor))
            {
                file.Delete();
                StorageLog.SegmentRemoved(logger, file.Name);
            }
        }
    }
}
