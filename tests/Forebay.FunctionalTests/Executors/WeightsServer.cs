using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Forebay.Core.Capacity.Transfers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Forebay.FunctionalTests.Executors;

/// <summary>A real HTTP server of one file of weights that misbehaves as it is told.</summary>
internal sealed class WeightsServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private WeightsServer(WebApplication app, byte[] content) => (_app, Content) = (app, content);

    public byte[] Content { get; }

    public Uri Address { get; private set; } = null!;

    /// <summary>Closes each connection after so many bytes of the answer.</summary>
    public int CutAfterBytes { get; set; } = int.MaxValue;

    public bool IgnoresRanges { get; set; }

    /// <summary>Spoils the byte at this offset in so many answers to come that hold it.</summary>
    public int SpoiltOffset { get; set; } = -1;

    public int SpoiltTimes { get; set; }

    /// <summary>Answers all requests with it, while it is not 200.</summary>
    public int Status { get; set; } = 200;

    /// <summary>Sends so many bytes of each answer, and then waits for the gate.</summary>
    public int GateAfterBytes { get; set; }

    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>The first byte asked for, of each request.</summary>
    public ConcurrentQueue<long> Asked { get; } = [];

    public static async Task<WeightsServer> StartAsync(int bytes, int seed = 1)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        var content = new byte[bytes];
        new Random(seed).NextBytes(content);
        var server = new WeightsServer(app, content);
        app.Run(server.ServeAsync);
        await app.StartAsync();
        server.Address = new Uri(app.Urls.First());
        return server;
    }

    /// <summary>The file's manifest.</summary>
    public WeightsFile File(int partBytes, bool partHashes = true) => new(
        Convert.ToHexStringLower(SHA256.HashData(Content)),
        Content.Length,
        partBytes,
        partHashes
            ? [.. Content.Chunk(partBytes).Select(p => Convert.ToHexStringLower(SHA256.HashData(p)))]
            : [],
        new Uri(Address, "/weights"));

    public TransferSpec Spec(int partBytes, string site = "oslo", decimal egressUsdPerGb = 0, bool partHashes = true) =>
        new(File(partBytes, partHashes), new TransferRoute("hub", site, egressUsdPerGb));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ServeAsync(HttpContext http)
    {
        long from = http.Request.GetTypedHeaders().Range?.Ranges.First().From ?? 0;
        Asked.Enqueue(from);
        if (Status != 200)
        {
            http.Response.StatusCode = Status;
            return;
        }

        from = IgnoresRanges ? 0 : from;
        http.Response.StatusCode = IgnoresRanges ? 200 : 206;
        http.Response.ContentLength = Content.Length - from;
        if (!IgnoresRanges)
        {
            http.Response.Headers.ContentRange = $"bytes {from}-{Content.Length - 1}/{Content.Length}";
        }

        byte[] body = Content[(int)from..];
        long spoilt = SpoiltOffset - from;
        if (spoilt >= 0 && spoilt < body.Length && SpoiltTimes > 0)
        {
            SpoiltTimes--;
            body[spoilt] ^= 1;
        }

        int most = Math.Min(CutAfterBytes, body.Length);
        int before = Math.Min(GateAfterBytes, most);
        await http.Response.StartAsync();
        await http.Response.Body.WriteAsync(body.AsMemory(0, before));
        await http.Response.Body.FlushAsync();
        await Gate.WaitAsync(http.RequestAborted);
        await http.Response.Body.WriteAsync(body.AsMemory(before, most - before));
        await http.Response.Body.FlushAsync();
        if (CutAfterBytes < body.Length)
        {
            http.Abort();
        }
    }
}
