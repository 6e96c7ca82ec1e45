using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Forebay.Core.Serving.Links;

namespace Forebay.Demo;

/// <summary>
/// The way to a site over satellites, in place of the real one: what it relays is late by half the link's round trip
/// each way, and while there is no pass connections are cut and none is taken. It knows the schedule, and nothing of
/// what it carries.
/// </summary>
internal sealed class SatelliteRelay : IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _site;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Socket, bool> _open = [];
    private readonly Task _taking;
    private readonly Task _cutting;

    public SatelliteRelay(Uri site, TimeProvider time)
    {
        (_site, _time) = (new IPEndPoint(IPAddress.Loopback, site.Port), time);
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _taking = TakeAsync();
        _cutting = CutAsync();
    }

    /// <summary>Where the site is reached.</summary>
    public Uri Address { get; }

    /// <summary>When there is a pass; always, until it is set.</summary>
    public LinkSchedule Schedule { get; set; } = LinkSchedule.Ideal;

    /// <summary>The link now.</summary>
    public LinkState Now => Schedule.At(_time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Connections that were cut.</summary>
    public int Cut { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        foreach (Socket socket in _open.Keys)
        {
            socket.Dispose();
        }

        await Task.WhenAll(_taking, _cutting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task TakeAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket client = await _listener.AcceptSocketAsync(_stop.Token);
            _ = RelayAsync(client);
        }
    }

    /// <summary>Ends what is open when a pass ends: a satellite that sets says no goodbye.</summary>
    private async Task CutAsync()
    {
        while (true)
        {
            await Task.Delay(Look, _time, _stop.Token);
            if (Now.Available)
            {
                continue;
            }

            foreach (Socket socket in _open.Keys)
            {
                if (_open.TryRemove(socket, out _))
                {
                    Cut++;
                    socket.Close(0);
                }
            }
        }
    }

    private async Task RelayAsync(Socket client)
    {
        using var site = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        try
        {
            if (!Now.Available)
            {
                return;
            }

            _open[client] = true;
            await site.ConnectAsync(_site, _stop.Token);
            Task[] ways = [CarryAsync(client, site), CarryAsync(site, client)];
            await Task.WhenAny(ways);
            client.Close();
            site.Close();
            await Task.WhenAll(ways).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Cut, or the site does not answer.
        }
        finally
        {
            _open.TryRemove(client, out _);
            client.Dispose();
        }
    }

    private async Task CarryAsync(Socket from, Socket to)
    {
        var way = Channel.CreateUnbounded<(long Sent, byte[] Bytes)>();
        Task arriving = ArriveAsync(way.Reader, to);
        try
        {
            var buffer = new byte[16 * 1024];
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var read)
            {
                way.Writer.TryWrite((_time.GetTimestamp(), buffer[..read]));
            }
        }
        finally
        {
            way.Writer.Complete();
        }

        await arriving;
    }

    private async Task ArriveAsync(ChannelReader<(long Sent, byte[] Bytes)> way, Socket to)
    {
        await foreach ((long sent, byte[] bytes) in way.ReadAllAsync(_stop.Token))
        {
            TimeSpan late = TimeSpan.FromTicks((long)(Now.LatencyNs / 2 / TimeSpan.NanosecondsPerTick))
                - _time.GetElapsedTime(sent);
            if (late > TimeSpan.Zero)
            {
                await Task.Delay(late, _time, _stop.Token);
            }

            await to.SendAsync(bytes, _stop.Token);
        }
    }
}
