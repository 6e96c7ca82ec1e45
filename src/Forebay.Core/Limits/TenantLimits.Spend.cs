using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>Items of batches: they are held to the month's spend cap and to nothing else that requests are.</summary>
public sealed partial class TenantLimits
{
    private LimitDecision ReserveSpend(
        LimitPlan plan, LimitScope? ofClass, in LimitCharge charge, string model, Instant now)
    {
        LimitRefusal? refusal = Worse(
            Spend(_all, plan.All.MonthMicros, charge.Micros, now),
            ofClass is null ? null : Spend(ofClass, ofClass.Limits.MonthMicros, charge.Micros, now));
        if (refusal is not null)
        {
            return new LimitDecision(default, refusal);
        }

        _all.MonthMicros += charge.Micros;
        if (ofClass is not null)
        {
            ofClass.MonthMicros += charge.Micros;
        }

        return new LimitDecision(
            new LimitReservation
            {
                OutputTokens = charge.Output,
                EstimatedInputTokens = charge.EstimatedInput,
                PriceMicros = charge.Micros,
                Model = model,
                OfClass = ofClass,
                AtNs = now.MonotonicNs,
                FiveHours = -1,
                Week = -1,
                Month = _month.Number,
                SpendOnly = true,
            },
            null);
    }

    private LimitRefusal? Spend(LimitScope scope, long? cap, long micros, Instant now) =>
        cap is not { } month || scope.MonthMicros + micros <= month
            ? null
            : new LimitRefusal(
                LimitKind.MonthlySpendUsd, scope.Class, LimitUnit.Usd, UsdAmount.Of(month),
                UsdAmount.Of(Math.Max(0, month - scope.MonthMicros)), UsdAmount.Of(micros),
                micros > month ? long.MaxValue : UntilNs(_month.EndMs, now), _month.EndMs);
}
