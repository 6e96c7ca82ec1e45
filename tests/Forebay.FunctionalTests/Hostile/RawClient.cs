using System.Net.Sockets;
using System.Text;
using Forebay.FunctionalTests.Gateway;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>A client that sends bytes of the test's choosing and reads what comes back.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly TcpClient _tcp = new();
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(20));

    public Stream Wire { get; private set; } = Stream.Null;

    /// <summary>Connects; few bytes to receive make the server wait soon for a client that does not read.</summary>
    public static async Task<RawClient> ConnectAsync(GatewayHarness gateway, int? receiveBytes = null)
    {
        var client = new RawClient();
        if (receiveBytes is { } bytes)
        {
            client._tcp.ReceiveBufferSize = bytes;
        }

        await client._tcp.ConnectAsync(gateway.Server.Address.Host, gateway.Server.Address.Port);
        client.Wire = client._tcp.GetStream();
        return client;
    }

    /// <summary>A request's head with the harness's key, and a body with its length unless headers say otherwise.
    /// </summary>
    public static string Request(
        string target, string headers = "", string? body = null, string method = "POST", bool length = true)
    {
        body ??= GatewayHarness.MessagesBody(stream: false);
        string declared = length ? $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n" : "";
        return $"{method} {target} HTTP/1.1\r\nHost: gateway\r\nx-api-key: {GatewayHarness.Secret}\r\n" +
            $"anthropic-version: 2023-06-01\r\nContent-Type: application/json\r\n{headers}{declared}\r\n{body}";
    }

    /// <summary>Sends; a server that has already refused may close before all is sent.</summary>
    public async Task SendAsync(string latin1)
    {
        try
        {
            await Wire.WriteAsync(Encoding.Latin1.GetBytes(latin1), _patience.Token);
        }
        catch (IOException)
        {
            // Its answer says why.
        }
    }

    public void EndSending() => _tcp.Client.Shutdown(SocketShutdown.Send);

    /// <summary>All that comes until the server closes; a reset ends it too.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var text = new StringBuilder();
        var buffer = new byte[16 * 1024];
        try
        {
            int read;
            while ((read = await Wire.ReadAsync(buffer, _patience.Token)) > 0)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // Reset: what came before it counts.
        }

        return text.ToString();
    }

    /// <summary>One answer with a declared length: status and body.</summary>
    public async Task<(int Status, string Head, string Body)> ReadAnswerAsync(bool head = false)
    {
        var text = new StringBuilder();
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            text.Append((char)await ReadByteAsync());
        }

        string headers = text.ToString();
        string? declared = headers.Split("\r\n")
            .FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        var body = new byte[head || declared is null ? 0 : int.Parse(declared["Content-Length:".Length..])];
        await Wire.ReadExactlyAsync(body, _patience.Token);
        return (int.Parse(headers.AsSpan(9, 3)), headers, Encoding.UTF8.GetString(body));
    }

    public void Dispose()
    {
        _tcp.Dispose();
        _patience.Dispose();
    }

    private async Task<byte> ReadByteAsync()
    {
        var one = new byte[1];
        await Wire.ReadExactlyAsync(one, _patience.Token);
        return one[0];
    }
}
