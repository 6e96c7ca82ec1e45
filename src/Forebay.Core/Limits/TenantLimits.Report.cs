using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>Saying where the limits stand. Asking reserves nothing and opens no window.</summary>
public sealed partial class TenantLimits
{
    /// <summary>What headers tell: one look under the lock, without allocation.</summary>
    public LimitLevels Levels(LimitPlan plan, string? modelClass, Instant now)
    {
        lock (_gate)
        {
            Roll(plan.WeekStartsAtHourOfWeek, now);
            _all.Advance(plan.All, now.MonotonicNs);
            LimitLevels levels = LevelsOf(_all, now);
            if (ScopeOf(modelClass) is not { } ofClass)
            {
                return levels;
            }

            ofClass.Advance(plan.Of(modelClass), now.MonotonicNs);
            LimitLevels more = LevelsOf(ofClass, now);
            return new LimitLevels(
                levels.Requests.Tighter(more.Requests),
                levels.InputTokens.Tighter(more.InputTokens),
                levels.OutputTokens.Tighter(more.OutputTokens),
                levels.Tokens.Tighter(more.Tokens));
        }
    }

    /// <summary>Every limit that the plan sets, where it stands and which one binds.</summary>
    public LimitReport Report(LimitPlan plan, Instant now)
    {
        lock (_gate)
        {
            Roll(plan.WeekStartsAtHourOfWeek, now);
            var list = new List<LimitStatus>();
            AddStatus(list, _all, plan.All, now);
            if (plan.IsBatch && plan.Tier.MaxBatchRequests is { } most)
            {
                list.Add(StatusOf(LimitKind.MaxBatchRequests, null, LimitUnit.Requests, most, _batchOpen, null));
            }

            foreach (string modelClass in plan.Classes)
            {
                AddStatus(list, ScopeOf(modelClass)!, plan.Of(modelClass), now);
            }

            LimitStatus? first = null;
            foreach (LimitStatus status in list)
            {
                first = first is null || RefusesSooner(status, first) ? status : first;
            }

            return new LimitReport(
                list, first is null ? null : new BindingLimit(first.Name, first.ModelClass, first.RequestsLeft));
        }
    }

    private static bool RefusesSooner(LimitStatus a, LimitStatus b)
    {
        double left = a.RequestsLeft ?? double.MaxValue;
        double other = b.RequestsLeft ?? double.MaxValue;
        return left < other || (left == other && a.Used / a.Limit > b.Used / b.Limit);
    }

    private LimitLevels LevelsOf(LimitScope scope, Instant now)
    {
        LimitSet l = scope.Limits;
        LimitLevel requests = LevelOf(l.Requests, scope.Requests, l.RequestsPerNs);
        LimitLevel input = LevelOf(l.Input, scope.Input, l.InputPerNs);
        LimitLevel output = LevelOf(l.Output, scope.Output, l.OutputPerNs);
        LimitLevel tokens = input.Tighter(output);
        foreach ((WindowLimit? limit, WindowSums used, long endMs) in (ReadOnlySpan<(WindowLimit?, WindowSums, long)>)
            [(l.FiveHours, scope.FiveHours, _fiveHours.EndMs), (l.Week, scope.Week, _week.EndMs)])
        {
            if (limit is null or { Unit: WindowUnit.Usd })
            {
                continue;
            }

            var level = new LimitLevel(
                limit.Amount,
                limit.Amount - used.In(limit.Unit),
                endMs == 0 ? 0 : UntilNs(endMs, now));
            requests = limit.Unit == WindowUnit.Requests ? requests.Tighter(level) : requests;
            tokens = limit.Unit == WindowUnit.Tokens ? tokens.Tighter(level) : tokens;
        }

        return new LimitLevels(requests, input, output, tokens);
    }

    private static LimitLevel LevelOf(long? limit, double used, double perNs) => limit is not { } most
        ? default
        : new LimitLevel(most, (long)Math.Floor(most - used + 1e-6), (long)Math.Ceiling(used / perNs));

    private void AddStatus(List<LimitStatus> list, LimitScope scope, LimitSet limits, Instant now)
    {
        scope.Advance(limits, now.MonotonicNs);
        AddBucket(
            list, scope, LimitKind.RequestsPerMinute, LimitUnit.Requests, limits.Requests, scope.Requests,
            limits.RequestsPerNs, now);
        AddBucket(
            list, scope, LimitKind.InputTokensPerMinute, LimitUnit.InputTokens, limits.Input, scope.Input,
            limits.InputPerNs, now);
        AddBucket(
            list, scope, LimitKind.OutputTokensPerMinute, LimitUnit.OutputTokens, limits.Output, scope.Output,
            limits.OutputPerNs, now);
        AddWindow(list, scope, LimitKind.FiveHourWindow, limits.FiveHours, scope.FiveHours, _fiveHours);
        AddWindow(list, scope, LimitKind.WeeklyWindow, limits.Week, scope.Week, _week);
        if (limits.Acceleration is { } a)
        {
            list.Add(StatusOf(
                LimitKind.Acceleration, scope.Class, LimitUnit.Tokens, Whole(scope.AccelerationCeiling(a)),
                Used(scope.Fast), null));
        }

        if (limits.MonthMicros is { } month)
        {
            list.Add(StatusOf(
                LimitKind.MonthlySpendUsd, scope.Class, LimitUnit.Usd, UsdAmount.Of(month),
                UsdAmount.Of(scope.MonthMicros), WallOf(_month.EndMs)));
        }
    }

    private void AddBucket(
        List<LimitStatus> list, LimitScope scope, LimitKind kind, LimitUnit unit, long? limit, double used,
        double perNs, Instant now)
    {
        if (limit is { } most)
        {
            DateTimeOffset? full = used < 1e-6
                ? null
                : now.Wall.AddMilliseconds(Math.Ceiling(used / perNs / Instant.NsPerMs));
            list.Add(StatusOf(kind, scope.Class, unit, most, Used(used), full));
        }
    }

    private void AddWindow(
        List<LimitStatus> list, LimitScope scope, LimitKind kind, WindowLimit? limit, in WindowSums used,
        UsageWindow window)
    {
        if (limit is not null)
        {
            list.Add(StatusOf(
                kind, scope.Class, LimitKinds.UnitOf(limit.Unit), Shown(limit.Unit, limit.Amount),
                Shown(limit.Unit, used.In(limit.Unit)), window.IsOpen ? WallOf(window.EndMs) : null));
        }
    }

    private LimitStatus StatusOf(
        LimitKind kind, string? modelClass, LimitUnit unit, decimal limit, decimal used, DateTimeOffset? resets)
    {
        decimal remaining = Math.Max(0, limit - used);
        double each = _mix.Of(unit);
        double? left = each > 0 ? Math.Round((double)remaining / each, 1) : null;
        return new LimitStatus(
            LimitKinds.KeyOf(kind), modelClass, LimitKinds.WordOf(unit), limit, used, remaining, resets, left);
    }

    /// <summary>A fraction in use is in use.</summary>
    private static decimal Used(double amount) => (decimal)Math.Ceiling(Math.Max(0, amount - 1e-6));

    private static DateTimeOffset WallOf(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms);
}
