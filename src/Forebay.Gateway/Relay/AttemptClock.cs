using Forebay.Core.Serving;

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
internal sealed class AttemptClock : IDisposable
{
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _client;
    private readonly CancellationTokenRegistration _server;
    private readonly UpstreamTimeoutsConfig _timeouts;
    private readonly TimeProvider _time;
    private readonly long _startedTimestamp;

    public AttemptClock(
        UpstreamTimeoutsConfig timeouts,
        TimeProvider time,
        CancellationToken client,
        CancellationToken server)
    {
        _timeouts = timeouts;
        _time = time;
        _startedTimestamp = time.GetTimestamp();
        _source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _client = client.UnsafeRegister(static s => ((CancellationTokenSource)s!).Cancel(), _source);
        _server = server.UnsafeRegister(static s => ((CancellationTokenSource)s!).Cancel(), _source);
        Expect(AttemptPhase.FirstByte);
    }

    public CancellationToken Token => _source.Token;

    public AttemptPhase Phase { get; private set; }

    /// <summary>Starts the deadline of a phase; the total's wins when it comes first. While the client reads, only the
    /// total counts: a slow reader is not the upstream's doing.</summary>
    public void Expect(AttemptPhase phase)
    {
        double left = _timeouts.TotalSeconds - _time.GetElapsedTime(_startedTimestamp).TotalSeconds;
        double own = phase switch
        {
            AttemptPhase.FirstByte => _timeouts.FirstByteSeconds,
            AttemptPhase.NextByte => _timeouts.IdleSeconds,
            _ => double.PositiveInfinity,
        };
        Phase = own <= left ? phase : AttemptPhase.Total;
        _source.CancelAfter(TimeSpan.FromSeconds(Math.Max(0, Math.Min(own, left))));
    }

    /// <summary>Sets a deadline of its own.</summary>
    public void Within(TimeSpan patience) => _source.CancelAfter(patience);

    /// <summary>What ran out, in words.</summary>
    public string Describe() => Phase switch
    {
        AttemptPhase.FirstByte => $"no first byte within {_timeouts.FirstByteSeconds} s",
        AttemptPhase.NextByte => $"no byte for {_timeouts.IdleSeconds} s",
        _ => $"not finished within {_timeouts.TotalSeconds} s",
    };

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
        _source.Dispose();
    }
}
