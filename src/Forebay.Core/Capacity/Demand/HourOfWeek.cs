namespace Forebay.Core.Capacity.Demand;

/// <summary>Hours counted since 1970, and their place in the week: 168 of them, hour 0 is Monday 00:00 UTC.</summary>
public static class HourOfWeek
{
    public const int Count = 168;

    private const long MsPerHour = 3_600_000;

    /// <summary>1 January 1970 was a Thursday.</summary>
    private const int EpochHour = 72;

    /// <summary>The hour since 1970 that a wall time falls in.</summary>
    public static long HourAt(long wallUnixMs) => (long)Math.Floor((double)wallUnixMs / MsPerHour);

    /// <summary>Wall time at which an hour begins.</summary>
    public static long StartOf(long hour) => hour * MsPerHour;

    /// <summary>The place of an hour in its week, 0 to 167.</summary>
    public static int Of(long hour) => (int)(((hour + EpochHour) % Count + Count) % Count);
}
