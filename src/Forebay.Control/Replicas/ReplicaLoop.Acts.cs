using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Execution;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Replicas;

/// <content>What is done for replicas: each in a task of its own, one of a kind at a time, so that a slow one holds up
/// nobody else. Log events 2500-2599.</content>
public sealed partial class ReplicaLoop
{
    /// <summary>Longest wait for the answer to one warm-up request: the first may compile.</summary>
    private static readonly TimeSpan WarmupTimeout = TimeSpan.FromMinutes(2);

    private void Act(List<Stepped> steps)
    {
        long now = Now;
        foreach (Stepped stepped in steps)
        {
            // What is asked for holds for the state before the step; after one that moved on, the next pass asks anew.
            if (stepped.Step.Next is not { } next || next.Phase != stepped.Before.Phase)
            {
                continue;
            }

            LiveReplica live = stepped.Live;
            ReplicaActions actions = stepped.Step.Actions;
            if (live.Working.IsCompleted)
            {
                bool starts = actions.HasFlag(ReplicaActions.Start) && _parts.MayStart(next.Spec);
                live.Working = starts ? GuardAsync(live, () => StartAsync(live, next))
                    : actions.HasFlag(ReplicaActions.Stop) ? GuardAsync(live, () => StopAsync(live))
                    : actions.HasFlag(ReplicaActions.Forget) ? GuardAsync(live, () => ForgetAsync(live))
                    : Task.CompletedTask;
            }

            if (live.Endpoint is not { } endpoint)
            {
                continue;
            }

            if (actions.HasFlag(ReplicaActions.Probe) && live.Probing.IsCompleted && now >= live.NextProbeUnixMs)
            {
                live.NextProbeUnixMs = now + (long)_parts.Options.ProbeInterval.TotalMilliseconds;
                live.Probing = GuardAsync(live, () => ProbeAsync(live, next.Generation, endpoint));
            }

            if (actions.HasFlag(ReplicaActions.Warm) && live.Warming.IsCompleted)
            {
                live.Warming = GuardAsync(live, () => WarmAsync(live, next, endpoint));
            }
        }
    }

    /// <summary>Runs something that nobody waits for: it never throws.</summary>
    private async Task GuardAsync(LiveReplica live, Func<Task> act)
    {
        try
        {
            // Off the pass: a start writes to disk.
            await Task.Run(act, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The loop ends; the next one goes on from what is stored.
        }
        catch (Exception e)
        {
            ActFailed(_parts.Logger, live.State.Id, e);
        }
    }

    private async Task StartAsync(LiveReplica live, ReplicaState state)
    {
        try
        {
            if (ProblemOf(live) is { } problem)
            {
                throw new WorkRefusedException(problem);
            }

            await _parts.Executor.StartAsync(WorkOf(state), _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WorkRefusedException or IOException or InvalidOperationException)
        {
            live.Refusal = new StartRefusal(state.Generation, e.Message);
        }

        Nudge();
    }

    /// <summary>The replica's work, its weights laid out and its secrets read.</summary>
    private WorkSpec WorkOf(ReplicaState state)
    {
        ReplicaWanted spec = state.Spec;
        string folder = spec.Weights.IsDefaultOrEmpty
            ? ""
            : _parts.Weights.LayOut(
                spec.Id, spec.Site, [.. spec.Weights.Select(static w => (w.Path, w.Transfer.File.Sha256))]);
        string Fill(string text)
        {
            foreach (ReplicaWeights weights in spec.Weights)
            {
                text = text.Replace(
                    $"{{weights:{weights.Path}}}", Path.Combine(folder, weights.Path), StringComparison.Ordinal);
            }

            return text.Replace("{weights}", folder, StringComparison.Ordinal);
        }

        IEnumerable<KeyValuePair<string, string>> environment = spec.Environment
            .Select(e => KeyValuePair.Create(e.Key, Fill(e.Value)))
            .Concat(spec.Secrets.Select(s => KeyValuePair.Create(s.Key, _parts.ReadSecret(s.Value))));
        return spec.ToWork(
            state.Generation, spec.Program, [.. spec.Arguments.Select(Fill)], environment.DistinctBy(e => e.Key));
    }

    private async Task StopAsync(LiveReplica live)
    {
        // Whatever runs under the id, also a generation before the present one.
        if (live.Work is { } work)
        {
            var grace = TimeSpan.FromMilliseconds(_parts.Options.Policy.StopGraceMs);
            await _parts.Executor.StopAsync(work.Id, work.Generation, grace, _stop.Token).ConfigureAwait(false);
        }
    }

    private Task ForgetAsync(LiveReplica live) => _parts.Executor.ForgetAsync(live.State.Id, _stop.Token);

    private async Task ProbeAsync(LiveReplica live, long generation, Uri endpoint)
    {
        string path = live.Effective.HealthPath;
        string? said = await _calls.ProbeAsync(endpoint, path, _parts.Options.ProbeTimeout, _stop.Token)
            .ConfigureAwait(false);
        bool news = said is null != live.Health.Healthy;
        live.Probed(generation, said, Now);
        if (news)
        {
            Nudge();
        }
    }

    private async Task WarmAsync(LiveReplica live, ReplicaState state, Uri endpoint)
    {
        string? wrong = await _calls
            .WarmAsync(live.Effective, endpoint, live.WarmupRounds++, WarmupTimeout, _stop.Token).ConfigureAwait(false);
        live.Warmup = new WarmupResult(state.Generation, wrong is null, wrong);
        if (wrong is null)
        {
            Nudge();
        }
    }

    [LoggerMessage(2500, LogLevel.Information,
        "Replica {Replica} generation {Generation} went from {From} to {To}. {Reason}")]
    private static partial void ReplicaMoved(
        ILogger logger, string replica, long generation, ReplicaPhase from, ReplicaPhase to, string reason);

    [LoggerMessage(2501, LogLevel.Error,
        "Replica {Replica} generation {Generation} failed, {Failures} times in a row now: {Reason}")]
    private static partial void ReplicaFailed(
        ILogger logger, string replica, long generation, int failures, string reason);

    [LoggerMessage(2502, LogLevel.Error, "A pass over the replicas failed; the next one tries again.")]
    private static partial void PassFailed(ILogger logger, Exception exception);

    [LoggerMessage(2503, LogLevel.Warning, "The executor cannot be asked how engines are: {Problem}")]
    private static partial void ExecutorSilent(ILogger logger, string problem);

    [LoggerMessage(2504, LogLevel.Warning,
        "Work {Work} generation {Generation} runs and is no replica; it is stopped.")]
    private static partial void OrphanStopped(ILogger logger, string work, long generation);

    [LoggerMessage(2505, LogLevel.Warning, "Something for replica {Replica} failed and is tried again.")]
    private static partial void ActFailed(ILogger logger, string replica, Exception exception);

    [LoggerMessage(2507, LogLevel.Error, "The ready replicas could not be put in force; the next pass tries again.")]
    private static partial void NotPublished(ILogger logger, Exception exception);

    [LoggerMessage(2506, LogLevel.Error, "Replica {Replica} cannot be run: {Problem}")]
    private static partial void WantedRefused(ILogger logger, string replica, string problem);
}
