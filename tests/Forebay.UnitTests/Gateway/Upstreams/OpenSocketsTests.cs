using System.Net;
using System.Net.Sockets;
using Forebay.Gateway.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Gateway.Upstreams;

public sealed class OpenSocketsTests
{
    [Fact]
    public async Task Closed_connections_end_for_whoever_reads_and_none_is_opened_until_they_may_be()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var sockets = new OpenSockets();
        await using Stream open = sockets.Open(await ConnectAsync(listener));
        ValueTask<int> reading = open.ReadAsync(new byte[1]);

        Assert.Equal(1, sockets.CloseAll());
        Assert.Equal(0, await reading);
        using Socket refused = await ConnectAsync(listener);
        Assert.Throws<SocketException>(() => sockets.Open(refused));
        Assert.Equal(0, sockets.CloseAll());

        sockets.Reopen();
        await using Stream again = sockets.Open(await ConnectAsync(listener));
        await again.DisposeAsync();
        Assert.Equal(0, sockets.CloseAll());
    }

    private static async Task<Socket> ConnectAsync(TcpListener listener)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint);
        return socket;
    }
}
