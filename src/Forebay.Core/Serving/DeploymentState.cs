using Forebay.Core.Errors;
using Forebay.Core.Serving.Health;

namespace Forebay.Core.Serving;

/// <summary>
/// Live counters of one deployment and its health, beside the snapshot: they survive a reload. All members are safe for
/// concurrent callers.
/// </summary>
public sealed class DeploymentState(string id)
{
    private readonly Lock _windowLock = new();
    private readonly SlidingCounts _window = new();
    private EngineReport? _report;
    private int _inFlight;
    private long _started;
    private long _completed;
    private long _failed;
    private long _probesGood;
    private long _probesBad;
    private int _lastFailure;

    public string Id { get; } = id;

    public int InFlight => Volatile.Read(ref _inFlight);

    public long Started => Volatile.Read(ref _started);

    public long Completed => Volatile.Read(ref _completed);

    public long Failed => Volatile.Read(ref _failed);

    public long ProbesGood => Volatile.Read(ref _probesGood);

    public long ProbesBad => Volatile.Read(ref _probesBad);

    public Reason LastFailure => (Reason)Volatile.Read(ref _lastFailure);

    /// <summary>Whether it is left alone, and until when.</summary>
    public Breaker Breaker { get; } = new();

    /// <summary>How many requests it can take, as its answers tell.</summary>
    public ConcurrencyLimit Limit { get; } = new();

    /// <summary>What its engine said last; null when it says nothing.</summary>
    public EngineReport? Report
    {
        get => Volatile.Read(ref _report);
        set => Volatile.Write(ref _report, value);
    }

    /// <summary>Whether no request goes here unless nowhere else can take it. Costs a null check while it is well.
    /// </summary>
    public bool IsOut(long nowNs) => Breaker.IsOut(nowNs);

    /// <summary>
    /// Places to give out now: what is configured, under the adaptive limit, times the share that a recovering
    /// deployment gets; while it is out or half open, those taken and the trials still free. Pass it to <see
    /// cref="TryEnter"/>.
    /// </summary>
    /// <param name="configuredMaxConcurrency">The deployment's <c>max_concurrency</c>.</param>
    /// <param name="nowNs">The present.</param>
    public int Places(int configuredMaxConcurrency, long nowNs) => Math.Min(
        configuredMaxConcurrency,
        Breaker.Places(Limit.Within(configuredMaxConcurrency), InFlight, nowNs));

    /// <summary>Takes a place if fewer than <paramref name="capacity"/> are taken: atomic, so racing requests never
    /// pass the bound, nor that of trials.</summary>
    public bool TryEnter(int capacity)
    {
        if (!Breaker.TryBeginTrial(out bool isTrial))
        {
            return false;
        }

        int seen = Volatile.Read(ref _inFlight);
        while (seen < capacity)
        {
            int found = Interlocked.CompareExchange(ref _inFlight, seen + 1, seen);
            if (found == seen)
            {
                Interlocked.Increment(ref _started);
                return true;
            }

            seen = found;
        }

        if (isTrial)
        {
            Breaker.EndTrial();
        }

        return false;
    }

    /// <summary>Gives the place back.</summary>
    /// <param name="enteredNs">The time read right after entering.</param>
    public void Leave(long enteredNs = long.MaxValue)
    {
        if (Interlocked.Decrement(ref _inFlight) < 0)
        {
            throw new InvalidOperationException($"Deployment {Id} was left more often than entered.");
        }

        Breaker.Left(enteredNs);
    }

    /// <summary>A first token came: tells the limit how long it took.</summary>
    /// <param name="uncachedTokens">Prompt tokens not in a cache, as far as known.</param>
    /// <param name="enteredNs">The time read right after entering.</param>
    /// <param name="nowNs">The present.</param>
    /// <param name="configured">The deployment's <c>max_concurrency</c>.</param>
    /// <param name="rules">The rules in force.</param>
    /// <param name="adaptive">Whether the limit may follow.</param>
    public void FirstToken(
        long uncachedTokens,
        long enteredNs,
        long nowNs,
        int configured,
        HealthRulesConfig rules,
        bool adaptive = true) =>
        Limit.FirstToken(nowNs - enteredNs, uncachedTokens, InFlight, enteredNs, nowNs, configured, rules, adaptive);

    /// <summary>A request was answered with what says nothing of the deployment's health: the client's own fault.
    /// </summary>
    public void Answered() => Interlocked.Increment(ref _completed);

    /// <summary>A request was served to its end.</summary>
    /// <param name="streamed">Whether its first token was told by <see cref="FirstToken"/>.</param>
    /// <param name="enteredNs">The time read right after entering.</param>
    /// <param name="nowNs">The present.</param>
    /// <param name="configured">The deployment's <c>max_concurrency</c>.</param>
    /// <param name="rules">The rules in force.</param>
    public void Succeeded(bool streamed, long enteredNs, long nowNs, int configured, HealthRulesConfig rules)
    {
        Interlocked.Increment(ref _completed);
        Count(good: true, nowNs, rules);
        if (!streamed)
        {
            Limit.Answered(InFlight, enteredNs, nowNs, configured, rules);
        }

        if (Breaker.Succeeded(enteredNs, nowNs, rules))
        {
            // What took it out must not take it out again.
            ForgetWindow();
            Limit.ForgetSlowdown();
        }
    }

    /// <summary>A request failed, and it was the deployment's doing.</summary>
    /// <param name="attempt">What happened.</param>
    /// <param name="rules">The rules in force.</param>
    /// <param name="adaptive">Whether a want of capacity shrinks the limit.</param>
    /// <returns>The cause for which it should go out if the bound on ejections allows
    /// (<see cref="Fleet.FleetState.TryTakeOut"/>); <see cref="OutCause.None"/> where nothing is left to decide.
    /// </returns>
    public OutCause FailedWith(in FailedAttempt attempt, HealthRulesConfig rules, bool adaptive = true)
    {
        Interlocked.Increment(ref _failed);
        Volatile.Write(ref _lastFailure, (int)attempt.Reason);
        if (adaptive && attempt.Kind is FailureKind.RateLimit or FailureKind.Overload)
        {
            Limit.Refused(InFlight, attempt.EnteredNs, attempt.NowNs, attempt.Configured, rules);
        }

        if (attempt.Kind == FailureKind.RateLimit)
        {
            Breaker.RateLimited(attempt, rules);
            return OutCause.None;
        }

        return Breaker.Failed(attempt, Count(good: false, attempt.NowNs, rules), rules);
    }

    /// <summary>An active probe was answered, or not.</summary>
    public void Probed(bool good, long nowNs, DeploymentHealthConfig watch, HealthRulesConfig rules, double jitter)
    {
        Interlocked.Increment(ref good ? ref _probesGood : ref _probesBad);
        Breaker.Probed(good, nowNs, watch, rules, jitter);
    }

    /// <summary>The endpoint is another one: what was learned of the old one is forgotten, what was counted stays.
    /// </summary>
    public void ForgetHealth(long nowNs)
    {
        ForgetWindow();
        Report = null;
        Limit.Clear();
        Breaker.Clear(nowNs);
    }

    internal Peer PeerView(int places, long nowNs, HealthRulesConfig rules)
    {
        BreakerState at = Breaker.View(nowNs).State;
        (int good, int bad) = Window(nowNs, rules);
        return new Peer(
            places,
            at is BreakerState.Open or BreakerState.HalfOpen,
            good,
            bad,
            Limit.Slowdown,
            Limit.SlowdownSamples);
    }

    private void ForgetWindow()
    {
        lock (_windowLock)
        {
            _window.Clear();
        }
    }

    private (int Good, int Bad) Window(long nowNs, HealthRulesConfig rules)
    {
        lock (_windowLock)
        {
            return _window.Read(nowNs, rules.WindowNs);
        }
    }

    private (int Good, int Bad) Count(bool good, long nowNs, HealthRulesConfig rules)
    {
        lock (_windowLock)
        {
            _window.Record(good, nowNs, rules.WindowNs);
            return good ? default : _window.Read(nowNs, rules.WindowNs);
        }
    }
}
