namespace Forebay.Core.Limits;

/// <summary>When weeks and months begin and end (UTC). Moments are milliseconds since 1970; those before it or after
/// the year 9998 come from a clock that is wrong and count as the nearest that is not.</summary>
public static class WindowCalendar
{
    public const long FiveHoursMs = 5 * HourMs;
    public const long WeekMs = 7 * 24 * HourMs;

    private const long HourMs = 3_600_000;
    private const long MinuteMs = 60_000;

    /// <summary>1970-01-04, the first Sunday.</summary>
    private const long FirstSundayMs = 3 * 24 * HourMs;

    /// <summary>9999-01-01.</summary>
    private const long LatestMs = 253_370_764_800_000;

    /// <summary>The start of the minute that holds a moment.</summary>
    public static long MinuteOf(long wallMs) => Floor(Sane(wallMs), MinuteMs, 0);

    /// <summary>The week that holds a moment, which begins at an hour counted from Sunday 00:00.</summary>
    public static (long StartMs, long EndMs) WeekOf(long wallMs, int startsAtHourOfWeek)
    {
        long start = Floor(Sane(wallMs), WeekMs, FirstSundayMs + startsAtHourOfWeek * HourMs);
        return (start, start + WeekMs);
    }

    /// <summary>The calendar month that holds a moment.</summary>
    public static (long StartMs, long EndMs) MonthOf(long wallMs)
    {
        DateTimeOffset at = DateTimeOffset.FromUnixTimeMilliseconds(Sane(wallMs));
        var start = new DateTimeOffset(at.Year, at.Month, 1, 0, 0, 0, TimeSpan.Zero);
        return (start.ToUnixTimeMilliseconds(), start.AddMonths(1).ToUnixTimeMilliseconds());
    }

    private static long Sane(long wallMs) => Math.Clamp(wallMs, 0, LatestMs - 1);

    private static long Floor(long ms, long length, long anchor)
    {
        long since = (ms - anchor) % length;
        return ms - (since < 0 ? since + length : since);
    }
}
