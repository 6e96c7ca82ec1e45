using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Step 6 for one request: stands in the queue of its model until it holds a place, its deadline comes, it gives way,
/// or its client or the server goes. It keeps its age when it comes back, after a failure elsewhere or because a reload
/// took its place away.
/// </summary>
/// <param name="x">The request.</param>
/// <param name="runtime">Shared parts.</param>
/// <param name="route">Takes a place by the router, among a set; may be called on another request's thread.</param>
/// <param name="follow">Goes on by the fleet in force, or says why not.</param>
internal sealed class Waiting(
    Exchange x, GatewayRuntime runtime, Func<EligibleSet, Deployment?> route, Func<Failure> follow) : QueueWaiter
{
    private const int None = -1;

    private TaskCompletionSource _signal = Fresh();
    private int _end = None;
    private bool _known;
    private Failure _refused = Failure.None;

    private ModelQueue Queue => runtime.State.QueueOf(x.Model!);

    private long NowNs => Instant.MonotonicNsOf(runtime.Time);

    /// <summary>Waits for a place.</summary>
    /// <param name="triedIds">Deployments that the request was tried at and does not go back to.</param>
    /// <returns>The deployment where a place is held, or why there is none.</returns>
    public async ValueTask<(Deployment? Entered, Failure Failure)> EnterAsync(IReadOnlyCollection<string> triedIds)
    {
        while (true)
        {
            ModelQueue queue = Queue;
            long startedNs = NowNs;
            EligibleSet untried = Untried(queue, triedIds);
            if (untried.Count == 0)
            {
                return (null, _refused.IsNone ? NothingLeft() : _refused);
            }

            Failure outage = HealthJudge.AllOut(x, runtime);
            if (!outage.IsNone)
            {
                return (null, outage);
            }

            Ready(queue, untried, triedIds.Count > 0, startedNs);
            // Before it can be seen to wait, and once more when it does: the clock may have fired in between.
            runtime.QueueClock.Arm(DeadlineNs, startedNs);
            (Deployment? place, Failure failure) = await HoldAsync(queue, triedIds, startedNs);
            if (place is not null || !failure.IsNone)
            {
                return (place, failure);
            }
        }
    }

    /// <summary>Stands in line until it holds a place. Neither a place nor a failure: a reload took the place away, and
    /// it stands in line again.</summary>
    private async ValueTask<(Deployment? Place, Failure Failure)> HoldAsync(
        ModelQueue queue, IReadOnlyCollection<string> triedIds, long startedNs)
    {
        bool holds = false;
        try
        {
            QueueAnswer answer = queue.Enter(this, x.Settings, startedNs);
            holds = answer == QueueAnswer.Entered;
            Failure failure = answer switch
            {
                QueueAnswer.Entered => Failure.None,
                QueueAnswer.Waits => await WaitAsync(queue, triedIds, startedNs),
                _ => Refusal(answer, queue.Count),
            };
            if (!failure.IsNone)
            {
                return (null, failure);
            }

            holds = true;
            Charge(queue);
            failure = _refused.IsNone ? follow() : _refused;
            if (failure.IsNone && Find(Place!.Id) is { } place)
            {
                return (place, failure);
            }

            // A reload took the place away between granting and now.
            holds = false;
            Routing.Leave(x, runtime);
            return (null, failure);
        }
        catch
        {
            // Whatever broke: nobody may be granted a place, or keep one, who is not there to give it back.
            if (!queue.Leave(this) && (holds || Volatile.Read(ref _end) == (int)QueueNotice.Granted))
            {
                Routing.Leave(x, runtime);
            }

            throw;
        }
    }

    public override Deployment? Route(EligibleSet among, long nowNs) => route(among);

    public override void Undo() => Routing.Undo(x, runtime);

    public override void Notify(QueueNotice notice)
    {
        if (notice != QueueNotice.FleetChanged)
        {
            Volatile.Write(ref _end, (int)notice);
        }

        Volatile.Read(ref _signal).TrySetResult();
    }

    private static TaskCompletionSource Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Ready(ModelQueue queue, EligibleSet untried, bool letInBefore, long nowNs)
    {
        _end = None;
        _signal = Fresh();
        if (_known)
        {
            Return(untried, x.Service.IsOpen ? 0 : x.ExpectedInputTokens);
            return;
        }

        _known = true;
        double ofTier = x.Batch is null ? x.Tenant!.Tier.MaxWaitSeconds ?? double.MaxValue : double.MaxValue;
        double seconds = Math.Min(x.Settings.MaxWaitSeconds, ofTier);
        Prepare(
            queue.CounterOf(x.Tenant!, x.Batch is not null),
            x.Priority,
            untried,
            x.Service.IsOpen ? 0 : x.ExpectedInputTokens,
            Math.Min(nowNs + (long)(seconds * Instant.NsPerSecond), x.ClientDeadlineNs));
        if (letInBefore)
        {
            // It was let in before without waiting, and is older than all who wait.
            Rejoin(x.Accepted.MonotonicNs);
        }
    }

    private EligibleSet Untried(ModelQueue queue, IReadOnlyCollection<string> triedIds) =>
        triedIds.Count == 0 ? x.Eligible : queue.Without(x.Eligible, triedIds);

    private async ValueTask<Failure> WaitAsync(
        ModelQueue queue, IReadOnlyCollection<string> triedIds, long startedNs)
    {
        runtime.QueueClock.Arm(DeadlineNs, NowNs);
        using CancellationTokenRegistration client = x.Http.RequestAborted.UnsafeRegister(
            static s => ((Waiting)s!).Notify(QueueNotice.FleetChanged), this);
        using CancellationTokenRegistration server = runtime.Cut.UnsafeRegister(
            static s => ((Waiting)s!).Notify(QueueNotice.FleetChanged), this);
        try
        {
            // A reload between policing and standing in line has told nobody.
            bool look = runtime.State.InForce != x.InForce;
            while (true)
            {
                if (!look)
                {
                    await _signal.Task;
                }

                // In this order: what is told from here on is found by the next round.
                Interlocked.Exchange(ref _signal, Fresh());
                switch ((QueueNotice)Volatile.Read(ref _end))
                {
                    case QueueNotice.Granted:
                        return Failure.None;
                    case QueueNotice.Expired:
                        return Expired();
                    case QueueNotice.Displaced:
                        return Displaced();
                }

                look = false;
                Failure gone = Gone();
                gone = gone.IsNone ? follow() : gone;
                EligibleSet untried = gone.IsNone ? Untried(queue, triedIds) : EligibleSet.Empty;
                if (untried.Count > 0)
                {
                    queue.Retag(this, untried, NowNs);
                }
                else if (queue.Leave(this))
                {
                    x.Http.RequestAborted.ThrowIfCancellationRequested();
                    return gone.IsNone ? NothingLeft() : gone;
                }
                else
                {
                    // Told meanwhile: a place that it holds now goes back by the way it takes anyway.
                    _refused = gone;
                    look = true;
                }
            }
        }
        finally
        {
            x.QueueMs += (NowNs - startedNs) / (double)Instant.NsPerMs;
        }
    }

    /// <summary>From here on the request's own meter answers for what was charged.</summary>
    private void Charge(ModelQueue queue)
    {
        if (!x.Service.IsOpen)
        {
            x.Service = ServiceMeter.Open(queue, Counter, InputTokens, Lifts);
        }
    }

    private Deployment? Find(string id)
    {
        foreach (Deployment deployment in x.Eligible.Deployments)
        {
            if (deployment.Id == id)
            {
                return deployment;
            }
        }

        return null;
    }

    private Failure Gone() => x.Http.RequestAborted.IsCancellationRequested
        ? new Failure(Reason.ClientGone, "The client went away.")
        : runtime.Cut.IsCancellationRequested
            ? new Failure(Reason.Draining, "The server is shutting down; send the request again.", null, 1)
            : Failure.None;

    private Failure Refusal(QueueAnswer answer, int waiting) => new(
        Reason.Overloaded,
        answer == QueueAnswer.Full
            ? $"Every place for {x.Model!.Id} is taken and {waiting} requests wait already; try again shortly."
            : $"Every place for {x.Model!.Id} is taken, and none would be free for this request before its deadline; " +
                "try again later.",
        null,
        RetryAfterSeconds);

    private Failure Expired() => new(
        Reason.QueueTimeout,
        $"No place for {x.Model!.Id} became free within " +
        $"{Math.Round((DeadlineNs - SinceNs) / (double)Instant.NsPerSecond, 3)} s; try again later.",
        null,
        RetryAfterSeconds);

    private Failure Displaced() => new(
        Reason.Overloaded,
        $"Too many requests wait for {x.Model!.Id}, and this one gave way to one that comes first; try again shortly.",
        null,
        RetryAfterSeconds);

    private Failure NothingLeft() => new(
        Reason.UpstreamUnavailable,
        $"{x.Model!.Id} is served nowhere any more that could take this request; try again later.",
        null,
        30);
}
