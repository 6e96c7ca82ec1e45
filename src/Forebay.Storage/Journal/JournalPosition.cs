namespace Forebay.Storage.Journal;

/// <summary>A place between two frames of the journal.</summary>
/// <param name="Segment">Number of the segment; 0 is before the first.</param>
/// <param name="Offset">Bytes from the segment's start.</param>
internal readonly record struct JournalPosition(long Segment, long Offset) : IComparable<JournalPosition>
{
    public int CompareTo(JournalPosition other) =>
        Segment != other.Segment ? Segment.CompareTo(other.Segment) : Offset.CompareTo(other.Offset);

    public static bool operator <(JournalPosition a, JournalPosition b) => a.CompareTo(b) < 0;

    public static bool operator >(JournalPosition a, JournalPosition b) => a.CompareTo(b) > 0;

    public static bool operator <=(JournalPosition a, JournalPosition b) => a.CompareTo(b) <= 0;

    public static bool operator >=(JournalPosition a, JournalPosition b) => a.CompareTo(b) >= 0;
}

/// <summary>Bytes of the journal that could not be read.</summary>
/// <param name="File">The segment's file name.</param>
/// <param name="Offset">Where the damage starts, in bytes.</param>
/// <param name="Bytes">How much was skipped.</param>
/// <param name="Cause">What is wrong there.</param>
public sealed record JournalDamage(string File, long Offset, long Bytes, string Cause);
