using Forebay.Core.Errors;

namespace Forebay.Core.Serving.Health;

/// <summary>
/// A deployment's circuit breaker: closed, open with a time out that grows, half open with a bounded number of trial
/// requests, recovering with a ramp, closed. All time and randomness come in as values. Reads are lock-free and cost a
/// null check while nothing is wrong; changes take a short lock.
/// </summary>
/// <remarks>
/// Only real requests close it. What began before it opened says nothing of it afterwards: long streams that outlive
/// the opening neither hold a trial's place nor count as one. Time moves it on where nobody is needed: open becomes
/// half open and recovering becomes closed when someone looks.
/// </remarks>
public sealed partial class Breaker
{
    /// <summary>Share of its places that a deployment begins its recovery with.</summary>
    public const double FirstShare = 0.1;

    /// <summary>Times <see cref="HealthRulesConfig.ConsecutiveFailures"/> in a row that prove a deployment dead, so
    /// that no bound on ejections keeps it in.</summary>
    public const int DeadFactor = 4;

    private const int KeptChanges = 8;
    private const long AskAgainNs = Time.Instant.NsPerSecond;

    private readonly Lock _lock = new();
    private readonly HealthChange[] _changes = new HealthChange[KeptChanges];
    private readonly long[] _openings = new long[(int)OutCause.RateLimit + 1];

    /// <summary>Null while closed and not paused: the one thing the request path reads then.</summary>
    private Condition? _condition;
    private int _trials;
    private int _trialSuccesses;
    private int _consecutive;

    /// <summary>When the first of the failures in a row had entered: what entered before and is served says nothing.
    /// </summary>
    private long _runSinceNs;
    private int _rateLimits;
    private int _openedTimes;

    /// <summary>When it last began to recover, or was cleared.</summary>
    private long _backSinceNs = long.MinValue;
    private long _closedSinceNs = long.MinValue;
    private long _lastSuccessNs = long.MinValue;
    private long _askedNs = long.MinValue;
    private int _probeFailures;
    private int _probeSuccesses;
    private long _firstProbeFailureNs;
    private int _changeCount;

    /// <summary>What is in force while something is: immutable, swapped whole.</summary>
    /// <param name="State"><see cref="BreakerState.Open"/>, <see cref="BreakerState.Recovering"/> or
    /// <see cref="BreakerState.Closed"/> under a pause.</param>
    /// <param name="SinceNs">When the state began.</param>
    /// <param name="UntilNs">When open becomes half open, recovering closed.</param>
    /// <param name="PausedUntilNs">End of a provider's rate limit.</param>
    /// <param name="GateNs">Since when entering counts as a trial.</param>
    /// <param name="Trials">Trials at once.</param>
    /// <param name="Cause">Why it was taken out.</param>
    /// <param name="Reason">The failure's reason.</param>
    /// <param name="ProbesFailed">Probes failed while it was out: a good one is news.</param>
    /// <param name="HalfOpenNs">When time made it half open, once that was seen.</param>
    private sealed record Condition(
        BreakerState State,
        long SinceNs,
        long UntilNs,
        long PausedUntilNs,
        long GateNs,
        int Trials,
        OutCause Cause,
        Reason Reason,
        bool ProbesFailed,
        long HalfOpenNs)
    {
        /// <summary>A rate limit met by a trial keeps it open.</summary>
        public long EndNs => Math.Max(UntilNs, PausedUntilNs);

        public bool Gates => State == BreakerState.Open || PausedUntilNs != long.MinValue;

        public bool IsOut(long nowNs) => nowNs < PausedUntilNs || (State == BreakerState.Open && nowNs < EndNs);

        public BreakerState At(long nowNs) => State switch
        {
            BreakerState.Open => nowNs < EndNs ? BreakerState.Open : BreakerState.HalfOpen,
            _ when nowNs < PausedUntilNs => BreakerState.Paused,
            BreakerState.Recovering when nowNs < UntilNs => BreakerState.Recovering,
            _ => BreakerState.Closed,
        };

        public double Share(long nowNs) => State != BreakerState.Recovering || nowNs >= UntilNs
            ? 1
            : FirstShare + (1 - FirstShare) * Math.Max(0, nowNs - SinceNs) / Math.Max(1, UntilNs - SinceNs);
    }

    /// <summary>Times it was opened, by cause.</summary>
    public long OpenedBy(OutCause cause) => Volatile.Read(ref _openings[(int)cause]);

    /// <summary>Trial requests at it now.</summary>
    public int Trials => Volatile.Read(ref _trials);

    /// <summary>Whether nothing is the matter: it is neither out nor on trial nor recovering.</summary>
    public bool IsSteady => Volatile.Read(ref _condition) is null;

    /// <summary>Whether it takes no ordinary traffic.</summary>
    public bool IsOut(long nowNs) => Volatile.Read(ref _condition) is { } condition && condition.IsOut(nowNs);

    /// <summary>Places, given what the limit and the configuration allow and how many are taken.</summary>
    /// <param name="limit">Places without regard to health.</param>
    /// <param name="inFlight">Requests there now; those from before the opening do not take a trial's place.</param>
    /// <param name="nowNs">The present.</param>
    public int Places(int limit, int inFlight, long nowNs)
    {
        if (Volatile.Read(ref _condition) is null || Settle(nowNs) is not { } condition)
        {
            return limit;
        }

        return condition.Gates
            ? inFlight + Math.Max(0, condition.Trials - Trials)
            : Math.Max(1, (int)(limit * condition.Share(nowNs)));
    }

    /// <summary>Takes part in a trial where entering is one.</summary>
    /// <param name="isTrial">Whether it is, so that <see cref="EndTrial()"/> takes it back.</param>
    /// <returns>False when as many trials run as may.</returns>
    public bool TryBeginTrial(out bool isTrial)
    {
        isTrial = false;
        if (Volatile.Read(ref _condition) is not { Gates: true } condition)
        {
            return true;
        }

        int seen = Trials;
        while (seen < condition.Trials)
        {
            int found = Interlocked.CompareExchange(ref _trials, seen + 1, seen);
            if (found == seen)
            {
                isTrial = true;
                return true;
            }

            seen = found;
        }

        return false;
    }

    /// <summary>Ends a trial that never got its place.</summary>
    public void EndTrial()
    {
        int seen = Trials;
        while (seen > 0)
        {
            int found = Interlocked.CompareExchange(ref _trials, seen - 1, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }

    /// <summary>A request left.</summary>
    /// <param name="enteredNs">When it got its place.</param>
    public void Left(long enteredNs)
    {
        if (Volatile.Read(ref _condition) is { Gates: true } condition && enteredNs >= condition.GateNs)
        {
            EndTrial();
        }
    }

    /// <summary>A request was served.</summary>
    /// <returns>Whether it begins to recover.</returns>
    public bool Succeeded(long enteredNs, long nowNs, HealthRulesConfig rules)
    {
        Volatile.Write(ref _lastSuccessNs, nowNs);
        if ((_consecutive != 0 || _rateLimits != 0) && enteredNs >= Volatile.Read(ref _runSinceNs))
        {
            Volatile.Write(ref _consecutive, 0);
            Volatile.Write(ref _rateLimits, 0);
        }

        if (Volatile.Read(ref _condition) is null)
        {
            return false;
        }

        lock (_lock)
        {
            if (SettleLocked(nowNs) is { State: BreakerState.Open } open
                && enteredNs >= open.GateNs
                && ++_trialSuccesses >= open.Trials)
            {
                Recover(open, nowNs, rules);
                return true;
            }

            return false;
        }
    }

    /// <summary>A request failed, and it was the deployment's doing.</summary>
    /// <param name="attempt">What happened.</param>
    /// <param name="window">Successes and failures in the window, this one included.</param>
    /// <param name="rules">The rules in force.</param>
    /// <returns>The cause for which it should be taken out if the model's bound on ejections allows: then call
    /// <see cref="TakeOut"/>. <see cref="OutCause.None"/> where nothing is left to decide.</returns>
    public OutCause Failed(in FailedAttempt attempt, (int Good, int Bad) window, HealthRulesConfig rules)
    {
        lock (_lock)
        {
            Condition? now = SettleLocked(attempt.NowNs);
            if (now is { State: BreakerState.Open } open)
            {
                FailedWhileOpen(open, attempt, rules);
                return OutCause.None;
            }

            if (attempt.EnteredNs < _backSinceNs)
            {
                return OutCause.None;
            }

            if (_consecutive++ == 0)
            {
                Volatile.Write(ref _runSinceNs, attempt.EnteredNs);
            }

            if (attempt.Kind == FailureKind.Account)
            {
                Open(OutCause.Account, attempt.Reason, attempt.NowNs, rules.AccountOpenNs, rules);
                return OutCause.None;
            }

            if (attempt.Pause is { Ticks: > 0 } pause)
            {
                Open(OutCause.Asked, attempt.Reason, attempt.NowNs, Capped(pause, rules), rules);
                return OutCause.None;
            }

            if (_consecutive >= DeadFactor * rules.ConsecutiveFailures)
            {
                OpenLonger(OutCause.ConsecutiveFailures, attempt.Reason, attempt.NowNs, attempt.Jitter, rules);
                return OutCause.None;
            }

            OutCause cause = _consecutive >= rules.ConsecutiveFailures ? OutCause.ConsecutiveFailures
                : window.Good + window.Bad >= rules.MinRequests
                    && window.Bad >= rules.FailureShare * (window.Good + window.Bad) ? OutCause.FailureShare
                : OutCause.None;
            if (cause == OutCause.None || (_askedNs != long.MinValue && attempt.NowNs - _askedNs < AskAgainNs))
            {
                return OutCause.None;
            }

            // Whoever asks must look at all the model's deployments: once a second will do where the answer is no.
            _askedNs = attempt.NowNs;
            return cause;
        }
    }

    /// <summary>Takes it out, if it is not out already.</summary>
    public bool TakeOut(OutCause cause, Reason reason, long nowNs, double jitter, HealthRulesConfig rules)
    {
        lock (_lock)
        {
            if (SettleLocked(nowNs) is { State: BreakerState.Open })
            {
                return false;
            }

            OpenLonger(cause, reason, nowNs, jitter, rules);
            return true;
        }
    }

    /// <summary>Its provider's rate limit was met: it is paused for the time named, or, where none is and three came
    /// in a row, for one that grows.</summary>
    public void RateLimited(in FailedAttempt attempt, HealthRulesConfig rules)
    {
        lock (_lock)
        {
            Condition? now = SettleLocked(attempt.NowNs);
            if (_rateLimits++ == 0 && _consecutive == 0)
            {
                Volatile.Write(ref _runSinceNs, attempt.EnteredNs);
            }

            long pauseNs = attempt.Pause is { Ticks: > 0 } named ? Capped(named, rules)
                : _rateLimits < 3 ? 0
                : Spread(Math.Min(rules.MaxOpenNs, rules.OpenNs << Math.Min(_rateLimits - 3, 16)), attempt.Jitter);
            long until = attempt.NowNs + pauseNs;
            if (pauseNs == 0 || until <= (now?.PausedUntilNs ?? long.MinValue))
            {
                return;
            }

            BreakerState from = now?.At(attempt.NowNs) ?? BreakerState.Closed;
            if (now is null)
            {
                now = new Condition(
                    BreakerState.Closed, attempt.NowNs, long.MinValue, long.MinValue, 0, rules.TrialRequests,
                    OutCause.RateLimit, attempt.Reason, false, long.MinValue);
            }

            long gate = now.Gates ? now.GateNs : BeginGate(attempt.NowNs);
            Put(now with { PausedUntilNs = until, GateNs = gate, HalfOpenNs = long.MinValue });
            if (from == BreakerState.HalfOpen)
            {
                Note(attempt.NowNs, from, BreakerState.Open, OutCause.RateLimit, attempt.Reason, pauseNs);
            }
            else if (from is BreakerState.Closed or BreakerState.Recovering)
            {
                Note(attempt.NowNs, from, BreakerState.Paused, OutCause.RateLimit, attempt.Reason, pauseNs);
            }
        }
    }

    /// <summary>An active probe was answered, or not.</summary>
    public void Probed(
        bool good, long nowNs, DeploymentHealthConfig watch, HealthRulesConfig rules, double jitter)
    {
        lock (_lock)
        {
            Condition? now = SettleLocked(nowNs);
            if (good)
            {
                _probeFailures = 0;
                _probeSuccesses++;
                if (now is { State: BreakerState.Open, ProbesFailed: true } open
                    && nowNs < open.UntilNs && open.PausedUntilNs == long.MinValue
                    && open.Cause is not (OutCause.Account or OutCause.Asked)
                    && _probeSuccesses >= watch.HealthyAfter)
                {
                    Put(open with { UntilNs = nowNs });
                    SettleLocked(nowNs);
                }

                return;
            }

            _probeSuccesses = 0;
            _firstProbeFailureNs = _probeFailures == 0 ? nowNs : _firstProbeFailureNs;
            _probeFailures++;
            if (now is { State: BreakerState.Open })
            {
                Put(now with { ProbesFailed = true });
            }
            else if (_probeFailures >= watch.UnhealthyAfter
                && Volatile.Read(ref _lastSuccessNs) < _firstProbeFailureNs)
            {
                OpenLonger(OutCause.Probes, Reason.UpstreamUnavailable, nowNs, jitter, rules);
                Put(_condition! with { ProbesFailed = true });
            }
        }
    }

    /// <summary>Where it stands.</summary>
    public BreakerView View(long nowNs) => Settle(nowNs) is not { } now
        ? new BreakerView(BreakerState.Closed, Volatile.Read(ref _closedSinceNs), long.MinValue, OutCause.None, 1)
        : now.At(nowNs) switch
        {
            BreakerState.Paused => new(BreakerState.Paused, now.GateNs, now.PausedUntilNs, OutCause.RateLimit, 0),
            BreakerState.HalfOpen => new(BreakerState.HalfOpen, now.HalfOpenNs, long.MinValue, now.Cause, 0),
            BreakerState.Open => new(
                BreakerState.Open, now.SinceNs, now.EndNs, now.Cause, 0),
            _ => new(now.State, now.SinceNs, now.UntilNs, now.Cause, now.Share(nowNs)),
        };

    /// <summary>Takes the oldest change that was not taken yet.</summary>
    public bool TryTakeChange(long nowNs, out HealthChange change)
    {
        change = default;
        Settle(nowNs);
        if (Volatile.Read(ref _changeCount) == 0)
        {
            return false;
        }

        lock (_lock)
        {
            if (_changeCount == 0)
            {
                return false;
            }

            change = _changes[0];
            Array.Copy(_changes, 1, _changes, 0, --_changeCount);
            return true;
        }
    }

    /// <summary>Forgets everything: the endpoint is another one.</summary>
    public void Clear(long nowNs)
    {
        lock (_lock)
        {
            if (_condition?.At(nowNs) is { } from and not BreakerState.Closed)
            {
                Note(nowNs, from, BreakerState.Closed, OutCause.None, Reason.None, 0);
            }

            Volatile.Write(ref _condition, null);
            Volatile.Write(ref _trials, 0);
            _trialSuccesses = _consecutive = _rateLimits = _openedTimes = _probeFailures = _probeSuccesses = 0;
            _askedNs = long.MinValue;
            _backSinceNs = _closedSinceNs = nowNs;
        }
    }

    private static long Capped(TimeSpan pause, HealthRulesConfig rules) =>
        (long)Math.Min(rules.MaxOpenNs, pause.Ticks * 100.0);

    /// <summary>Up to a fifth shorter or longer.</summary>
    private static long Spread(long ns, double jitter) => (long)(ns * (0.8 + 0.4 * Math.Clamp(jitter, 0, 1)));
}
