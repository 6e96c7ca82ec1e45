using System.Collections.Concurrent;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Forebay.Gateway.Upstreams;
using Microsoft.Extensions.Logging;

namespace Forebay.Gateway.Health;

/// <summary>
/// One timer for the health of all deployments of the fleet in force: asks those that are due how they are (a probe,
/// the engine's metrics), compares them with each other once a second, and logs each change of state once. Costs one
/// pass over the deployments per tick.
/// </summary>
/// <remarks>
/// When a deployment is first asked lies anywhere within its interval, by its id, so that two thousand are not asked at
/// once; no more than <see cref="MaxAsking"/> are asked at a time, the others wait for the next tick. A reload is
/// followed; while the server drains nobody is asked.
/// </remarks>
internal sealed class HealthWatch : IDisposable
{
    /// <summary>Most deployments asked at a time.</summary>
    public const int MaxAsking = 256;

    private const int StaleIntervals = ReportedLoad.StaleIntervals;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<string, Watched> _watched = new(StringComparer.Ordinal);
    private readonly FleetState _state;
    private readonly UpstreamSet _upstreams;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private FleetModel? _followed;
    private long _comparedNs = long.MinValue;
    private uint _round;
    private int _running;
    private int _asking;
    private volatile bool _stopped;

    public HealthWatch(FleetState state, UpstreamSet upstreams, TimeProvider time, ILogger logger)
    {
        _state = state;
        _upstreams = upstreams;
        _time = time;
        _logger = logger;
        _timer = time.CreateTimer(static s => ((HealthWatch)s!).Run(), this, Tick, Tick);
    }

    /// <summary>Deployments being asked now.</summary>
    public int Asking => Volatile.Read(ref _asking);

    public void Dispose()
    {
        _stopped = true;
        _timer.Dispose();
    }

    private void Run()
    {
        if (Interlocked.Exchange(ref _running, 1) != 0)
        {
            return;
        }

        try
        {
            Look(Instant.MonotonicNsOf(_time));
        }
        catch (Exception e)
        {
            // A timer's exception ends the process; one failed look does not have to.
            HealthLog.WatchFailed(_logger, e);
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    private void Look(long now)
    {
        FleetModel fleet = _state.Model;
        Follow(fleet);
        if (_comparedNs == long.MinValue || now - _comparedNs >= Instant.NsPerSecond)
        {
            _comparedNs = now;
            _round++;
            HealthSweep.Run(_state, now, Jitter);
        }

        foreach (Deployment deployment in fleet.Deployments)
        {
            DeploymentState live = _state.Of(deployment);
            LogChanges(deployment, live, now);
            if (deployment.IsServed && !_state.Draining)
            {
                AskIfDue(fleet, deployment, live, now);
            }
        }
    }

    /// <summary>Forgets deployments that a reload took out.</summary>
    private void Follow(FleetModel fleet)
    {
        if (fleet == _followed)
        {
            return;
        }

        _followed = fleet;
        var there = fleet.Deployments.Select(d => d.Id).ToHashSet(StringComparer.Ordinal);
        foreach (string id in _watched.Keys)
        {
            if (!there.Contains(id))
            {
                _watched.TryRemove(id, out _);
            }
        }
    }

    private void AskIfDue(FleetModel fleet, Deployment deployment, DeploymentState live, long now)
    {
        Watched watched = _watched.GetOrAdd(deployment.Id, static _ => new Watched { NextNs = long.MinValue });
        DeploymentHealthConfig config = deployment.Config.Health;
        long interval = (long)(config.IntervalSeconds * Instant.NsPerSecond);
        if (watched.NextNs == long.MinValue || watched.Config?.IntervalSeconds != config.IntervalSeconds)
        {
            watched.NextNs = now + (long)(interval * Jitter(deployment.Index));
        }

        if (watched.Config != config)
        {
            watched.Config = config;
            watched.StartAnew();
        }

        if (now < watched.NextNs
            || Volatile.Read(ref _asking) >= MaxAsking
            || Interlocked.Exchange(ref watched.Busy, true))
        {
            return;
        }

        if (_upstreams.Lease(deployment) is not { } upstream)
        {
            // A reload is under way.
            Volatile.Write(ref watched.Busy, false);
            return;
        }

        Interlocked.Increment(ref _asking);
        watched.NextNs = now + interval;
        _ = AskAsync(new Asked(fleet, deployment, live, watched, upstream), now);
    }

    private sealed record Asked(
        FleetModel Fleet, Deployment Deployment, DeploymentState Live, Watched Watched, Upstream Upstream);

    /// <summary>Never throws: nobody waits for it.</summary>
    private async Task AskAsync(Asked asked, long now)
    {
        try
        {
            if (asked.Watched.Seen is { } before && before != asked.Upstream)
            {
                // Another address, credential or trust: what was learned of the old one says nothing.
                asked.Live.ForgetHealth(now);
                _state.ForgetSpeed(asked.Deployment);
                asked.Watched.StartAnew();
            }

            asked.Watched.Seen = asked.Upstream;
            await Task.WhenAll(ProbeAsync(asked), ReadMetricsAsync(asked));
        }
        catch (Exception e)
        {
            HealthLog.WatchFailed(_logger, e);
        }
        finally
        {
            asked.Upstream.Release();
            Interlocked.Decrement(ref _asking);
            Volatile.Write(ref asked.Watched.Busy, false);
        }
    }

    private async Task ProbeAsync(Asked asked)
    {
        if (asked.Deployment.ProbePath is not { } path || asked.Watched.NoProbe)
        {
            return;
        }

        using CancellationTokenSource patience = Patience(asked.Deployment);
        AskResult result = await EngineAsk.ProbeAsync(asked.Deployment, asked.Upstream, path, patience.Token);
        if (_stopped)
        {
            return;
        }

        if (result.IsUnknown && asked.Deployment.Config.Health.ProbePath is null)
        {
            asked.Watched.NoProbe = true;
            HealthLog.NotAsked(_logger, asked.Deployment.Id, path, result.Status);
            return;
        }

        asked.Live.Probed(
            result.IsGood,
            Instant.MonotonicNsOf(_time),
            asked.Deployment.Config.Health,
            asked.Fleet.Config.Server.Health,
            Jitter(asked.Deployment.Index));
        _state.LoadOf(asked.Deployment).Publish();
    }

    private async Task ReadMetricsAsync(Asked asked)
    {
        if (asked.Deployment.MetricsPath is not { } path || asked.Watched.NoMetrics)
        {
            asked.Live.Report = null;
            return;
        }

        RouteLoad load = _state.LoadOf(asked.Deployment);
        ReportStart start = load.BeginReport();
        using CancellationTokenSource patience = Patience(asked.Deployment);
        AskResult result = await EngineAsk.ReadMetricsAsync(asked.Deployment, asked.Upstream, path, patience.Token);
        long now = Instant.MonotonicNsOf(_time);
        double intervalNs = asked.Deployment.Config.Health.IntervalSeconds * Instant.NsPerSecond;
        if (result.IsGood && result.Sample.IsKnown)
        {
            EngineReport said = asked.Watched.ReportOf(result.Sample, now);
            asked.Live.Report = said;
            load.Reported(said, start, (long)intervalNs);
            return;
        }

        if ((result.IsGood || result.IsUnknown) && asked.Deployment.Config.Health.MetricsPath is null)
        {
            // A page that is not an engine's, or none.
            asked.Watched.NoMetrics = true;
            HealthLog.NotAsked(_logger, asked.Deployment.Id, path, result.Status);
        }

        if (asked.Live.Report is { } report && now - report.AtNs > StaleIntervals * intervalNs)
        {
            asked.Live.Report = null;
            load.Reported(null, start, (long)intervalNs);
        }
    }

    private CancellationTokenSource Patience(Deployment deployment) =>
        new(TimeSpan.FromSeconds(deployment.Config.Health.TimeoutSeconds), _time);

    /// <summary>Spread evenly over deployments (the golden ratio's multiples), other ones each second.</summary>
    private double Jitter(int index)
    {
        double turns = (index + 1) * 0.6180339887498949 + _round * 0.7548776662466927;
        return turns - Math.Floor(turns);
    }

    private void LogChanges(Deployment deployment, DeploymentState live, long now)
    {
        while (live.Breaker.TryTakeChange(now, out HealthChange change))
        {
            double seconds = change.ForNs / (double)Instant.NsPerSecond;
            string cause = HealthNames.Of(change.Cause);
            switch (change.To)
            {
                case BreakerState.Open when change.Cause == OutCause.Account:
                    HealthLog.AccountRefused(_logger, deployment.Id, seconds);
                    break;
                case BreakerState.Open:
                    HealthLog.Opened(_logger, deployment.Id, seconds, cause, ReasonTable.LabelOf(change.Reason));
                    break;
                case BreakerState.HalfOpen:
                    HealthLog.HalfOpen(_logger, deployment.Id, cause);
                    break;
                case BreakerState.Recovering:
                    HealthLog.Recovering(_logger, deployment.Id, seconds);
                    break;
                case BreakerState.Paused:
                    HealthLog.Paused(_logger, deployment.Id, seconds);
                    break;
                default:
                    HealthLog.Closed(_logger, deployment.Id);
                    break;
            }
        }
    }
}
