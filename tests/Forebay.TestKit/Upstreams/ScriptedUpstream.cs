using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace Forebay.TestKit.Upstreams;

/// <summary>One request as an upstream received it, over a real socket.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Path">Path without the query.</param>
/// <param name="Query">Query string with its question mark, or empty.</param>
/// <param name="Headers">Headers, names in any case.</param>
/// <param name="Body">Body bytes.</param>
/// <param name="Aborted">Completes when the caller gives up on the answer.</param>
public sealed record ReceivedRequest(
    string Method,
    string Path,
    string Query,
    IReadOnlyDictionary<string, string> Headers,
    byte[] Body,
    Task Aborted)
{
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>An upstream on a real socket that answers as a test scripts it, and remembers what it was asked.</summary>
public sealed class ScriptedUpstream : IAsyncDisposable
{
    private readonly ConcurrentQueue<ReceivedRequest> _requests = new();
    private readonly WebApplication _app;

    private ScriptedUpstream(WebApplication app) => _app = app;

    public Uri Address => new(_app.Urls.First());

    public IReadOnlyList<ReceivedRequest> Requests => [.. _requests];

    /// <summary>Starts an upstream; <paramref name="respond"/> writes each answer.</summary>
    /// <param name="respond">Writes an answer.</param>
    /// <param name="tls">Makes it speak TLS: sets the certificate and what it asks of clients.</param>
    /// <param name="port">Where to listen; any free port when left out.</param>
    public static async Task<ScriptedUpstream> StartAsync(
        Func<HttpContext, ReceivedRequest, Task> respond,
        Action<HttpsConnectionAdapterOptions>? tls = null,
        int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddLogging();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Listen(IPAddress.Loopback, port, listen =>
            {
                if (tls is not null)
                {
                    listen.UseHttps(tls);
                }
            });
        });
        WebApplication app = builder.Build();
        var upstream = new ScriptedUpstream(app);
        app.Run(async http =>
        {
            var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            http.RequestAborted.Register(() => aborted.TrySetResult());
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            var received = new ReceivedRequest(
                http.Request.Method,
                http.Request.Path,
                http.Request.QueryString.Value ?? "",
                http.Request.Headers.ToDictionary(
                    h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase),
                body.ToArray(),
                aborted.Task);
            upstream._requests.Enqueue(received);
            await respond(http, received);
        });
        await app.StartAsync();
        return upstream;
    }

    /// <summary>Answers with a JSON body.</summary>
    public static Task JsonAsync(HttpContext http, int status, string json)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(json);
    }

    /// <summary>Answers with a stream of whole events, each flushed by itself.</summary>
    public static async Task StreamAsync(HttpContext http, IEnumerable<string> events)
    {
        if (!http.Response.HasStarted)
        {
            http.Response.ContentType = "text/event-stream";
        }

        foreach (string one in events)
        {
            await http.Response.WriteAsync(one);
            await http.Response.Body.FlushAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
