using System.Collections.Concurrent;
using Forebay.Core.Fleet;
using Forebay.Core.Time;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Relay;

/// <summary>
/// One timer for all open streams: sends keep-alives into silence and cuts clients that stopped reading. Costs one pass
/// over the open streams per tick, instead of a timer per stream.
/// </summary>
internal sealed class StreamSweep : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    private const int TicksPerSecond = 4;

    private readonly ConcurrentDictionary<ClientStream, HttpContext> _open = new();
    private readonly FleetState _state;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private int _ticks;

    public StreamSweep(FleetState state, TimeProvider time)
    {
        _state = state;
        _time = time;
        _timer = time.CreateTimer(static s => ((StreamSweep)s!).Run(), this, Tick, Tick);
    }

    public void Add(ClientStream stream, HttpContext http) => _open[stream] = http;

    public void Remove(ClientStream stream) => _open.TryRemove(stream, out _);

    public void Dispose() => _timer.Dispose();

    private void Run()
    {
        var now = Instant.From(_time);
        GatewayConfig settings = _state.Model.Config.Server.Gateway;
        var silence = TimeSpan.FromSeconds(settings.KeepAliveSeconds);
        long stallNs = (long)(settings.ClientStallSeconds * Instant.NsPerSecond);
        foreach ((ClientStream stream, _) in _open)
        {
            long waiting = stream.FlushStartedNs;
            if (waiting != 0 && now.MonotonicNs - waiting > stallNs)
            {
                stream.Cut();
            }
            else if (waiting == 0)
            {
                // Completes by itself; its failures are the client's and handled inside.
                _ = stream.KeepAliveAsync(now, silence);
            }
        }

        if (++_ticks % TicksPerSecond == 0)
        {
            _state.RelaxSpeeds(now.MonotonicNs);
        }
    }
}
