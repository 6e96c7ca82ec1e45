using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Forebay.Demo;

/// <summary>A file server on loopback: the weights, by ranges, and the partner's inventory.</summary>
internal sealed class DemoDepot : IAsyncDisposable
{
    private const int Bytes = 40 << 20;
    private const int Seed = 1961;

    private readonly WebApplication _app;
    private long _sent;

    private DemoDepot(WebApplication app, string file, string sha256)
    {
        (_app, WeightsSha256) = (app, sha256);
        app.Run(http => AnswerAsync(http, file));
    }

    public const long WeightsBytes = Bytes;

    public string WeightsSha256 { get; }

    public Uri WeightsUrl => new(Address, "weights");

    public Uri InventoryUrl => new(Address, "inventory");

    /// <summary>Bytes of weights given out.</summary>
    public long SentBytes => Interlocked.Read(ref _sent);

    private Uri Address { get; set; } = null!;

    public static async Task<DemoDepot> StartAsync(string folder, CancellationToken cancel)
    {
        var content = new byte[Bytes];
        new Random(Seed).NextBytes(content);
        string file = Path.Combine(folder, "atlas.weights");
        await File.WriteAllBytesAsync(file, content, cancel);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(
            IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1));
        var depot = new DemoDepot(builder.Build(), file, Convert.ToHexStringLower(SHA256.HashData(content)));
        await depot._app.StartAsync(cancel);
        depot.Address = new Uri(depot._app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single());
        return depot;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task AnswerAsync(HttpContext http, string file) => http.Request.Path.Value switch
    {
        "/weights" => SendWeightsAsync(http, file),
        "/inventory/colossus-h100" => http.Response.WriteAsync("""{"accelerators":5}"""),
        "/inventory/colossus-h200" => http.Response.WriteAsync("""{"accelerators":2}"""),
        _ => Task.FromResult(http.Response.StatusCode = StatusCodes.Status404NotFound),
    };

    private async Task SendWeightsAsync(HttpContext http, string file)
    {
        long from = 0;
        long to = Bytes - 1;
        if (RangeHeaderValue.TryParse(http.Request.Headers.Range, out RangeHeaderValue? range)
            && range.Ranges.FirstOrDefault() is { From: { } first } one)
        {
            (from, to) = (first, Math.Min(to, one.To ?? to));
            http.Response.StatusCode = StatusCodes.Status206PartialContent;
            http.Response.Headers.ContentRange = $"bytes {from}-{to}/{Bytes}";
        }

        http.Response.Headers.AcceptRanges = "bytes";
        http.Response.ContentLength = to - from + 1;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.SendFileAsync(file, from, to - from + 1, http.RequestAborted);
            Interlocked.Add(ref _sent, to - from + 1);
        }
    }
}
