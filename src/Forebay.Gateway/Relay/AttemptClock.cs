using Forebay.Core.Serving;
using Forebay.Core.Time;

namespace Forebay.Gateway.Relay;

/// <summary>What an attempt is waiting for; named in the time-out's message.</summary>
internal enum AttemptPhase : byte
{
    FirstByte,
    NextByte,
    Total,
}

/// <summary>
/// The deadlines of one attempt on one timer, joined with the client's and the server's cancellation. Cancelling the
/// read closes the upstream connection at once.
/// </summary>
/// <remarks>
/// Every event of a stream moves the deadline, nearly always to a later time, so moving it is two fields: the timer is
/// left where it is, and when it fires early it is set again for what is left. Only an earlier deadline touches it.
/// </remarks>
internal sealed class AttemptClock : IDisposable
{
    private const long Never = long.MaxValue;

    /// <summary>Timers round up to milliseconds and are early by as much on some systems.</summary>
    private const long SlackNs = Instant.NsPerMs;

    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenRegistration _client;
    private readonly CancellationTokenRegistration _server;
    private readonly UpstreamTimeoutsConfig _timeouts;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly long _totalNs;
    private long _deadlineNs;
    private long _armedNs;

    public AttemptClock(
        UpstreamTimeoutsConfig timeouts,
        TimeProvider time,
        CancellationToken client,
        CancellationToken server)
    {
        _timeouts = timeouts;
        _time = time;
        long now = Instant.MonotonicNsOf(time);
        _totalNs = Later(now, timeouts.TotalSeconds);
        _client = client.UnsafeRegister(static s => ((AttemptClock)s!).Cancel(), this);
        _server = server.UnsafeRegister(static s => ((AttemptClock)s!).Cancel(), this);
        Phase = Earliest(AttemptPhase.FirstByte, now);
        _armedNs = _deadlineNs;
        _timer = time.CreateTimer(
            static s => ((AttemptClock)s!).Fire(), this, Span(_deadlineNs - now), Timeout.InfiniteTimeSpan);
    }

    public CancellationToken Token => _source.Token;

    public AttemptPhase Phase { get; private set; }

    /// <summary>Starts the deadline of a phase; the total's wins when it comes first. While the client reads, only the
    /// total counts: a slow reader is not the upstream's doing.</summary>
    public void Expect(AttemptPhase phase)
    {
        long now = Instant.MonotonicNsOf(_time);
        Phase = Earliest(phase, now);
        Arm(now);
    }

    /// <summary>Sets a deadline of its own.</summary>
    public void Within(TimeSpan patience)
    {
        long now = Instant.MonotonicNsOf(_time);
        Interlocked.Exchange(ref _deadlineNs, now + patience.Ticks * 100);
        Arm(now);
    }

    /// <summary>What ran out, in words.</summary>
    public string Describe() => Phase switch
    {
        AttemptPhase.FirstByte => $"no first byte within {_timeouts.FirstByteSeconds} s",
        AttemptPhase.NextByte => $"no byte for {_timeouts.IdleSeconds} s",
        _ => $"not finished within {_timeouts.TotalSeconds} s",
    };

    public void Dispose()
    {
        // Not disposed of: that waits for a callback that is running, and this may be a thread that sockets wait for.
        _client.Unregister();
        _server.Unregister();
        _timer.Dispose();
        _source.Dispose();
    }

    private static long Later(long now, double seconds) =>
        seconds >= (Never - now) / (double)Instant.NsPerSecond ? Never : now + (long)(seconds * Instant.NsPerSecond);

    private static TimeSpan Span(long ns) =>
        TimeSpan.FromTicks(Math.Clamp(ns / 100, 0, TimeSpan.TicksPerDay * 40));

    private AttemptPhase Earliest(AttemptPhase phase, long now)
    {
        long own = phase switch
        {
            AttemptPhase.FirstByte => Later(now, _timeouts.FirstByteSeconds),
            AttemptPhase.NextByte => Later(now, _timeouts.IdleSeconds),
            _ => Never,
        };
        Interlocked.Exchange(ref _deadlineNs, Math.Min(own, _totalNs));
        return own <= _totalNs ? phase : AttemptPhase.Total;
    }

    private void Arm(long now)
    {
        if (_deadlineNs < Volatile.Read(ref _armedNs))
        {
            Interlocked.Exchange(ref _armedNs, _deadlineNs);
            _timer.Change(Span(_deadlineNs - now), Timeout.InfiniteTimeSpan);
        }
    }

    private void Fire()
    {
        long now = Instant.MonotonicNsOf(_time);
        long deadline = Volatile.Read(ref _deadlineNs);
        if (deadline - now <= SlackNs)
        {
            Cancel();
            return;
        }

        // The relay may move the deadline to an earlier time meanwhile and find the timer's old one earlier still.
        long armed;
        do
        {
            armed = deadline;
            Interlocked.Exchange(ref _armedNs, armed);
            _timer.Change(Span(armed - now), Timeout.InfiniteTimeSpan);
            deadline = Volatile.Read(ref _deadlineNs);
        }
        while (deadline < armed);
    }

    /// <summary>The attempt may end at this very moment.</summary>
    private void Cancel()
    {
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Then there is nothing left to stop.
        }
    }
}
