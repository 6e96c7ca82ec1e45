using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;
using Forebay.Gateway.Continuation;
using Forebay.Gateway.Pinning;
using Forebay.Gateway.Telemetry;
using Forebay.Gateway.Translation;
using Forebay.Gateway.Upstreams;
using Forebay.Gateway.Versions;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Steps 6 and 7, and the loop around 8 and 9: wait for a place, take the best one, try it, and try elsewhere while
/// nothing has reached the client, or what has can be gone on with, and the retry budget allows.
/// </summary>
internal sealed class Dispatch(Exchange x, GatewayRuntime runtime)
{
    private readonly List<string> _triedIds = [];
    private int[] _tried = [];
    private Waiting? _waiting;

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

            if (Lease(deployment) is not { } upstream)
            {
                // It cannot be sent what the request holds, which leaves those that can. Or a reload took the
                // deployment out or moved it since, which is no failure of either: it may be still under way, and the
                // next round finds the snapshot that goes with it.
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

    /// <summary>What to send to; null where that cannot be, and then the place is given back, as it is whatever goes
    /// wrong here.</summary>
    private Upstream? Lease(Deployment deployment)
    {
        Upstream? upstream = null;
        try
        {
            upstream = Translating.CanSend(x, deployment, runtime) ? runtime.Upstreams.Lease(deployment) : null;
            return upstream;
        }
        finally
        {
            if (upstream is null)
            {
                Routing.Leave(x, runtime);
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
            || !(HasUntried() || (next == GoOn.Elsewhere && Versioning.TryOther(x) && HasUntried()))
            || !TryWithdraw())
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

    private bool TryWithdraw()
    {
        bool allowed = runtime.State.TryWithdrawRetry(x.Model!);
        if (!allowed)
        {
            runtime.Metrics.RetryRefused(x);
        }

        return allowed;
    }

    private bool HasUntried() => x.Eligible.Deployments.Any(d => !_tried.Contains(d.Index));

    private async Task<AttemptResult> TryAsync(Deployment deployment, Upstream upstream)
    {
        Deployment? before = x.Deployment;
        x.Deployment = deployment;
        x.Attempts++;
        x.Tokens = x.Answer is { Times: > 0 } ? x.Tokens : default;
        try
        {
            x.AttemptOpen = true;
            AttemptResult result = await new Attempt(x, deployment, upstream, runtime).RunAsync();
            x.AttemptOpen = false;
            long nowNs = Instant.MonotonicNsOf(runtime.Time);
            if (result.End == AttemptEnd.Served && result.Failure.IsNone && x.Answer is not { Times: > 0 })
            {
                Routing.Completed(x, runtime, nowNs);
            }

            HealthJudge.Judge(x, deployment, x.Route.State, result, runtime);
            Versioning.Count(x, deployment, result, nowNs);
            NoteHeld(deployment, result, nowNs);
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

    /// <summary>How long answers hold their places is what waiting times are predicted from.</summary>
    private void NoteHeld(Deployment deployment, AttemptResult result, long nowNs)
    {
        if (result.End == AttemptEnd.Served)
        {
            runtime.State.QueueOf(x.Model!).Served(deployment, nowNs - x.EnteredNs, nowNs);
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

        Failure failure = Policing.CheckAgain(x, inForce, runtime.State);
        failure = failure.IsNone ? Pinned.Check(x, runtime) : failure;
        failure = failure.IsNone ? Versioning.Check(x, runtime) : failure;
        failure = failure.IsNone ? Translating.Check(x, runtime) : failure;
        if (x.Story is not null)
        {
            Explaining.Policed(x, runtime, failure);
        }

        if (!failure.IsNone)
        {
            // What was found under the rules before must not be used by anyone.
            x.Eligible = EligibleSet.Empty;
        }

        Continuing.Narrow(x);
        _tried = [.. inForce.Model.Deployments.Where(d => _triedIds.Contains(d.Id)).Select(d => d.Index)];
        return failure;
    }

    private async ValueTask<(Deployment? Entered, Failure Failure)> EnterAsync(Failure last)
    {
        ModelQueue queue = runtime.State.QueueOf(x.Model!);
        if (queue.Count == 0 && TryEnter(x.Eligible) is { } free)
        {
            if (!x.Service.IsOpen)
            {
                x.Service = queue.Admit(x.Tenant!, x.ExpectedInputTokens, x.Priority, x.Batch is not null);
            }

            return (free, Failure.None);
        }

        _waiting ??= new Waiting(x, runtime, TryEnter, FollowReload);
        double before = x.QueueMs;
        (Deployment? entered, Failure failure) = await _waiting.EnterAsync(_triedIds);
        if (x.QueueMs > before)
        {
            Explaining.Waited(x, runtime, x.QueueMs - before, entered is not null);
        }

        // One that was tried before answers with why that failed.
        return (entered, entered is null && !last.IsNone ? last : failure);
    }

    private Deployment? TryEnter(EligibleSet among) => Routing.TryEnter(x, runtime, among, _tried)
        ? x.Route.Deployment
        : null;
}
