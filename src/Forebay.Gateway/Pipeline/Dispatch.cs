using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;
using Forebay.Gateway.Telemetry;
using Forebay.Gateway.Translation;
using Forebay.Gateway.Upstreams;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// Steps 6 and 7, and the loop around 8 and 9: wait for a place, take the best one, try it, and try elsewhere while
/// nothing has reached the client and the retry budget allows.
/// </summary>
internal sealed class Dispatch(Exchange x, GatewayRuntime runtime)
{
    private readonly List<string> _triedIds = [];
    private int[] _tried = [];
    private Waiting? _waiting;
    private long _enteredNs;

    public async Task<Failure> RunAsync()
    {
        var last = Failure.None;
        while (true)
        {
            // What may be used is decided by the fleet in force, right before it is used: a reload that takes a
            // permission away holds at once.
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
            if (result.End == AttemptEnd.Served)
            {
                return result.Failure;
            }

            last = result.Failure;
            _triedIds.Add(deployment.Id);
            _tried = [.. _tried, deployment.Index];
            if (result.End == AttemptEnd.Failed
                || x.Attempts >= x.Settings.MaxAttempts
                || _tried.Length == x.Eligible.Count
                || !runtime.State.Retries.TryWithdraw())
            {
                return last;
            }

            runtime.Metrics.Retried(x, last.Reason);
            Log.Retrying(runtime.Logger, x.IdText, deployment.Id, ReasonTable.LabelOf(last.Reason), last.Detail);
        }
    }

    private async Task<AttemptResult> TryAsync(Deployment deployment, Upstream upstream)
    {
        DeploymentState live = runtime.State.Of(deployment);
        x.Deployment = deployment;
        x.Attempts++;
        x.Tokens = default;
        try
        {
            AttemptResult result = await new Attempt(x, deployment, upstream, runtime).RunAsync();
            if (result.End == AttemptEnd.Served && result.Failure.IsNone)
            {
                Routing.Completed(x, runtime);
            }

            Judge(live, result);
            NoteHeld(deployment, result);
            return result;
        }
        finally
        {
            upstream.Release();
            Routing.Leave(x, runtime);
        }
    }

    /// <summary>How long answers hold their places is what waiting times are predicted from.</summary>
    private void NoteHeld(Deployment deployment, AttemptResult result)
    {
        if (result.End == AttemptEnd.Served)
        {
            long nowNs = Instant.MonotonicNsOf(runtime.Time);
            runtime.State.QueueOf(x.Model!).Served(deployment, nowNs - _enteredNs, nowNs);
        }
    }

    /// <summary>Goes on by the snapshot in force, where that is a later one; what was tried stays tried.</summary>
    private Failure FollowReload()
    {
        FleetModel inForce = runtime.State.Model;
        if (inForce == x.Fleet)
        {
            return Failure.None;
        }

        Failure failure = Policing.CheckAgain(x, inForce);
        failure = failure.IsNone ? Translating.Check(x, runtime) : failure;
        _tried = [.. inForce.Deployments.Where(d => _triedIds.Contains(d.Id)).Select(d => d.Index)];
        return failure;
    }

    private void Judge(DeploymentState live, AttemptResult result)
    {
        if (result.End == AttemptEnd.Served)
        {
            live.Succeeded();
        }
        else if (result.Blame)
        {
            live.FailedWith(result.Failure.Reason, Instant.MonotonicNsOf(runtime.Time), result.Pause);
        }
    }

    private async ValueTask<(Deployment? Entered, Failure Failure)> EnterAsync(Failure last)
    {
        ModelQueue queue = runtime.State.QueueOf(x.Model!);
        if (queue.Count == 0 && TryEnter(x.Eligible) is { } free)
        {
            if (!x.Service.IsOpen)
            {
                x.Service = queue.Admit(x.Tenant!, x.Facts.EstimatedInputTokens);
            }

            _enteredNs = Instant.MonotonicNsOf(runtime.Time);
            return (free, Failure.None);
        }

        _waiting ??= new Waiting(x, runtime, TryEnter, FollowReload);
        (Deployment? entered, Failure failure) = await _waiting.EnterAsync(_triedIds);
        _enteredNs = Instant.MonotonicNsOf(runtime.Time);
        // One that was tried before answers with why that failed.
        return (entered, entered is null && !last.IsNone ? last : failure);
    }

    private Deployment? TryEnter(EligibleSet among) => Routing.TryEnter(x, runtime, among, _tried)
        ? x.Route.Deployment
        : null;
}
