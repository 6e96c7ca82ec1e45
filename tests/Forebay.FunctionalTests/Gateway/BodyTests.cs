using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Forebay.FunctionalTests.Hostile;
using Forebay.Gateway.Bodies;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Request bodies over real sockets: encodings, sizes, bombs, truncation.</summary>
public sealed class BodyTests : IAsyncLifetime
{
    private ScriptedUpstream _upstream = null!;
    private GatewayHarness _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        _gateway = await GatewayHarness.StartAsync([_upstream.Address]);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("zstd")]
    public async Task An_encoded_body_reaches_the_upstream_decoded(string encoding)
    {
        if (encoding == "zstd" && !ZstdStream.IsAvailable)
        {
            Assert.Skip("needs libzstd.so.1; it is not installed here");
        }

        byte[] body = Encode(encoding, GatewayHarness.MessagesBody(false));
        using HttpResponseMessage response = await SendAsync(body, encoding);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        ReceivedRequest sent = _upstream.Requests[^1];
        Assert.Equal(GatewayHarness.MessagesBody(false).Replace(GatewayHarness.Model, "upstream-model"), sent.Text);
        Assert.False(sent.Headers.ContainsKey("Content-Encoding"));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task A_body_that_is_not_what_its_encoding_says_is_refused(string encoding)
    {
        using HttpResponseMessage response = await SendAsync("not compressed at all"u8.ToArray(), encoding);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("could not be decoded", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task An_unknown_encoding_is_refused_by_name()
    {
        using HttpResponseMessage response = await SendAsync("x"u8.ToArray(), "lzma");

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Contains("lzma", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_bomb_is_stopped_at_the_decoded_limit()
    {
        var zeros = new MemoryStream();
        await using (var gzip = new GZipStream(zeros, CompressionLevel.Optimal, leaveOpen: true))
        {
            byte[] block = new byte[1024 * 1024];
            for (int i = 0; i < 200; i++)
            {
                await gzip.WriteAsync(block);
            }
        }

        using HttpResponseMessage response = await SendAsync(zeros.ToArray(), "gzip");

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Contains("33,554,432", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Twenty_mebibytes_pass_whole()
    {
        string big = new('a', 20 * 1024 * 1024);
        byte[] body = Encoding.UTF8.GetBytes(
            $$"""{"model":"atlas","max_tokens":5,"messages":[{"role":"user","content":"{{big}}"}]}""");

        // The prompt is far beyond the model's context: policy refuses it, reading it did not.
        using HttpResponseMessage response = await SendAsync(body, null);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("capability", response.Headers.GetValues("x-forebay-reason").Single());
    }

    [Fact]
    public async Task An_early_413_arrives_while_the_client_still_sends_and_the_connection_is_not_poisoned()
    {
        using var content = new ByteArrayContent(new byte[40 * 1024 * 1024]);
        using HttpResponseMessage first = await SendAsync(content);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, first.StatusCode);

        using HttpResponseMessage second = await SendAsync(
            Encoding.UTF8.GetBytes(GatewayHarness.MessagesBody(false)), null);
        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
    }

    /// <summary>The client asks first and so sends nothing when it is told no.</summary>
    [Fact]
    public async Task A_body_declared_too_large_is_refused_before_it_is_sent()
    {
        using RawClient client = await RawClient.ConnectAsync(_gateway);
        await client.SendAsync(RawClient.Request(
            "/v1/messages", "Expect: 100-continue\r\nContent-Length: 40000000\r\n", "", length: false));

        (int status, string head, _) = await client.ReadAnswerAsync();

        Assert.Equal(413, status);
        Assert.Contains("x-forebay-reason: body_too_large", head);
    }

    [Fact]
    public async Task A_body_in_chunks_is_stopped_at_the_limit()
    {
        HttpRequestMessage request = GatewayHarness.Messages("");
        request.Content = new StringContent(
            GatewayHarness.MessagesBody(false) + new string(' ', 34 * 1024 * 1024), Encoding.UTF8, "application/json");
        request.Headers.TransferEncodingChunked = true;

        using HttpResponseMessage response = await _gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Empty(_upstream.Requests);
        await GatewayHealth.ServesAsync(_gateway);
    }

    [Fact]
    public async Task A_truncated_body_is_no_request()
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(_gateway.Server.Address.Host, _gateway.Server.Address.Port);
        NetworkStream wire = tcp.GetStream();
        await wire.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {GatewayHarness.Secret}\r\n" +
            "anthropic-version: 2023-06-01\r\nContent-Length: 500\r\n\r\n{\"model\":"));
        tcp.Client.Shutdown(SocketShutdown.Send);
        using var answer = new StreamReader(wire);

        string text;
        try
        {
            text = await answer.ReadToEndAsync();
        }
        catch (IOException)
        {
            // A reset says the same as an end: there is no answer to half a request.
            text = "";
        }

        Assert.True(text.Length == 0 || text.StartsWith("HTTP/1.1 400", StringComparison.Ordinal), text);
        Assert.Empty(_upstream.Requests);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    private async Task<HttpResponseMessage> SendAsync(byte[] body, string? encoding)
    {
        var content = new ByteArrayContent(body);
        if (encoding is not null)
        {
            content.Headers.ContentEncoding.Add(encoding);
        }

        return await SendAsync(content);
    }

    private Task<HttpResponseMessage> SendAsync(ByteArrayContent content)
    {
        content.Headers.ContentType = new("application/json");
        HttpRequestMessage request = GatewayHarness.Messages("");
        request.Content = content;
        return _gateway.Client.SendAsync(request);
    }

    private static byte[] Encode(string encoding, string text)
    {
        byte[] plain = Encoding.UTF8.GetBytes(text);
        Assert.InRange(plain.Length, 1, 255);
        if (encoding == "zstd")
        {
            return StoredZstd(plain);
        }

        var packed = new MemoryStream();
        using (Stream to = encoding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Fastest, true),
            "deflate" => new ZLibStream(packed, CompressionLevel.Fastest, true),
            _ => new BrotliStream(packed, CompressionLevel.Fastest, true),
        })
        {
            to.Write(plain);
        }

        return packed.ToArray();
    }

    /// <summary>A zstd frame with one raw block (RFC 8878, 3.1.1): magic, single-segment header, block header, bytes.
    /// </summary>
    private static byte[] StoredZstd(byte[] plain)
    {
        var frame = new MemoryStream();
        frame.Write([0x28, 0xB5, 0x2F, 0xFD, 0b0010_0000, (byte)plain.Length]);
        int block = (plain.Length << 3) | 1;
        frame.Write([(byte)block, (byte)(block >> 8), (byte)(block >> 16)]);
        frame.Write(plain);
        return frame.ToArray();
    }
}
