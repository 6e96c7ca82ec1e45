using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Core.Limits;

/// <summary>
/// What one tenant has used of its limits: token buckets, windows, spend, how fast it grows, its batch requests, over
/// all models and over each class of models. A request reserves all of it or nothing, in one pass under one short lock,
/// and settles by what it used.
/// </summary>
/// <remarks>
/// <para>The bound. A reservation is made only where it fits, and what settled counts at once. So whatever happens at
/// the same time, use passes a limit by at most the sum, over the requests that are in flight together, of what each
/// uses beyond its own reservation; for requests and batch requests, which are known beforehand, by nothing. Input is
/// reserved as estimated, output as min(longest answer allowed, learned 95th percentile, bucket), prices
/// likewise.</para>
/// <para>Time. Buckets and averages follow the monotonic clock; windows follow the wall clock, forward only.</para>
/// <para>Cost: about a hundred nanoseconds for a reservation against everything, without allocation; the classes of a
/// tenant are looked through one by one. Memory: see docs/reference/limits.md.</para>
/// </remarks>
public sealed partial class TenantLimits
{
    /// <summary>Output tokens reserved, at most, while too few answers of a model were seen to know better.</summary>
    public const long ColdOutputTokens = 4096;

    /// <summary>Past this a count is no use but a defect: nothing may poison a sum.</summary>
    private const long MostTokens = 1L << 40;
    private const long MostMicros = 1L << 50;

    /// <summary>Settlements after which a mean is mostly new.</summary>
    private const double MeanOver = 32;

    private readonly Lock _gate = new();
    private readonly LimitScope _all = new(null);
    private LimitScope[] _classes = [];
    private OutputEstimates? _outputs;
    private UsageWindow _fiveHours;
    private UsageWindow _week;
    private UsageWindow _month;
    private int _weekStartsAt;
    private int _batchOpen;
    private double _batchMeanNs;
    private UseMix _mix = UseMix.Unknown;

    /// <summary>Reserves what a request may need, of every limit that holds for it, or nothing of any.</summary>
    /// <param name="plan">The limits in force; they may differ from call to call.</param>
    /// <param name="request">The request.</param>
    /// <param name="now">The present.</param>
    public LimitDecision Reserve(LimitPlan plan, in LimitRequest request, Instant now)
    {
        lock (_gate)
        {
            Roll(plan.WeekStartsAtHourOfWeek, now);
            LimitScope? ofClass = ScopeOf(request.ModelClass);
            _all.Advance(plan.All, now.MonotonicNs);
            ofClass?.Advance(plan.Of(request.ModelClass), now.MonotonicNs);
            LimitCharge charge = ChargeOf(request, _all.Limits, ofClass?.Limits ?? LimitSet.None);
            if (request.SpendOnly)
            {
                return ReserveSpend(plan, ofClass, charge with { Input = 0 }, request.Model, now);
            }

            bool full = plan.IsBatch && _batchOpen >= plan.Tier.MaxBatchRequests;
            if (full || !_all.Fits(charge) || ofClass?.Fits(charge) == false)
            {
                return new LimitDecision(default, Refuse(plan, ofClass, charge, now));
            }

            if (!_fiveHours.IsOpen)
            {
                _fiveHours.OpenFiveHours(now.WallUnixMs, now.MonotonicNs);
            }

            _all.ChargeWindows(charge);
            ofClass?.ChargeWindows(charge);
            _batchOpen += plan.IsBatch ? 1 : 0;
            return new LimitDecision(
                new LimitReservation
                {
                    InputTokens = charge.Input,
                    OutputTokens = charge.Output,
                    EstimatedInputTokens = charge.EstimatedInput,
                    PriceMicros = charge.Micros,
                    Model = request.Model,
                    OfClass = ofClass,
                    AtNs = now.MonotonicNs,
                    FiveHours = _fiveHours.Number,
                    Week = _week.Number,
                    Month = _month.Number,
                    ChargedAll = _all.Charge(charge),
                    ChargedClass = ofClass?.Charge(charge) ?? ChargedBuckets.None,
                    IsBatch = plan.IsBatch,
                },
                null);
        }
    }

    /// <summary>Replaces a reservation by what was used. Counts that cannot be are cut. Where a window has ended since,
    /// the request counted in that one.</summary>
    public void Settle(in LimitReservation reservation, in LimitUse use, Instant now)
    {
        LimitUse sane = Sane(use);
        lock (_gate)
        {
            Roll(_weekStartsAt, now);
            Replace(reservation, sane, 1, now.MonotonicNs);
            if (reservation.IsBatch)
            {
                _batchOpen--;
                double took = Math.Max(0, now.MonotonicNs - reservation.AtNs);
                _batchMeanNs += (took - _batchMeanNs) / (_batchMeanNs == 0 ? 1 : MeanOver);
            }

            Learn(reservation.Model, sane);
        }
    }

    /// <summary>Takes a reservation back as if it had never been: the request was not accepted after all.</summary>
    public void Cancel(in LimitReservation reservation, Instant now)
    {
        lock (_gate)
        {
            Roll(_weekStartsAt, now);
            Replace(reservation, default, 0, now.MonotonicNs);
            _batchOpen -= reservation.IsBatch ? 1 : 0;
            if (_fiveHours.Is(reservation.FiveHours) && _all.FiveHours.Requests == 0)
            {
                _fiveHours.Close();
            }
        }
    }

    private static LimitUse Sane(in LimitUse use) => use with
    {
        InputTokens = Math.Clamp(use.InputTokens, 0, MostTokens),
        OutputTokens = Math.Clamp(use.OutputTokens, 0, MostTokens),
        PriceMicros = Math.Clamp(use.PriceMicros, 0, MostMicros),
    };

    private LimitCharge ChargeOf(in LimitRequest request, LimitSet all, LimitSet ofClass)
    {
        long likely = Math.Max(1, _outputs?.Of(request.Model) ?? ColdOutputTokens);
        long output = Math.Min(Math.Max(0, request.MaxOutputTokens), likely);
        output = Math.Min(output, Math.Min(all.Output ?? output, ofClass.Output ?? output));
        long estimate = Math.Clamp(request.InputTokens, 0, MostTokens);
        long input = Math.Min(estimate, Math.Min(all.Input ?? estimate, ofClass.Input ?? estimate));
        long micros = request.Prices.Of(new TokenUsage(estimate, 0, 0, output));
        return new LimitCharge(input, output, estimate, micros);
    }

    private void Replace(in LimitReservation r, in LimitUse use, int requests, long nowNs)
    {
        if (r.SpendOnly)
        {
            AddSpend(r, use.PriceMicros - r.PriceMicros);
            return;
        }

        _all.Correct(r, r.ChargedAll, use, requests, nowNs);
        r.OfClass?.Correct(r, r.ChargedClass, use, requests, nowNs);
        long tokens = use.InputTokens + use.OutputTokens - r.EstimatedInputTokens - r.OutputTokens;
        long micros = use.PriceMicros - r.PriceMicros;
        if (_fiveHours.Is(r.FiveHours))
        {
            _all.FiveHours.Add(requests - 1, tokens, micros);
            r.OfClass?.FiveHours.Add(requests - 1, tokens, micros);
        }

        if (_week.Is(r.Week))
        {
            _all.Week.Add(requests - 1, tokens, micros);
            r.OfClass?.Week.Add(requests - 1, tokens, micros);
        }

        AddSpend(r, micros);
    }

    private void AddSpend(in LimitReservation r, long micros)
    {
        if (_month.Is(r.Month))
        {
            _all.MonthMicros = Math.Max(0, _all.MonthMicros + micros);
            if (r.OfClass is { } ofClass)
            {
                ofClass.MonthMicros = Math.Max(0, ofClass.MonthMicros + micros);
            }
        }
    }

    private void Learn(string model, in LimitUse use)
    {
        if (use.Complete)
        {
            (_outputs ??= new OutputEstimates()).Observe(model, use.OutputTokens);
            _mix = _mix.With(use, 1 / MeanOver);
        }
    }

    /// <summary>Ends the windows that are over.</summary>
    private void Roll(int weekStartsAt, Instant now)
    {
        if (_fiveHours.IsOpen && _fiveHours.IsOver(now))
        {
            _fiveHours.Close();
            Each(static scope => scope.FiveHours = default);
        }

        if (_week.IsOver(now))
        {
            _weekStartsAt = weekStartsAt;
            if (_week.EnterWeek(weekStartsAt, now))
            {
                Each(static scope => scope.Week = default);
            }
        }
        else if (weekStartsAt != _weekStartsAt)
        {
            // A reload moved the start of the week: the window is another one now, and what was used stays used.
            _weekStartsAt = weekStartsAt;
            _week.MoveWeek(weekStartsAt, now);
        }

        if (_month.IsOver(now) && _month.EnterMonth(now))
        {
            Each(static scope => scope.MonthMicros = 0);
        }
    }

    private void Each(Action<LimitScope> change)
    {
        change(_all);
        foreach (LimitScope scope in _classes)
        {
            change(scope);
        }
    }

    /// <summary>Where the use of a class is counted, whether the tier limits it or not: a reload may.</summary>
    private LimitScope? ScopeOf(string? modelClass)
    {
        if (modelClass is null)
        {
            return null;
        }

        foreach (LimitScope scope in _classes)
        {
            if (scope.Class == modelClass)
            {
                return scope;
            }
        }

        var added = new LimitScope(modelClass);
        _classes = [.. _classes, added];
        return added;
    }
}
