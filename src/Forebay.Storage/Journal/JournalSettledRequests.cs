using Forebay.Core.Batches;
using Forebay.Core.Usage;

namespace Forebay.Storage.Journal;

/// <summary>Looks requests up in the journal: one pass over the segments that were written to since a time. Called
/// after a process died with items of batches under way, and never else.</summary>
internal sealed class JournalSettledRequests(JournalFolder segments, Func<JournalPosition> synced) : ISettledRequests
{
    public async Task<IReadOnlySet<UInt128>> CompletedAsync(
        IReadOnlySet<UInt128> requests, long sinceUnixMs, CancellationToken cancel)
    {
        var completed = new HashSet<UInt128>();
        if (requests.Count == 0)
        {
            return completed;
        }

        JournalPosition end = await Task.Run(synced, cancel).ConfigureAwait(false);
        DateTime since = DateTimeOffset.FromUnixTimeMilliseconds(sinceUnixMs).UtcDateTime;
        long first = Array.Find(segments.Segments(), s => File.GetLastWriteTimeUtc(segments.FileOf(s)) >= since);
        if (first == 0)
        {
            return completed;
        }

        using var reader = new JournalReader(segments, new JournalPosition(first, 0), end, new TextPool());
        while (reader.TryRead(out JournalRecord record))
        {
            cancel.ThrowIfCancellationRequested();
            if (record.Settle is { Outcome: UsageOutcome.Completed } settle && requests.Contains(settle.RequestId))
            {
                completed.Add(settle.RequestId);
            }
        }

        return completed;
    }
}
