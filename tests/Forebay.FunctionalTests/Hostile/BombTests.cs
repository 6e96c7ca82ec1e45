using System.IO.Compression;
using System.Net;
using Forebay.Core.Errors;
using Forebay.FunctionalTests.Gateway;
using Forebay.Gateway.Bodies;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>A little that becomes a lot once it is decoded, from clients and from upstreams.</summary>
public sealed class BombTests
{
    private const int BombBytes = 200 * 1024 * 1024;
    private const int BudgetBytes = 40 * 1024 * 1024;

    private static readonly byte[] Fine = RawUpstream.Http(
        "200 OK\r\nContent-Type: application/json", Answers.AnthropicMessage);

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("zstd")]
    public async Task A_clients_bomb_is_stopped_at_the_decoded_limit_and_holds_nothing(string encoding)
    {
        NeedsZstd(encoding);
        byte[] bomb = Bomb(encoding);
        Assert.InRange(bomb.Length, 1, 512 * 1024);
        await using RawUpstream upstream = RawUpstream.Start(Fine);
        await using GatewayHarness gateway = await StartAsync(upstream);

        HttpStatusCode[] statuses = await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            HttpRequestMessage request = GatewayHarness.Messages("");
            request.Content = new ByteArrayContent(bomb);
            request.Content.Headers.ContentEncoding.Add(encoding);
            using HttpResponseMessage response = await gateway.Client.SendAsync(request);
            return response.StatusCode;
        }));

        // The size ends each of them, unless all together meet the budget first.
        Assert.All(statuses, s => Assert.True(
            s is HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.ServiceUnavailable, $"{s}"));
        Assert.Contains(HttpStatusCode.RequestEntityTooLarge, statuses);
        await GatewayHealth.ServesAsync(gateway);
    }

    [Theory]
    [InlineData("gzip, gzip")]
    [InlineData("gzip,br")]
    [InlineData("gzip;q=1")]
    public async Task Encodings_in_a_row_are_not_unpacked(string encodings)
    {
        await using RawUpstream upstream = RawUpstream.Start(Fine);
        await using GatewayHarness gateway = await StartAsync(upstream);
        HttpRequestMessage request = GatewayHarness.Messages("");
        request.Content = new ByteArrayContent(Bomb("gzip"));
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encodings);

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        await GatewayHealth.ServesAsync(gateway);
    }

    [Theory]
    [InlineData("gzip", 200, false)]
    [InlineData("gzip", 200, true)]
    [InlineData("br", 400, false)]
    [InlineData("zstd", 200, true)]
    public async Task An_upstreams_bomb_is_stopped_within_our_memory(string encoding, int status, bool stream)
    {
        NeedsZstd(encoding);
        byte[] bomb = Bomb(encoding);
        string type = stream ? "text/event-stream" : "application/json";
        byte[] head = System.Text.Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status} X\r\nContent-Type: {type}\r\nContent-Encoding: {encoding}\r\n" +
            $"Content-Length: {bomb.Length}\r\nConnection: close\r\n\r\n");
        await using RawUpstream upstream = RawUpstream.Start([.. head, .. bomb]);
        await using GatewayHarness gateway = await StartAsync(upstream);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));

        Assert.True((int)response.StatusCode is 502 or 503, $"{response.StatusCode}");
        Reason reason = Assert.Single(gateway.Journal.Settled).Reason;
        Assert.True(reason is Reason.MemoryBudget or Reason.UpstreamProtocol, $"{reason}");
        upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
        await GatewayHealth.ServesAsync(gateway);
    }

    private static Task<GatewayHarness> StartAsync(RawUpstream upstream) => GatewayHarness.StartAsync(
        [upstream.Address],
        c => c with
        {
            Server = c.Server with
            {
                Gateway = c.Server.Gateway with { MemoryBudgetBytes = BudgetBytes, MaxBodyBytes = 4 * 1024 * 1024 },
            },
        });

    private static void NeedsZstd(string encoding)
    {
        if (encoding == "zstd" && !ZstdStream.IsAvailable)
        {
            Assert.Skip("needs libzstd.so.1; it is not installed here");
        }
    }

    private static byte[] Bomb(string encoding)
    {
        if (encoding == "zstd")
        {
            return ZstdBomb();
        }

        var packed = new MemoryStream();
        using (Stream to = encoding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Optimal, true),
            "deflate" => new ZLibStream(packed, CompressionLevel.Optimal, true),
            _ => new BrotliStream(packed, CompressionLevel.Fastest, true),
        })
        {
            byte[] block = new byte[1024 * 1024];
            block.AsSpan().Fill((byte)' ');
            for (int i = 0; i < BombBytes / block.Length; i++)
            {
                to.Write(block);
            }
        }

        return packed.ToArray();
    }

    /// <summary>A zstd frame (RFC 8878, 3.1.1) with a window of 128 KiB and blocks that each repeat one byte as often as a
    /// block may: four bytes stand for 131,072.</summary>
    private static byte[] ZstdBomb()
    {
        const int blockBytes = 128 * 1024;
        var frame = new MemoryStream();
        frame.Write([0x28, 0xB5, 0x2F, 0xFD, 0, 7 << 3]);
        int blocks = BombBytes / blockBytes;
        for (int i = 0; i < blocks; i++)
        {
            int header = (blockBytes << 3) | (1 << 1) | (i == blocks - 1 ? 1 : 0);
            frame.Write([(byte)header, (byte)(header >> 8), (byte)(header >> 16), (byte)' ']);
        }

        return frame.ToArray();
    }
}
