using Forebay.Core.Capacity.Ledger;

namespace Forebay.Core.Limits.Following;

/// <summary>What a lane of the capacity ledger has for serving over the coming week: available, less what jobs hold for
/// good and what is kept in reserve. What comes later counts once it is there: no figure is above the present one.
/// </summary>
/// <param name="Now">At this instant.</param>
/// <param name="ByHour">The least of each hour of the week when it comes next.</param>
/// <param name="Lasting">What is there when the week is over.</param>
/// <param name="FallsAtUnixMs">When it is first less than now within that week; null where it is not.</param>
public sealed record LaneOutlook(long Now, long[] ByHour, long Lasting, long? FallsAtUnixMs)
{
    private const long HourMs = 3_600_000;

    /// <summary>What counts in an hour of the week: it comes once in the coming week, and again after it.</summary>
    public long LeastAt(int hour) => Math.Min(ByHour[hour], Lasting);

    /// <summary>Cost: hours x log(steps), and steps x leases of jobs and reserves.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="nowUnixMs">Now.</param>
    /// <returns>Null for a lane that the ledger does not have.</returns>
    public static LaneOutlook? Of(CapacityLedger ledger, CapacityLane lane, long nowUnixMs)
    {
        if (ledger.SupplyOf(lane) is null)
        {
            return null;
        }

        StepFunction free = LessOthers(ledger, lane, nowUnixMs);
        long now = free.At(nowUnixMs);
        long first = nowUnixMs - (((nowUnixMs % HourMs) + HourMs) % HourMs);
        long end = nowUnixMs + HourOfWeek.Count * HourMs;
        var byHour = new long[HourOfWeek.Count];
        for (int i = 0; i < byHour.Length; i++)
        {
            long start = first + i * HourMs;
            byHour[HourOfWeek.Of(start)] = Math.Min(now, free.Min(Math.Max(start, nowUnixMs), start + HourMs));
        }

        // The hour under way comes to its end now and to its beginning in a week.
        int hour = HourOfWeek.Of(nowUnixMs);
        byHour[hour] = Math.Min(byHour[hour], free.Min(first + HourOfWeek.Count * HourMs, end));
        long? falls = free.NextChange(nowUnixMs);
        while (falls <= end && free.At(falls.Value) >= now)
        {
            falls = free.NextChange(falls.Value);
        }

        return new LaneOutlook(now, byHour, Math.Min(now, free.At(end)), falls <= end ? falls : null);
    }

    private static StepFunction LessOthers(CapacityLedger ledger, CapacityLane lane, long nowUnixMs)
    {
        StepFunction available = ledger.AvailableOf(lane);
        Lease[] others =
        [
            .. ledger.LeasesOf(lane).Where(l => l.Request.HolderKind != LeaseHolder.Deployment
                && !l.Request.Revocable && l.EndUnixMs > nowUnixMs),
        ];
        return others.Length == 0 ? available : StepFunction.At(
            available.Steps.Select(s => s.FromUnixMs).Concat(others.SelectMany(l => l.Held.Steps)
                .Select(s => s.FromUnixMs)),
            t => Math.Max(0, available.At(t) - others.Sum(l => l.Held.At(t))));
    }
}

/// <summary>The capacity ledger as the controller looks at it: each lane once. For one caller at a time.</summary>
/// <param name="ledger">The ledger.</param>
/// <param name="nowUnixMs">Now, by the clock that contracts go by.</param>
/// <param name="isEmptied">Whether nothing new goes to a pool, though its capacity is there; none where it is
/// null.</param>
public sealed class CapacityOutlook(CapacityLedger ledger, long nowUnixMs, Func<string, bool>? isEmptied = null)
{
    private readonly Dictionary<CapacityLane, LaneOutlook?> _lanes = [];

    public long NowUnixMs => nowUnixMs;

    /// <summary>A lane of a pool; null for one that the ledger does not have.</summary>
    public LaneOutlook? Of(string pool, CapacityUnit unit)
    {
        var lane = new CapacityLane(pool, unit);
        if (!_lanes.TryGetValue(lane, out LaneOutlook? outlook))
        {
            outlook = LaneOutlook.Of(ledger, lane, nowUnixMs);
            _lanes.Add(lane, outlook);
        }

        return outlook;
    }

    /// <summary>Whether something new may be started on a pool.</summary>
    public bool TakesMore(string pool) => isEmptied?.Invoke(pool) != true;
}
