using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>
/// When a window of usage began and ends, in wall time. It ends when the wall clock reaches its end; should the clock
/// be set back meanwhile, a sixteenth more than its length on the monotonic clock ends it too, so that a clock that was
/// wrong for a moment locks nobody out for long. A clock going back never ends it, so nothing is granted twice.
/// </summary>
internal struct UsageWindow
{
    private const long LongestMonthMs = 31L * 24 * 3_600_000;

    public long StartMs;
    public long EndMs;

    /// <summary>Counts windows, so that a reservation knows whether its window is still the present one.</summary>
    public int Number;

    private long _enteredNs;
    private long _longestNs;

    public readonly bool IsOpen => EndMs > StartMs;

    /// <summary>Whether it is over, or was never entered.</summary>
    public readonly bool IsOver(Instant now) =>
        now.WallUnixMs >= EndMs || now.MonotonicNs - _enteredNs >= _longestNs;

    public readonly bool Is(int number) => IsOpen && Number == number;

    /// <summary>Opens a five-hour window at the minute of a moment: the ledger knows minutes, and the window must be
    /// the same after a restart.</summary>
    public void OpenFiveHours(long wallMs, long nowNs)
    {
        long start = WindowCalendar.MinuteOf(wallMs);
        Enter(start, start + WindowCalendar.FiveHoursMs, WindowCalendar.FiveHoursMs, nowNs);
    }

    public void Close() => (StartMs, EndMs) = (0, 0);

    /// <summary>Enters the week that holds a moment; false when that is the one it was in already.</summary>
    public bool EnterWeek(int startsAtHourOfWeek, Instant now)
    {
        (long start, long end) = WindowCalendar.WeekOf(now.WallUnixMs, startsAtHourOfWeek);
        return EnterIfOther(start, end, WindowCalendar.WeekMs, now.MonotonicNs);
    }

    /// <summary>Takes another start of the week; it is the same window, and its time goes on.</summary>
    public void MoveWeek(int startsAtHourOfWeek, Instant now) =>
        (StartMs, EndMs) = WindowCalendar.WeekOf(now.WallUnixMs, startsAtHourOfWeek);

    /// <summary>Enters the calendar month that holds a moment; false when that is the one it was in already.</summary>
    public bool EnterMonth(Instant now)
    {
        (long start, long end) = WindowCalendar.MonthOf(now.WallUnixMs);
        return EnterIfOther(start, end, LongestMonthMs, now.MonotonicNs);
    }

    private bool EnterIfOther(long start, long end, long longestMs, long nowNs)
    {
        bool other = start != StartMs || end != EndMs;
        int number = Number;
        Enter(start, end, longestMs, nowNs);
        Number = other ? Number : number;
        return other;
    }

    private void Enter(long start, long end, long longestMs, long nowNs)
    {
        (StartMs, EndMs) = (start, end);
        Number++;
        _enteredNs = nowNs;
        _longestNs = (longestMs + longestMs / 16) * Instant.NsPerMs;
    }
}

/// <summary>What was used in a window, in every unit: a reload may change which one is limited.</summary>
internal struct WindowSums
{
    public long Requests;
    public long Tokens;
    public long Micros;

    public readonly long In(WindowUnit unit) => unit switch
    {
        WindowUnit.Requests => Requests,
        WindowUnit.Tokens => Tokens,
        _ => Micros,
    };

    public void Add(long requests, long tokens, long micros)
    {
        Requests = Math.Max(0, Requests + requests);
        Tokens = Math.Max(0, Tokens + tokens);
        Micros = Math.Max(0, Micros + micros);
    }
}
