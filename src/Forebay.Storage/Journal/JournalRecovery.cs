namespace Forebay.Storage.Journal;

/// <summary>Where the journal of a process that is gone ends.</summary>
/// <param name="Position">The end of its last whole frame.</param>
/// <param name="TornBytes">Bytes behind it that a killed process or a power cut left half written.</param>
/// <param name="Damage">What is wrong besides.</param>
internal sealed record JournalEnd(JournalPosition Position, long TornBytes, IReadOnlyList<JournalDamage> Damage);

/// <summary>Finds the end of the journal at start.</summary>
internal static class JournalRecovery
{
    /// <summary>
    /// The end is behind the last whole frame of the last segment, and on disk when this returns. What is torn there
    /// stays in the file and counts for nothing: the next segment's header says where this one ends.
    /// </summary>
    /// <param name="folder">Where segments lie.</param>
    /// <param name="folded">How far the ledger is.</param>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static JournalEnd FindEnd(JournalFolder folder, JournalPosition folded)
    {
        folder.RemoveTemporaries();
        long last = folder.Segments().LastOrDefault();
        if (last == 0 || last < folded.Segment)
        {
            return new JournalEnd(folded, 0, []);
        }

        folder.Flush(last);
        long from = last == folded.Segment ? folded.Offset : JournalFormat.HeaderBytes;
        long bytes = new FileInfo(folder.FileOf(last)).Length;
        if (last == folded.Segment && bytes < from)
        {
            var missing = new JournalDamage(JournalFormat.FileName(last), bytes, from - bytes,
                "cut off behind the ledger's position: its requests are counted, but cannot be listed one by one");
            return new JournalEnd(folded, 0, [missing]);
        }

        using var reader = new SegmentReader(folder, last, from, null, new TextPool());
        while (reader.TryRead(out _))
        {
            // Only the end is wanted here; the fold reads the records.
        }

        return new JournalEnd(new JournalPosition(last, reader.Offset), reader.TornBytes, []);
    }
}
