namespace Forebay.Core.Serving.Routing;

/// <summary>
/// What routing knows live of one deployment: the work sent there and not yet answered, and its speed as learned from
/// traffic. All members are safe for concurrent callers.
/// </summary>
public sealed class RouteLoad
{
    private const double TruthWeight = 0.05;

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

    /// <summary>A request was sent.</summary>
    /// <param name="uncachedTokens">Prompt tokens that it is thought to have to compute.</param>
    /// <param name="stream">Whether its first token will be seen; if not, its prompt counts as computed once that
    /// should have taken place.</param>
    /// <param name="nowNs">The present.</param>
    /// <returns>Tokens queued, its own included.</returns>
    public long Sent(long uncachedTokens, bool stream, long nowNs)
    {
        long queued = QueuedTokens + uncachedTokens;
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
        return queued;
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
    public void FirstTokenCame(in Route route, long sentNs, long nowNs) =>
        _firstToken.Observe(route.QueuedTokens, route.InFlight, nowNs - sentNs - route.WayNs);

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
            _outputToken.Observe((route.InFlight + _state.InFlight) / 2.0, 0, each);
        }

        LearnCache(outcome.PromptTokens, route.ExpectedCachedTokens, outcome.CachedTokens, outcome.OutputTokens);
    }

    /// <summary>Call about once a second: what was not observed for a while is trusted less.</summary>
    public void Relax()
    {
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
        cell.QueuedTokens = QueuedTokens;
        cell.BusyUntilNs = Volatile.Read(ref _busyUntilNs);
        cell.InFlight = _state.InFlight;
        cell.Limit = _state.Limit.Within(int.MaxValue);
        cell.IsUnsteady = !_state.Breaker.IsSteady;
        cell.Waiting = Volatile.Read(ref _waiting);
        cell.CacheTruth = (float)_truth;
        (cell.FirstTokenNs, cell.QueuedTokenNs, cell.InFlightNs) = ((float)a, (float)b, (float)c);
        (cell.OutputTokenNs, cell.BatchNs) = ((float)t, (float)batch);
    }

    /// <summary>
    /// Learns from an answer that came in one piece: its time is shared out as was expected, since which part of it was
    /// late cannot be seen.
    /// </summary>
    private void LearnWhole(in Route route, long outputTokens, double ns)
    {
        double first = Math.Max(1, _firstToken.At(route.QueuedTokens, route.InFlight));
        double each = Math.Max(1, _outputToken.At(route.InFlight, 0));
        double ratio = Math.Max(0, ns) / (first + each * Math.Max(0, outputTokens - 1));
        _firstToken.Observe(route.QueuedTokens, route.InFlight, ratio * first);
        if (outputTokens > 1)
        {
            _outputToken.Observe(route.InFlight, 0, ratio * each);
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
