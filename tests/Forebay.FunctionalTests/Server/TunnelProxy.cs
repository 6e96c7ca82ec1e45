using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Forebay.FunctionalTests.Server;

/// <summary>The least of an egress proxy: CONNECT, then bytes both ways.</summary>
internal sealed class TunnelProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<string> _targets = [];

    public TunnelProxy()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Host and port of each tunnel that was asked for.</summary>
    public IReadOnlyCollection<string> Targets => _targets;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task ServeAsync(TcpClient accepted)
    {
        using TcpClient client = accepted;
        try
        {
            NetworkStream near = client.GetStream();
            string[] line = (await ReadHeadAsync(near)).Split(' ');
            if (line[0] != "CONNECT")
            {
                await near.WriteAsync("HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n"u8.ToArray());
                return;
            }

            _targets.Add(line[1]);
            using var far = new TcpClient();
            await far.ConnectAsync(IPAddress.Loopback, int.Parse(line[1][(line[1].LastIndexOf(':') + 1)..]));
            await near.WriteAsync("HTTP/1.1 200 Connection Established\r\n\r\n"u8.ToArray());
            await Task.WhenAny(near.CopyToAsync(far.GetStream()), far.GetStream().CopyToAsync(near));
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // One end went away.
        }
    }

    private static async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one) == 1)
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }
}
