using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Control.Limits;

/// <summary>
/// Rebuilds what tenants have used of their limits when a server starts: windows and spend from the ledger's sums, to
/// the token; buckets from the last minutes of the journal, event by event as they were; growth from both. The fleet
/// must be in force, the journal's open requests settled, and no request served yet.
/// </summary>
public static class LimitRebuild
{
    /// <summary>How far back the journal is read. A bucket remembers a minute, or longer where it was overdrawn; a
    /// request that took longer than this counts in windows and spend alone.</summary>
    public const int EventMinutes = 10;

    private const long MinuteMs = 60_000;
    private const long HourMs = 60 * MinuteMs;
    private const long DayMs = 24 * HourMs;

    /// <summary>Runs. Cost: linear in the sums of a month by day, of a week by hour, of five hours by minute, and in
    /// the journal of <see cref="EventMinutes"/>.</summary>
    public static async Task RunAsync(FleetState state, ILimitUsage usage, Instant now, CancellationToken cancel)
    {
        FleetModel fleet = state.Model;
        long wall = now.WallUnixMs;
        (long monthMs, _) = WindowCalendar.MonthOf(wall);
        IReadOnlyList<UsageSlice> days = await usage.ReadSumsAsync(UsageGrain.Day, monthMs, cancel)
            .ConfigureAwait(false);
        IReadOnlyList<UsageSlice> hours = await usage
            .ReadSumsAsync(UsageGrain.Hour, wall - 7 * DayMs - HourMs, cancel).ConfigureAwait(false);
        IReadOnlyList<UsageSlice> minutes = await usage
            .ReadSumsAsync(UsageGrain.Minute, wall - 5 * HourMs - MinuteMs, cancel).ConfigureAwait(false);
        IReadOnlyDictionary<string, long> opened = await usage
            .ReadOpeningsAsync(wall - 5 * HourMs - MinuteMs, cancel).ConfigureAwait(false);

        var windows = new Dictionary<string, (long WeekMs, long MonthMs, long? FiveHoursMs)>(StringComparer.Ordinal);
        foreach (string id in days.Concat(hours).Concat(minutes).Select(s => s.Tenant).Concat(opened.Keys).Distinct())
        {
            if (fleet.FindTenant(id) is { } tenant)
            {
                long? opening = opened.TryGetValue(id, out long ms) ? ms : null;
                windows.Add(id, state.LimitsOf(tenant).RestoreWindows(state.PlanOf(tenant), opening, now));
            }
        }

        Add(state, windows, days, LimitPeriod.Month, w => w.MonthMs, w => WindowCalendar.MonthOf(w.MonthMs).EndMs);
        Add(state, windows, hours, LimitPeriod.Week, w => w.WeekMs, w => w.WeekMs + WindowCalendar.WeekMs);
        Add(
            state, windows, minutes, LimitPeriod.FiveHours, w => w.FiveHoursMs ?? long.MaxValue,
            w => w.FiveHoursMs + WindowCalendar.FiveHoursMs ?? long.MinValue);

        long eventsFrom = WindowCalendar.MinuteOf(wall - EventMinutes * MinuteMs);
        await ReplayAsync(state, usage, eventsFrom, now, cancel).ConfigureAwait(false);
        foreach (UsageSlice slice in minutes.Where(s => s.StartUnixMs < eventsFrom))
        {
            if (fleet.FindTenant(slice.Tenant) is { } tenant)
            {
                // In the middle of its minute, which is where it was on average.
                long ageNs = (wall - slice.StartUnixMs - MinuteMs / 2) * Instant.NsPerMs;
                state.LimitsOf(tenant).RestoreTokens(
                    state.PlanOf(tenant), ClassOf(fleet, slice.Model), slice.Use.Tokens, ageNs, now);
            }
        }
    }

    private static void Add(
        FleetState state,
        Dictionary<string, (long WeekMs, long MonthMs, long? FiveHoursMs)> windows,
        IReadOnlyList<UsageSlice> slices,
        LimitPeriod period,
        Func<(long WeekMs, long MonthMs, long? FiveHoursMs), long> start,
        Func<(long WeekMs, long MonthMs, long? FiveHoursMs), long> end)
    {
        FleetModel fleet = state.Model;
        foreach (UsageSlice slice in slices)
        {
            // What a clock that was ahead recorded within the window counts: it may not be granted again.
            if (windows.TryGetValue(slice.Tenant, out (long WeekMs, long MonthMs, long? FiveHoursMs) window)
                && slice.StartUnixMs >= start(window) && slice.StartUnixMs < end(window))
            {
                state.LimitsOf(fleet.FindTenant(slice.Tenant)!)
                    .Restore(period, ClassOf(fleet, slice.Model), slice.Use);
            }
        }
    }

    private static async Task ReplayAsync(
        FleetState state, ILimitUsage usage, long fromMs, Instant now, CancellationToken cancel)
    {
        FleetModel fleet = state.Model;
        var open = new Dictionary<UInt128, LimitReservation>();
        IAsyncEnumerable<UsageEvent> events = usage.ReadEventsAsync(
            DateTimeOffset.FromUnixTimeMilliseconds(fromMs), cancel);
        await foreach (UsageEvent one in events.ConfigureAwait(false))
        {
            if (one.Accept is { Batch: false } accept && accept.AcceptedUnixMs >= fromMs
                && fleet.FindTenant(accept.Tenant) is { } tenant)
            {
                open[accept.RequestId] = state.LimitsOf(tenant).Replay(
                    state.PlanOf(tenant), ClassOf(fleet, accept.Model), accept, AtNs(accept.AcceptedUnixMs, now));
            }
            else if (one.Settle is { } settle && open.Remove(settle.RequestId, out LimitReservation reservation))
            {
                var use = new LimitUse(
                    settle.Tokens.Input + settle.Tokens.CacheWrite,
                    settle.Tokens.Output,
                    settle.CustomerPriceMicros,
                    settle.Outcome == UsageOutcome.Completed && settle.Tokens.Output > 0);
                state.LimitsOf(fleet.FindTenant(settle.Tenant)!).ReplaySettled(
                    reservation, use, AtNs(settle.AcceptedUnixMs + (long)settle.TotalMs, now));
            }
        }
    }

    /// <summary>A moment of the past on this process's monotonic clock, never later than now.</summary>
    private static long AtNs(long wallMs, Instant now) =>
        now.MonotonicNs - Math.Max(0, now.WallUnixMs - wallMs) * Instant.NsPerMs;

    private static string? ClassOf(FleetModel fleet, string model) => fleet.FindModel(model)?.LimitClass;
}
