using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>Why a reservation does not fit: off the fast path, so it may take its time.</summary>
public sealed partial class TenantLimits
{
    /// <summary>Advice while nothing is known of how long batch requests take, and the most that is advised.</summary>
    private const double UnknownBatchNs = 10e9;
    private const double LongestBatchNs = 60e9;

    /// <summary>Names, of the limits that have no room, the one that stands in the way longest: until it has, the
    /// reservation would not succeed.</summary>
    private LimitRefusal Refuse(LimitPlan plan, LimitScope? ofClass, in LimitCharge charge, Instant now)
    {
        LimitRefusal? worst = null;
        if (plan.IsBatch && plan.Tier.MaxBatchRequests is { } most && _batchOpen >= most)
        {
            double each = _batchMeanNs == 0 ? UnknownBatchNs : _batchMeanNs / most;
            worst = new LimitRefusal(
                LimitKind.MaxBatchRequests, null, LimitUnit.Requests, most, Math.Max(0, most - _batchOpen), 1,
                (long)Math.Min(each, LongestBatchNs), null);
        }

        worst = Worse(worst, Buckets(_all, charge));
        worst = Worse(worst, Windows(_all, charge, now));
        if (ofClass is not null)
        {
            worst = Worse(worst, Buckets(ofClass, charge));
            worst = Worse(worst, Windows(ofClass, charge, now));
        }

        return worst ?? throw new InvalidOperationException("A reservation was refused by no limit.");
    }

    private static LimitRefusal? Worse(LimitRefusal? a, LimitRefusal? b) =>
        a is null || b?.WaitNs > a.WaitNs ? b : a;

    private static LimitRefusal? Buckets(LimitScope scope, in LimitCharge c)
    {
        LimitSet l = scope.Limits;
        LimitRefusal? worst = Bucket(
            scope, LimitKind.RequestsPerMinute, LimitUnit.Requests, scope.Requests, 1, l.Requests, l.RequestsPerNs);
        worst = Worse(worst, Bucket(
            scope, LimitKind.InputTokensPerMinute, LimitUnit.InputTokens, scope.Input, c.Input, l.Input,
            l.InputPerNs));
        worst = Worse(worst, Bucket(
            scope, LimitKind.OutputTokensPerMinute, LimitUnit.OutputTokens, scope.Output, c.Output, l.Output,
            l.OutputPerNs));
        return Worse(worst, Acceleration(scope, c));
    }

    private static LimitRefusal? Bucket(
        LimitScope scope, LimitKind kind, LimitUnit unit, double used, long needed, long? limit, double perNs)
    {
        if (limit is not { } most)
        {
            return null;
        }

        double missing = used + Math.Min(needed, most) - most;
        return missing <= 1e-6
            ? null
            : new LimitRefusal(
                kind, scope.Class, unit, most, Left(most, used), needed, (long)Math.Ceiling(missing / perNs), null);
    }

    private static LimitRefusal? Acceleration(LimitScope scope, in LimitCharge c)
    {
        if (scope.Limits.Acceleration is not { } a || scope.Fits(a, c))
        {
            return null;
        }

        double ceiling = scope.AccelerationCeiling(a);
        return new LimitRefusal(
            LimitKind.Acceleration, scope.Class, LimitUnit.Tokens, Whole(ceiling), Left(ceiling, scope.Fast), c.Tokens,
            AccelerationWaitNs(scope, a, Math.Min(c.Tokens, a.FloorTokensPerMinute)), null);
    }

    /// <summary>The fast average falls faster than the slow one, so there is one moment from which on it fits: found by
    /// halving an interval.</summary>
    private static long AccelerationWaitNs(LimitScope scope, AccelerationConfig a, long needed)
    {
        bool FitsAfter(double ns) =>
            scope.Fast * Math.Exp(-ns * LimitSet.FastPerNs) + needed
                <= Math.Max(
                    LimitScope.FloorOf(a), a.Factor * scope.SlowPerMinute * Math.Exp(-ns * scope.Limits.SlowPerNs));
        double low = 0;
        double high = 3600.0 * Instant.NsPerSecond;
        for (int i = 0; i < 50; i++)
        {
            double middle = (low + high) / 2;
            (low, high) = FitsAfter(middle) ? (low, middle) : (middle, high);
        }

        return (long)Math.Ceiling(high);
    }

    private LimitRefusal? Windows(LimitScope scope, in LimitCharge c, Instant now)
    {
        LimitRefusal? worst = Window(
            scope, LimitKind.FiveHourWindow, scope.Limits.FiveHours, scope.FiveHours, c, _fiveHours.EndMs, now);
        worst = Worse(worst, Window(
            scope, LimitKind.WeeklyWindow, scope.Limits.Week, scope.Week, c, _week.EndMs, now));
        return Worse(worst, Spend(scope, scope.Limits.MonthMicros, c.Micros, now));
    }

    private static LimitRefusal? Window(
        LimitScope scope, LimitKind kind, WindowLimit? limit, in WindowSums used, in LimitCharge c, long endMs,
        Instant now) => limit is null || LimitScope.Fits(limit, used, c)
        ? null
        : new LimitRefusal(
            kind,
            scope.Class,
            LimitKinds.UnitOf(limit.Unit),
            Shown(limit.Unit, limit.Amount),
            Shown(limit.Unit, Math.Max(0, limit.Amount - used.In(limit.Unit))),
            Shown(limit.Unit, c.In(limit.Unit)),
            UntilNs(endMs, now),
            endMs);

    private static long UntilNs(long endMs, Instant now) =>
        Math.Max(1, endMs - now.WallUnixMs) * Instant.NsPerMs;

    private static decimal Shown(WindowUnit unit, long amount) =>
        unit == WindowUnit.Usd ? UsdAmount.Of(amount) : amount;

    private static decimal Left(double limit, double used) => Whole(Math.Max(0, limit - used));

    /// <summary>A whole count, rounded down, but not for a millionth.</summary>
    private static decimal Whole(double amount) => (decimal)Math.Floor(amount + 1e-6);
}
