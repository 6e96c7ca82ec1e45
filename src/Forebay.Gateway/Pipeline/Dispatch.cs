using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Time;
using Forebay.Gateway.Continuation;
using Forebay.Gateway.Pinning;
using Forebay.Gateway.Telemetry;
using Forebay.Gateway.Translation;
using Forebay.Gateway.Upstreams;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Steps 6 and 7, and the loop around 8 and 9: wait for a place, take the best one, try it, and try elsewhere while
/// nothing has reached the client, or what has can be gone on with, and the retry budget allows.
/// </summary>
internal sealed class Dispatch(Exchange x, GatewayRuntime runtime)
{
    private readonly List<string> _triedIds = [];
    private int[] _tried = [];

    public async Task<Failure> RunAsync()
    {
        var last = Failure.None;
        while (true)
        {
            // What may be used is decided by what is in force, right before it is used: a reload or an export mask that
            // takes a permission away holds at once.
            Failure changed = FollowReload();
            if (!changed.IsNone)
            {
                return last.IsNone ? changed : last;
            }

            (Deployment? deployment, Failure waited) = await EnterAsync(last);
            if (deployment is null)
            {
                return waited;
            }

            if (!Translating.CanSend(x, deployment, runtime))
            {
                // It is out of the question from here on; whoever speaks the client's dialect is not.
                Routing.Leave(x, runtime);
                continue;
            }

            if (runtime.Upstreams.Lease(deployment) is not { } upstream)
            {
                // A reload took the deployment out or moved it since, which is no failure of either. It may be still
                // under way: the next round finds the snapshot that goes with it.
                Routing.Leave(x, runtime);
                x.Http.RequestAborted.ThrowIfCancellationRequested();
                await Task.Yield();
                continue;
            }

            AttemptResult result = await TryAsync(deployment, upstream);
            Explaining.Attempted(x, runtime, deployment, result);
            if (result.End == AttemptEnd.PoliceAgain)
            {
                continue;
            }

            if (result.End == AttemptEnd.Served)
            {
                Continuing.Served(x, runtime);
                return result.Failure;
            }

            last = x.Answer is { Times: > 0 } && !result.Blame ? last : result.Failure;
            switch (await AfterAsync(deployment, result, last))
            {
                case GoOn.Ended:
                    return Failure.None;
                case GoOn.No:
                    return last;
            }
        }
    }

    /// <summary>Whether the request goes on elsewhere after an attempt failed: before its first byte it may, after it
    /// where its answer can be gone on with; both within the retry budget.</summary>
    private async ValueTask<GoOn> AfterAsync(Deployment deployment, AttemptResult result, Failure last)
    {
        _triedIds.Add(deployment.Id);
        _tried = [.. _tried, deployment.Index];
        GoOn next = result.End != AttemptEnd.Failed ? GoOn.Elsewhere
            : await Continuing.AfterAsync(x, deployment, result.Failure, runtime);
        if (next == GoOn.Ended)
        {
            return next;
        }

        if (next == GoOn.No
            || x.Attempts >= x.Settings.MaxAttempts
            || !HasUntried()
            || !runtime.State.TryWithdrawRetry(x.Model!))
        {
            Continuing.Count(x, "failed", runtime);
            return GoOn.No;
        }

        if (x.Answer is { Times: > 0 })
        {
            Explaining.Late(x, runtime, ExplainCause.Continued);
        }

        Continuing.Count(x, "tried", runtime);
        runtime.Metrics.Retried(x, last.Reason);
        Log.Retrying(runtime.Logger, x.IdText, deployment.Id, ReasonTable.LabelOf(last.Reason), last.Detail);
        return next;
    }

    private bool HasUntried() => x.Eligible.Deployments.Any(d => !_tried.Contains(d.Index));

    private async Task<AttemptResult> TryAsync(Deployment deployment, Upstream upstream)
    {
        DeploymentState live = runtime.State.Of(deployment);
        Deployment? before = x.Deployment;
        x.Deployment = deployment;
        x.Attempts++;
        x.Tokens = x.Answer is { Times: > 0 } ? x.Tokens : default;
        try
        {
            AttemptResult result = await new Attempt(x, deployment, upstream, runtime).RunAsync();
            if (result.End == AttemptEnd.Served && result.Failure.IsNone && x.Answer is not { Times: > 0 })
            {
                Routing.Completed(x, runtime);
            }

            HealthJudge.Judge(x, deployment, live, result, runtime);
            if (result.End == AttemptEnd.PoliceAgain)
            {
                x.Attempts--;
                x.Deployment = before;
            }

            return result;
        }
        finally
        {
            upstream.Release();
            Routing.Leave(x, runtime);
        }
    }

    /// <summary>Goes on by what is in force, where the fleet or an export mask changed; what was tried stays tried.
    /// </summary>
    private Failure FollowReload()
    {
        InForce inForce = runtime.State.InForce;
        if (inForce == x.InForce)
        {
            return Failure.None;
        }

        Failure failure = Policing.CheckAgain(x, inForce);
        failure = failure.IsNone ? Pinned.Check(x, runtime) : failure;
        failure = failure.IsNone ? Translating.Check(x, runtime) : failure;
        if (x.Story is not null)
        {
            Explaining.Policed(x, runtime, failure);
        }

        Continuing.Narrow(x);
        _tried = [.. inForce.Model.Deployments.Where(d => _triedIds.Contains(d.Id)).Select(d => d.Index)];
        return failure;
    }

    private async ValueTask<(Deployment? Entered, Failure Failure)> EnterAsync(Failure last)
    {
        WaitRoom room = runtime.State.RoomOf(x.Model!);
        if (!room.Competes(x.Eligible.Deployments.AsSpan()) && TryEnter() is { } free)
        {
            return (free, Failure.None);
        }

        // A retry that finds every other place taken answers with why the first one failed rather than wait again.
        if (!last.IsNone)
        {
            return (TryEnter(), last);
        }

        double before = x.QueueMs;
        (Deployment? Entered, Failure) waited = await WaitAsync(room);
        Explaining.Waited(x, runtime, x.QueueMs - before, waited.Entered is not null);
        return waited;
    }

    private async ValueTask<(Deployment? Entered, Failure Failure)> WaitAsync(WaitRoom room)
    {
        Failure outage = HealthJudge.AllOut(x, runtime);
        if (!outage.IsNone)
        {
            return (null, outage);
        }

        using var waiter = new Waiter(x);
        LinkedListNode<IWaiter>? place = room.TryEnter(waiter, x.Settings.MaxWaiting);
        if (place is null)
        {
            return (null, new Failure(
                Reason.Overloaded,
                $"Every place for {x.Model!.Id} is taken and {room.Count} requests wait already; try again shortly.",
                null,
                RetrySeconds(room.Count)));
        }

        var started = Instant.From(runtime.Time);
        using var deadline = new CancellationTokenSource(
            TimeSpan.FromSeconds(x.Settings.MaxWaitSeconds), runtime.Time);
        using CancellationTokenRegistration client = x.Http.RequestAborted.UnsafeRegister(
            static s => ((CancellationTokenSource)s!).Cancel(), deadline);
        using CancellationTokenRegistration server = runtime.Cut.UnsafeRegister(
            static s => ((CancellationTokenSource)s!).Cancel(), deadline);
        runtime.State.ChangeWaiting(1);
        if (room.IsFirst(place))
        {
            // A place may have been freed just before we stood in line, with nobody there to be woken.
            waiter.Wake();
        }

        try
        {
            while (true)
            {
                await waiter.WaitAsync(deadline.Token);
                Failure gone = FollowReload();
                if (!gone.IsNone)
                {
                    return (null, gone);
                }

                if (TryEnter() is { } entered)
                {
                    return (entered, Failure.None);
                }
            }
        }
        catch (OperationCanceledException) when (!x.Http.RequestAborted.IsCancellationRequested)
        {
            return (null, runtime.Cut.IsCancellationRequested
                ? new Failure(Reason.Draining, "The server is shutting down; send the request again.", null, 1)
                : new Failure(
                    Reason.QueueTimeout,
                    $"No place for {x.Model!.Id} became free within {x.Settings.MaxWaitSeconds} s; try again later.",
                    null,
                    RetrySeconds(room.Count)));
        }
        finally
        {
            runtime.State.ChangeWaiting(-1);
            room.Leave(place);
            // Hand a wake-up on that came too late for us, or for more places than one.
            room.WakeFirst();
            x.QueueMs += Instant.From(runtime.Time).MsSince(started);
        }
    }

    private Deployment? TryEnter() => Routing.TryEnter(x, runtime, _tried) ? x.Route.Deployment : null;

    /// <summary>The fuller the room, the longer the advice; between 1 and 30 s.</summary>
    private int RetrySeconds(int waiting) =>
        Math.Clamp(1 + 29 * waiting / Math.Max(1, x.Settings.MaxWaiting), 1, 30);

    private sealed class Waiter(Exchange x) : IWaiter, IDisposable
    {
        private readonly SemaphoreSlim _signal = new(0);

        public bool CanUse(string deploymentId) => x.Eligible.Contains(deploymentId);

        public void Wake()
        {
            if (_signal.CurrentCount == 0)
            {
                _signal.Release();
            }
        }

        public Task WaitAsync(CancellationToken cancel) => _signal.WaitAsync(cancel);

        /// <summary>Safe once it has left the room: waking happens under the room's lock.</summary>
        public void Dispose() => _signal.Dispose();
    }
}
