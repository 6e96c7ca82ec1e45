using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Core.Limits;

/// <summary>A stretch of time that usage is remembered for.</summary>
public enum LimitPeriod : byte
{
    FiveHours,
    Week,
    Month,
}

/// <summary>Taking up again what a process before this one recorded. Called before the first request.</summary>
public sealed partial class TenantLimits
{
    /// <summary>Enters the windows that hold the present, the five-hour one where it was opened and has not ended.
    /// </summary>
    /// <returns>Start of the week and the month, and of the five-hour window where one is open.</returns>
    public (long WeekMs, long MonthMs, long? FiveHoursMs) RestoreWindows(
        LimitPlan plan, long? openedUnixMs, Instant now)
    {
        lock (_gate)
        {
            Roll(plan.WeekStartsAtHourOfWeek, now);
            if (openedUnixMs is { } opened && opened + WindowCalendar.FiveHoursMs > now.WallUnixMs)
            {
                _fiveHours.OpenFiveHours(opened, now.MonotonicNs);
            }

            return (_week.StartMs, _month.StartMs, _fiveHours.IsOpen ? _fiveHours.StartMs : null);
        }
    }

    /// <summary>Adds what was used in the present window or month.</summary>
    public void Restore(LimitPeriod period, string? modelClass, in PeriodUse use)
    {
        lock (_gate)
        {
            Add(_all, period, use);
            if (ScopeOf(modelClass) is { } ofClass)
            {
                Add(ofClass, period, use);
            }
        }
    }

    /// <summary>Charges the buckets and averages for a request of the past, as reserved then. In order of time.
    /// </summary>
    /// <param name="plan">The limits in force.</param>
    /// <param name="modelClass">The class of its model.</param>
    /// <param name="accepted">What was recorded at its acceptance.</param>
    /// <param name="atNs">When that was, on this process's monotonic clock.</param>
    public LimitReservation Replay(LimitPlan plan, string? modelClass, AcceptRecord accepted, long atNs)
    {
        lock (_gate)
        {
            LimitScope? ofClass = ScopeOf(modelClass);
            _all.Advance(plan.All, atNs);
            LimitSet classLimits = plan.Of(modelClass);
            ofClass?.Advance(classLimits, atNs);
            long estimate = Math.Clamp(accepted.EstimatedInputTokens, 0, MostTokens);
            long output = Math.Clamp(accepted.ReservedOutputTokens, 0, MostTokens);
            long input = Math.Min(
                estimate, Math.Min(plan.All.Input ?? estimate, classLimits.Input ?? estimate));
            var charge = new LimitCharge(input, output, estimate, 0);
            return new LimitReservation
            {
                InputTokens = input,
                OutputTokens = output,
                EstimatedInputTokens = estimate,
                Model = accepted.Model,
                OfClass = ofClass,
                AtNs = atNs,
                // Of no window: those are restored from the ledger.
                FiveHours = -1,
                Week = -1,
                Month = -1,
                ChargedAll = _all.Charge(charge),
                ChargedClass = ofClass?.Charge(charge) ?? ChargedBuckets.None,
            };
        }
    }

    /// <summary>Settles a request of the past in buckets and averages, and learns from it.</summary>
    public void ReplaySettled(in LimitReservation reservation, in LimitUse use, long atNs)
    {
        LimitUse sane = Sane(use);
        lock (_gate)
        {
            Replace(reservation, sane, 1, atNs);
            Learn(reservation.Model, sane);
        }
    }

    /// <summary>Counts tokens of the past in the averages that the acceleration limit looks at.</summary>
    public void RestoreTokens(LimitPlan plan, string? modelClass, long tokens, long ageNs, Instant now)
    {
        lock (_gate)
        {
            _all.Advance(plan.All, now.MonotonicNs);
            _all.AddPast(tokens, ageNs);
            if (ScopeOf(modelClass) is { } ofClass)
            {
                ofClass.Advance(plan.Of(modelClass), now.MonotonicNs);
                ofClass.AddPast(tokens, ageNs);
            }
        }
    }

    private static void Add(LimitScope scope, LimitPeriod period, in PeriodUse use)
    {
        switch (period)
        {
            case LimitPeriod.FiveHours:
                scope.FiveHours.Add(use.Requests, use.Tokens, use.PriceMicros);
                break;
            case LimitPeriod.Week:
                scope.Week.Add(use.Requests, use.Tokens, use.PriceMicros);
                break;
            default:
                scope.MonthMicros += use.PriceMicros;
                break;
        }
    }
}

/// <summary>What was used in some time.</summary>
/// <param name="Requests">Accepted requests.</param>
/// <param name="Tokens">Input and output tokens, cache reads excluded.</param>
/// <param name="PriceMicros">What the customer pays, in millionths of a US dollar.</param>
public readonly record struct PeriodUse(long Requests, long Tokens, long PriceMicros);
