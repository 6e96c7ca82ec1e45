using Forebay.Core.Errors;

namespace Forebay.Core.Serving.Health;

/// <summary>The changes of state; all but <see cref="Settle"/> under the lock.</summary>
public sealed partial class Breaker
{
    /// <summary>What is in force now: time may have ended it.</summary>
    private Condition? Settle(long nowNs)
    {
        if (Volatile.Read(ref _condition) is not { } condition || !IsOver(condition, nowNs))
        {
            return Volatile.Read(ref _condition);
        }

        lock (_lock)
        {
            return SettleLocked(nowNs);
        }
    }

    private static bool IsOver(Condition c, long nowNs) =>
        (c.PausedUntilNs != long.MinValue && nowNs >= c.PausedUntilNs)
        || (c.State == BreakerState.Recovering && nowNs >= c.UntilNs)
        || (c.State == BreakerState.Open && nowNs >= c.EndNs && c.HalfOpenNs == long.MinValue);

    private Condition? SettleLocked(long nowNs)
    {
        if (_condition is { PausedUntilNs: > long.MinValue } paused && nowNs >= paused.PausedUntilNs)
        {
            EndPause(paused, nowNs);
        }

        if (_condition is { State: BreakerState.Recovering } recovering && nowNs >= recovering.UntilNs)
        {
            Volatile.Write(ref _closedSinceNs, recovering.UntilNs);
            Note(nowNs, BreakerState.Recovering, BreakerState.Closed, recovering.Cause, recovering.Reason, 0);
            Put(recovering.PausedUntilNs == long.MinValue
                ? null
                : recovering with { State = BreakerState.Closed, UntilNs = long.MinValue });
        }

        if (_condition is { State: BreakerState.Open, HalfOpenNs: long.MinValue } open && nowNs >= open.EndNs)
        {
            Put(open with { HalfOpenNs = nowNs });
            Note(nowNs, BreakerState.Open, BreakerState.HalfOpen, open.Cause, open.Reason, 0);
        }

        return _condition;
    }

    private void EndPause(Condition paused, long nowNs)
    {
        if (paused.State == BreakerState.Open)
        {
            Put(paused with { PausedUntilNs = long.MinValue });
            return;
        }

        bool recovers = paused.State == BreakerState.Recovering && nowNs < paused.UntilNs;
        Put(paused.State == BreakerState.Closed ? null : paused with { PausedUntilNs = long.MinValue });
        Volatile.Write(ref _trials, 0);
        Note(
            nowNs,
            BreakerState.Paused,
            recovers ? BreakerState.Recovering : BreakerState.Closed,
            OutCause.RateLimit,
            paused.Reason,
            0);
    }

    private void Open(OutCause cause, Reason reason, long nowNs, long forNs, HealthRulesConfig rules)
    {
        Condition? before = _condition;
        BreakerState from = before?.At(nowNs) ?? BreakerState.Closed;
        long gate = before is { Gates: true } ? before.GateNs : BeginGate(nowNs);
        _trialSuccesses = 0;
        _probeSuccesses = 0;
        Interlocked.Increment(ref _openings[(int)cause]);
        Put(new Condition(
            BreakerState.Open,
            nowNs,
            nowNs + forNs,
            before?.PausedUntilNs ?? long.MinValue,
            gate,
            rules.TrialRequests,
            cause,
            reason,
            ProbesFailed: false,
            HalfOpenNs: long.MinValue));
        Note(nowNs, from, BreakerState.Open, cause, reason, forNs);
    }

    /// <summary>Opens for twice the time before, unless it stayed closed for as long as it may be open.</summary>
    private void OpenLonger(OutCause cause, Reason reason, long nowNs, double jitter, HealthRulesConfig rules)
    {
        bool stable = _condition is null or { State: BreakerState.Closed }
            && (_closedSinceNs == long.MinValue || nowNs - _closedSinceNs >= rules.MaxOpenNs);
        _openedTimes = stable ? 1 : _openedTimes + 1;
        Open(cause, reason, nowNs, NextOpenNs(jitter, rules), rules);
    }

    private long NextOpenNs(double jitter, HealthRulesConfig rules) => Math.Min(
        rules.MaxOpenNs,
        Spread((long)Math.Min(rules.MaxOpenNs, rules.OpenNs * Math.Pow(2, Math.Min(_openedTimes - 1, 30))), jitter));

    private void FailedWhileOpen(Condition open, in FailedAttempt attempt, HealthRulesConfig rules)
    {
        bool failedTrial = attempt.EnteredNs >= open.GateNs && open.At(attempt.NowNs) == BreakerState.HalfOpen;
        long until = open.UntilNs;
        if (attempt.Kind == FailureKind.Account)
        {
            until = failedTrial ? attempt.NowNs + rules.AccountOpenNs : until;
        }
        else if (attempt.Pause is { Ticks: > 0 } pause)
        {
            until = Math.Max(until, attempt.NowNs + Capped(pause, rules));
        }
        else if (failedTrial)
        {
            _openedTimes++;
            until = attempt.NowNs + NextOpenNs(attempt.Jitter, rules);
        }

        if (until <= open.UntilNs)
        {
            return;
        }

        BreakerState from = open.At(attempt.NowNs);
        if (from == BreakerState.Open)
        {
            Put(open with { UntilNs = until });
            return;
        }

        _trialSuccesses = 0;
        Interlocked.Increment(ref _openings[(int)open.Cause]);
        Put(open with
        {
            SinceNs = attempt.NowNs, UntilNs = until, Reason = attempt.Reason, HalfOpenNs = long.MinValue,
        });
        Note(attempt.NowNs, from, BreakerState.Open, open.Cause, attempt.Reason, until - attempt.NowNs);
    }

    private void Recover(Condition open, long nowNs, HealthRulesConfig rules)
    {
        BreakerState from = open.At(nowNs);
        _consecutive = 0;
        _backSinceNs = nowNs;
        Volatile.Write(ref _trials, 0);
        Put(open with
        {
            State = BreakerState.Recovering,
            SinceNs = nowNs,
            UntilNs = nowNs + rules.RampNs,
            PausedUntilNs = long.MinValue,
        });
        Note(nowNs, from, BreakerState.Recovering, open.Cause, open.Reason, rules.RampNs);
        SettleLocked(nowNs);
    }

    private long BeginGate(long nowNs)
    {
        Volatile.Write(ref _trials, 0);
        return nowNs;
    }

    private void Put(Condition? condition) => Volatile.Write(ref _condition, condition);

    /// <summary>A log that falls behind loses the oldest changes, never the newest.</summary>
    private void Note(long nowNs, BreakerState from, BreakerState to, OutCause cause, Reason reason, long forNs)
    {
        if (_changeCount == KeptChanges)
        {
            Array.Copy(_changes, 1, _changes, 0, --_changeCount);
        }

        _changes[_changeCount] = new HealthChange(nowNs, from, to, cause, reason, forNs);
        Volatile.Write(ref _changeCount, _changeCount + 1);
    }
}
