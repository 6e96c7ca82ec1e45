using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Forebay.TestKit.Upstreams;

/// <summary>An upstream that answers every request with bytes of the test's choosing, HTTP or not, on a connection of
/// its own.</summary>
public sealed class RawUpstream : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    private RawUpstream(Func<Stream, CancellationToken, Task> answer)
    {
        Answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri Address => new($"http://{_listener.LocalEndpoint}");

    /// <summary>Writes the answer to the next request; the connection closes when it returns.</summary>
    public Func<Stream, CancellationToken, Task> Answer { get; set; }

    public static RawUpstream Start(Func<Stream, CancellationToken, Task> answer) => new(answer);

    /// <summary>An upstream that sends the bytes and closes.</summary>
    public static RawUpstream Start(byte[] answer) =>
        new((wire, cancel) => wire.WriteAsync(answer, cancel).AsTask());

    /// <summary>A whole answer as bytes.</summary>
    public static byte[] Http(string head, string body) => Encoding.UTF8.GetBytes(
        $"HTTP/1.1 {head}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var open = new List<Task>();
        try
        {
            while (true)
            {
                open.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException
            or InvalidOperationException)
        {
            // The test is over.
        }

        await Task.WhenAll(open);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream wire = client.GetStream();
                await ReadRequestAsync(wire);
                await Answer(wire, _stop.Token);
                client.Client.Shutdown(SocketShutdown.Send);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // The caller had enough of the answer.
            }
        }
    }

    /// <summary>Reads the head and as many bytes as it declares, so that closing does not reset the
    /// connection.</summary>
    private async Task ReadRequestAsync(NetworkStream wire)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await wire.ReadExactlyAsync(one, _stop.Token);
            head.Append((char)one[0]);
        }

        string? length = head.ToString().Split("\r\n")
            .FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        if (length is not null)
        {
            await wire.ReadExactlyAsync(new byte[int.Parse(length["Content-Length:".Length..])], _stop.Token);
        }
    }
}
