namespace Forebay.Core.Limits;

/// <summary>What a request is charged at its reservation.</summary>
/// <param name="Input">Of the input bucket: cut to what it holds.</param>
/// <param name="Output">Of output buckets and windows.</param>
/// <param name="EstimatedInput">Of windows.</param>
/// <param name="Micros">Of windows and the spend cap.</param>
internal readonly record struct LimitCharge(long Input, long Output, long EstimatedInput, long Micros)
{
    public long Tokens => EstimatedInput + Output;

    public long In(WindowUnit unit) => unit switch
    {
        WindowUnit.Requests => 1,
        WindowUnit.Tokens => Tokens,
        _ => Micros,
    };
}

/// <summary>
/// What a tenant used, over all models or those of one class: plain numbers, guarded by the tenant's lock. Buckets are
/// kept as what is used and not refilled yet, in units, so that a reload that changes their size resets nothing.
/// </summary>
internal sealed class LimitScope(string? modelClass)
{
    /// <summary>Sums of fractions are never exact; nobody is refused for a millionth of a token.</summary>
    private const double Slack = 1e-6;

    private long _atNs = long.MinValue / 2;

    public double Requests;
    public double Input;
    public double Output;

    /// <summary>Tokens of late, decaying within a minute and within the longer time: sums of
    /// <c>x * exp(-age / time)</c>. Both are linear in what was used, so a correction is right whenever it comes.
    /// </summary>
    public double Fast;
    public double Slow;

    public WindowSums FiveHours;
    public WindowSums Week;
    public long MonthMicros;

    public string? Class => modelClass;

    /// <summary>The limits in force when this was last touched.</summary>
    public LimitSet Limits { get; private set; } = LimitSet.None;

    /// <summary>The longer average, in tokens per minute.</summary>
    public double SlowPerMinute => Slow * Limits.SlowPerNs / LimitSet.FastPerNs;

    /// <summary>Most that <see cref="Fast"/> may be. Whoever uses the floor in one go every minute stays just below
    /// <c>floor / (1 - 1/e)</c>.</summary>
    public double AccelerationCeiling(AccelerationConfig a) =>
        Math.Max(FloorOf(a), a.Factor * SlowPerMinute);

    public static double FloorOf(AccelerationConfig a) => a.FloorTokensPerMinute / (1 - 1 / Math.E);

    /// <summary>Brings everything that refills or decays to the present. Time that passed counts at the rates in force
    /// before it, then others may take their place.</summary>
    public void Advance(LimitSet limits, long nowNs)
    {
        LimitSet was = Limits;
        long elapsed = nowNs - _atNs;
        if (elapsed > 0)
        {
            Requests = Math.Max(0, Requests - elapsed * was.RequestsPerNs);
            Input = Math.Max(0, Input - elapsed * was.InputPerNs);
            Output = Math.Max(0, Output - elapsed * was.OutputPerNs);
            Fast *= Decay(elapsed * LimitSet.FastPerNs);
            Slow *= Decay(elapsed * was.SlowPerNs);
            _atNs = nowNs;
        }

        if (!ReferenceEquals(was, limits))
        {
            Slow *= was.SlowPerNs / limits.SlowPerNs;
            Requests = limits.Requests is null ? 0 : Requests;
            Input = limits.Input is null ? 0 : Input;
            Output = limits.Output is null ? 0 : Output;
            Limits = limits;
        }
    }

    /// <summary>Whether every limit has room. What asks for more than the whole of a bucket or a window is let in when
    /// that is untouched.</summary>
    public bool Fits(in LimitCharge c)
    {
        LimitSet l = Limits;
        return !((l.Requests is { } requests && Requests + 1 > requests + Slack)
            || (l.Input is { } input && Input + Math.Min(c.Input, input) > input + Slack)
            || (l.Output is { } output && Output + Math.Min(c.Output, output) > output + Slack)
            || (l.FiveHours is { } hours && !Fits(hours, FiveHours, c))
            || (l.Week is { } week && !Fits(week, Week, c))
            || (l.MonthMicros is { } month && MonthMicros + c.Micros > month)
            || (l.Acceleration is { } a && !Fits(a, c)));
    }

    public static bool Fits(WindowLimit limit, in WindowSums used, in LimitCharge c) =>
        used.In(limit.Unit) + Math.Min(c.In(limit.Unit), limit.Amount) <= limit.Amount;

    public bool Fits(AccelerationConfig a, in LimitCharge c) =>
        Fast + Math.Min(c.Tokens, a.FloorTokensPerMinute) <= AccelerationCeiling(a) + Slack;

    /// <summary>Charges buckets and averages; which buckets there were is the answer.</summary>
    public ChargedBuckets Charge(in LimitCharge c)
    {
        var charged = ChargedBuckets.None;
        if (Limits.Requests is not null)
        {
            Requests++;
            charged = ChargedBuckets.Requests;
        }

        if (Limits.Input is not null)
        {
            Input += c.Input;
            charged |= ChargedBuckets.Input;
        }

        if (Limits.Output is not null)
        {
            Output += c.Output;
            charged |= ChargedBuckets.Output;
        }

        Fast += c.Tokens;
        Slow += c.Tokens;
        return charged;
    }

    public void ChargeWindows(in LimitCharge c)
    {
        FiveHours.Add(1, c.Tokens, c.Micros);
        Week.Add(1, c.Tokens, c.Micros);
        MonthMicros += c.Micros;
    }

    /// <summary>Replaces what a reservation was charged by what was used, in buckets and averages.</summary>
    /// <param name="r">The reservation.</param>
    /// <param name="charged">Which buckets it was taken from.</param>
    /// <param name="use">What was used.</param>
    /// <param name="requests">1 for a request that took place, 0 for one that did not.</param>
    /// <param name="nowNs">The present.</param>
    public void Correct(
        in LimitReservation r, ChargedBuckets charged, in LimitUse use, int requests, long nowNs)
    {
        Advance(Limits, nowNs);
        if (Limits.Requests is not null)
        {
            int was = (charged & ChargedBuckets.Requests) != 0 ? 1 : 0;
            Requests = Math.Max(0, Requests + requests - was);
        }

        if (Limits.Input is not null)
        {
            long was = (charged & ChargedBuckets.Input) != 0 ? r.InputTokens : 0;
            Input = Math.Max(0, Input + use.InputTokens - was);
        }

        if (Limits.Output is not null)
        {
            long was = (charged & ChargedBuckets.Output) != 0 ? r.OutputTokens : 0;
            Output = Math.Max(0, Output + use.OutputTokens - was);
        }

        AddPast(use.InputTokens + use.OutputTokens - r.EstimatedInputTokens - r.OutputTokens, _atNs - r.AtNs);
    }

    /// <summary>Counts tokens that were used some time ago in the averages.</summary>
    public void AddPast(long tokens, long ageNs)
    {
        Fast = Math.Max(0, Fast + tokens * Decay(ageNs * LimitSet.FastPerNs));
        Slow = Math.Max(0, Slow + tokens * Decay(ageNs * Limits.SlowPerNs));
    }

    /// <summary><c>exp(-x)</c>; by its series where that is exact to the last digits, for busy tenants' short steps.
    /// </summary>
    private static double Decay(double x) =>
        x < 1e-4 ? 1 - x * (1 - x * (0.5 - x / 6)) : Math.Exp(-x);
}
