using Forebay.Core.Fleet;
using Forebay.Core.Time;
using Forebay.Gateway.Telemetry;
using Microsoft.Extensions.Logging;

namespace Forebay.Gateway.Pipeline;

/// <summary>
/// One timer for all that wait: it fires at the next deadline, and while anybody waits at least four times a second, to
/// hand out places of deployments that are back or may take more. Idle while nobody waits.
/// </summary>
internal sealed class QueueClock : IDisposable
{
    private const long TickNs = 250 * Instant.NsPerMs;

    /// <summary>Timers count in milliseconds, and are early by as much on some systems.</summary>
    private const long SlackNs = Instant.NsPerMs;

    private readonly FleetState _state;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private long _dueNs = long.MaxValue;

    public QueueClock(FleetState state, TimeProvider time, ILogger logger)
    {
        _logger = logger;
        _state = state;
        _time = time;
        _timer = time.CreateTimer(
            static s => ((QueueClock)s!).Run(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Somebody waits until this time at the most.</summary>
    public void Arm(long deadlineNs, long nowNs)
    {
        long due = Math.Min(deadlineNs, nowNs + TickNs);
        if (due >= Volatile.Read(ref _dueNs))
        {
            return;
        }

        lock (_lock)
        {
            if (due < _dueNs)
            {
                Volatile.Write(ref _dueNs, due);
                long waitMs = Math.Max(0, (due - nowNs + Instant.NsPerMs - 1) / Instant.NsPerMs);
                _timer.Change(TimeSpan.FromMilliseconds(waitMs), Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Run()
    {
        lock (_lock)
        {
            // Whoever begins to wait from here on arms it anew.
            Volatile.Write(ref _dueNs, long.MaxValue);
        }

        long next = 0;
        try
        {
            next = _state.TendQueues(Instant.MonotonicNsOf(_time) + SlackNs);
        }
        catch (Exception e)
        {
            // A broken invariant of one request must not end the process, nor the waiting of all others.
            Log.QueueClockFailed(_logger, e);
        }

        if (_state.Waiting > 0)
        {
            Arm(Math.Max(next, 1), Instant.MonotonicNsOf(_time));
        }
    }
}
