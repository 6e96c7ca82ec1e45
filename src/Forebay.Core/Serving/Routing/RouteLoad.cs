using Forebay.Core.Serving.Health;

namespace Forebay.Core.Serving.Routing;

/// <summary>
/// What routing knows live of one deployment: the work sent there and not yet answered, and its speed as learned from
/// traffic. All members are safe for concurrent callers.
/// </summary>
public sealed class RouteLoad
{
    private const double TruthWeight = 0.05;

    /// <summary>What a request is like before one has been seen, and what the next one counts for.</summary>
    private const double PriorPromptTokens = 1024;
    private const double PriorAnswerTokens = 256;
    private const double SizeWeight = 0.02;

    /// <summary>A second's part of the way back to the prior: half of it in half a minute.</summary>
    private const double RelaxShare = 0.023;

    private readonly SpeedEstimate _firstToken;
    private readonly SpeedEstimate _outputToken;
    private readonly RoutingMemory _memory;
    private readonly DeploymentState _state;
    private long _queuedTokens;
    private int _waiting;
    private long _busyUntilNs = long.MinValue / 2;
    private long _seen;
    private bool _tellsCached;
    private double _truth = 1;
    private double _cachedShare;
    private long _heldTokens;
    private double _promptTokens = PriorPromptTokens;
    private double _uncachedTokens = PriorPromptTokens;
    private double _answerTokens = PriorAnswerTokens;
    private ReportedLoad _reported = ReportedLoad.None;
    private double _reportWeight;

    public RouteLoad(RoutingMemory memory, int number, SpeedPrior prior, DeploymentState state)
    {
        _memory = memory;
        _state = state;
        Number = number;
        Prior = prior;
        _firstToken = new SpeedEstimate(prior.FirstTokenNs, prior.PromptTokenNs, prior.RunningNs, prior.Trust);
        _outputToken = new SpeedEstimate(prior.TokenNs, prior.BatchNs, 0, prior.Trust);
        _memory.Clocks[number] = new CacheClock(prior.CacheBlocks);
        Publish();
    }

    /// <summary>The deployment's number: its place among the cells and its name in the prefix index.</summary>
    public int Number { get; }

    /// <summary>What was assumed before it was seen at work.</summary>
    public SpeedPrior Prior { get; }

    /// <summary>Prompt tokens sent there whose first token has not come.</summary>
    public long QueuedTokens => Volatile.Read(ref _queuedTokens);

    /// <summary>Requests sent there whose first token has not come and will be seen.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Time to first token: learned over queued tokens and requests in flight.</summary>
    public SpeedEstimate FirstToken => _firstToken;

    /// <summary>Time per output token: learned over requests in flight.</summary>
    public SpeedEstimate OutputToken => _outputToken;

    /// <summary>Share of what was thought to be cached that turned out to be.</summary>
    public double CacheTruth => _truth;

    /// <summary>Share of prompts that was read from caches lately.</summary>
    public double CachedShare => _cachedShare;

    /// <summary>Tokens of the prompts sent there, in the mean lately.</summary>
    public double PromptTokens => _promptTokens;

    /// <summary>What had to be computed of them.</summary>
    public double UncachedTokens => _uncachedTokens;

    /// <summary>Tokens of its answers, in the mean lately.</summary>
    public double AnswerTokens => _answerTokens;

    /// <summary>Tokens that its KV memory holds over all replicas, as its engine said or its chip is known to; 0 where
    /// neither is.</summary>
    public long KvTokens => Prior.Replicas * (_reported.KvTokens > 0 ? _reported.KvTokens : Prior.KvTokens);

    /// <summary>Requests that its engine works on, as far as known: those in flight, and others' as reported.</summary>
    public double Running => _state.InFlight + OthersRunning;

    /// <summary>Requests of others that its engine reported lately, less as the report ages.</summary>
    public double OthersRunning => _reported.Others * _reportWeight;

    /// <summary>Requests in flight there as a moment that a report will be compared with: take one before asking.
    /// </summary>
    public ReportStart BeginReport() => new(_state.InFlight, _state.Started);

    /// <summary>Its engine was asked and said something, or nothing that counts.</summary>
    /// <param name="report">What it said; null for nothing.</param>
    /// <param name="start">What <see cref="BeginReport"/> gave before it was asked.</param>
    /// <param name="intervalNs">When the next report is due after this one.</param>
    public void Reported(EngineReport? report, ReportStart start, long intervalNs)
    {
        if (report is not null)
        {
            int ours = start.InFlight + (int)Math.Min(int.MaxValue / 2, _state.Started - start.Started);
            _reported = ReportedLoad.Of(
                report, ours, HeldTokens, _promptTokens, _answerTokens, Prior, intervalNs);
            _reportWeight = 1;
        }
        else
        {
            _reportWeight = 0;
        }

        Publish();
    }

    /// <summary>What requests from here hold or ask for of its KV memory: their prompts, and half an answer each.
    /// </summary>
    private double HeldTokens => Volatile.Read(ref _heldTokens) + _state.InFlight * _answerTokens / 2;

    /// <summary>A request was sent.</summary>
    /// <param name="promptTokens">Its prompt.</param>
    /// <param name="uncachedTokens">Prompt tokens that it is thought to have to compute.</param>
    /// <param name="stream">Whether its first token will be seen; if not, its prompt counts as computed once that
    /// should have taken place.</param>
    /// <param name="nowNs">The present.</param>
    /// <returns>Tokens queued, its own and others' as reported included.</returns>
    public long Sent(long promptTokens, long uncachedTokens, bool stream, long nowNs)
    {
        long queued = QueuedTokens + uncachedTokens;
        Interlocked.Add(ref _heldTokens, promptTokens);
        _promptTokens += SizeWeight * (promptTokens - _promptTokens);
        _uncachedTokens += SizeWeight * (uncachedTokens - _uncachedTokens);
        if (stream)
        {
            queued = Interlocked.Add(ref _queuedTokens, uncachedTokens);
            Interlocked.Increment(ref _waiting);
        }
        else
        {
            // Racing callers may lose a prompt's time, which makes the deployment look that much less busy. It is never
            // busy for longer than the requests in flight there could keep it, were they all like this one.
            long own = (long)(uncachedTokens * _firstToken.Coefficients.B);
            long most = nowNs + Math.Max(0, _state.InFlight - 1) * own;
            long from = Math.Clamp(Volatile.Read(ref _busyUntilNs), nowNs, most);
            Volatile.Write(ref _busyUntilNs, from + own);
        }

        Publish();
        return queued + (long)OthersQueuedTokens;
    }

    /// <summary>It ended, however it did: call exactly once for each that was sent, before its place is given back.
    /// </summary>
    /// <exception cref="InvalidOperationException">More ended than was sent: an invariant is broken.</exception>
    public void Left(in Route route)
    {
        if (Interlocked.Add(ref _heldTokens, -route.InputTokens) < 0)
        {
            throw new InvalidOperationException($"Deployment {route.Deployment.Id} ended more than it was sent.");
        }
    }

    /// <summary>Its first token came, or it ended without one: call exactly once for each that was sent.</summary>
    /// <exception cref="InvalidOperationException">More was answered than was sent: an invariant is broken.</exception>
    public void Answered(in Route route)
    {
        if (route.Stream
            && (Interlocked.Decrement(ref _waiting) < 0
                || Interlocked.Add(ref _queuedTokens, -route.UncachedTokens) < 0))
        {
            throw new InvalidOperationException($"Deployment {route.Deployment.Id} answered more than it was sent.");
        }

        Publish();
    }

    /// <summary>Learns from a first token that was seen to come.</summary>
    /// <param name="route">How it was sent.</param>
    /// <param name="sentNs">When it was sent, on the monotonic clock.</param>
    /// <param name="nowNs">The present.</param>
    public void FirstTokenCame(in Route route, long sentNs, long nowNs)
    {
        // What it waited for others or for memory is no part of the engine's speed: shared out as was expected.
        double first = _firstToken.At(route.QueuedTokens, route.Running);
        double share = route.EngineWaitNs > 0 ? first / (first + route.EngineWaitNs) : 1;
        _firstToken.Observe(route.QueuedTokens, route.Running, share * (nowNs - sentNs - route.WayNs));
    }

    /// <summary>Learns from a whole answer: how fast it ran, and how much of its prompt was cached.</summary>
    public void Completed(in Route route, in RouteOutcome outcome)
    {
        if (outcome.FirstTokenNs == 0)
        {
            LearnWhole(route, outcome.OutputTokens, outcome.EndNs - outcome.SentNs - route.WayNs);
        }
        else if (outcome.OutputTokens > 1)
        {
            double each = (outcome.EndNs - outcome.FirstTokenNs) / (double)(outcome.OutputTokens - 1);
            _outputToken.Observe((route.Running + Running) / 2, 0, each);
        }

        _answerTokens += SizeWeight * (outcome.OutputTokens - _answerTokens);

        LearnCache(outcome.PromptTokens, route.ExpectedCachedTokens, outcome.CachedTokens, outcome.OutputTokens);
    }

    /// <summary>Call about once a second: what was not observed or reported for a while is trusted less.</summary>
    public void Relax(long nowNs)
    {
        if (_reportWeight > 0)
        {
            _reportWeight = _reported.WeightAt(nowNs);
            Publish();
        }

        if (_seen != _firstToken.Observations)
        {
            _seen = _firstToken.Observations;
            return;
        }

        _firstToken.Relax(RelaxShare);
        _outputToken.Relax(RelaxShare);
        Publish();
    }

    /// <summary>Writes what the router reads: call after whatever changed the deployment's places, load or health.
    /// </summary>
    public void Publish()
    {
        (double a, double b, double c) = _firstToken.Coefficients;
        (double t, double batch, _) = _outputToken.Coefficients;
        ref RouteCell cell = ref _memory.Cells[Number];
        double weight = _reportWeight;
        double running = _state.InFlight + _reported.Others * weight;
        cell.QueuedTokens = (float)(QueuedTokens + OthersQueuedTokens);
        cell.Running = (float)running;
        cell.BusyUntilNs = Math.Max(Volatile.Read(ref _busyUntilNs), OthersBusyUntilNs);
        cell.Taken = Taken;
        cell.Waiting = (float)(Volatile.Read(ref _waiting) + _reported.OthersWaiting * weight);
        cell.CacheTruth = (float)_truth;
        (cell.FirstTokenNs, cell.QueuedTokenNs, cell.InFlightNs) = ((float)a, (float)b, (float)c);
        (cell.OutputTokenNs, cell.BatchNs) = ((float)t, (float)batch);
        (cell.KvFreeTokens, cell.KvTokenNs) = Memory(weight, _answerTokens * (t + batch * running));
        cell.Fold();
    }

    private int Taken
    {
        get
        {
            int inFlight = _state.InFlight;
            return _state.Breaker.IsSteady && inFlight < _state.Limit.Within(int.MaxValue)
                ? inFlight
                : RouteCell.AskState;
        }
    }

    /// <summary>Until when others' requests that wait in the engine keep it from taking another, beyond what computing
    /// their prompts takes: what waits there waits for a place in the batch or for memory more often than for
    /// computation. Worked off as time passes.</summary>
    private long OthersBusyUntilNs
    {
        get
        {
            double beyond = _reported.OthersWaitNs - OthersQueuedTokens * _firstToken.Coefficients.B;
            return _reportWeight > 0 && beyond > 0 ? _reported.AtNs + (long)beyond : long.MinValue / 2;
        }
    }

    /// <summary>What a prompt sent now waits for that is not the engine's speed: others ahead of it, and memory.
    /// </summary>
    internal double EngineWaitNs(long promptTokens, long nowNs) => Math.Max(0, OthersBusyUntilNs - nowNs)
        + _memory.Cells[Number].PredictMemoryWaitNs(promptTokens);

    private double OthersQueuedTokens => _reported.OthersWaiting * _reportWeight * _uncachedTokens;

    /// <summary>
    /// Free KV memory of a replica, and the time until one more token of it is given back: what is held is given back
    /// within the time that a request takes, and so evenly that each token waits for its share (Little's law: the rate
    /// out is what is held over how long it is held).
    /// </summary>
    private (float FreeTokens, float TokenNs) Memory(double weight, double answerNs)
    {
        long capacity = _reported.KvTokens;
        if (weight <= 0 || capacity == 0)
        {
            return (float.PositiveInfinity, 0);
        }

        double asked = Math.Max(0, HeldTokens + _reported.KvOffsetTokens) / Prior.Replicas;
        return ((float)(capacity - asked), (float)(weight * answerNs / Math.Max(1, Math.Min(asked, capacity))));
    }

    /// <summary>
    /// Learns from an answer that came in one piece: its time is shared out as was expected, since which part of it was
    /// late cannot be seen.
    /// </summary>
    private void LearnWhole(in Route route, long outputTokens, double ns)
    {
        double first = Math.Max(1, _firstToken.At(route.QueuedTokens, route.Running));
        double each = Math.Max(1, _outputToken.At(route.Running, 0));
        double ratio = Math.Max(0, ns) / (first + each * Math.Max(0, outputTokens - 1));
        _firstToken.Observe(route.QueuedTokens, route.Running, ratio * first);
        if (outputTokens > 1)
        {
            _outputToken.Observe(route.Running, 0, ratio * each);
        }
    }

    private void LearnCache(long promptTokens, long expectedTokens, long cachedTokens, long outputTokens)
    {
        _cachedShare += TruthWeight * ((double)cachedTokens / Math.Max(1, promptTokens) - _cachedShare);

        // Output takes cache memory that is not found again.
        ref CacheClock clock = ref _memory.Clocks[Number];
        clock.Displace((int)Math.Min(outputTokens / RoutingMemory.TokensPerBlock, clock.Blocks));

        // An engine that never tells of cached tokens says nothing about them.
        _tellsCached |= cachedTokens > 0;
        if (expectedTokens > 0 && _tellsCached)
        {
            double truth = Math.Min(1, (double)cachedTokens / expectedTokens);
            _truth += TruthWeight * (truth - _truth);
        }
    }
}

/// <summary>How many requests were at a deployment before its engine was asked.</summary>
/// <param name="InFlight">Then in flight.</param>
/// <param name="Started">Started until then.</param>
public readonly record struct ReportStart(int InFlight, long Started);
