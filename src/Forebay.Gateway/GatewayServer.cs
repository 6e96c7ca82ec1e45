using System.Net;
using System.Text;
using Forebay.Core.Batches;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Telemetry;
using Forebay.Core.Usage;
using Forebay.Gateway.Batches;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Connections;
using Forebay.Gateway.Health;
using Forebay.Gateway.Pipeline;
using Forebay.Gateway.Relay;
using Forebay.Gateway.Surfaces;
using Forebay.Gateway.Telemetry;
using Forebay.Gateway.Upstreams;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Forebay.Gateway;

/// <summary>What a gateway is made from.</summary>
/// <param name="State">Snapshot, keys and counters, shared with the control plane.</param>
/// <param name="Journal">Where usage is recorded.</param>
/// <param name="Upstreams">The upstreams of the snapshot in force.</param>
/// <param name="Endpoint">Address and port to listen on; port 0 takes any free one.</param>
/// <param name="ConfigureListener">Adds TLS to the port; null serves plain HTTP.</param>
/// <param name="Time">The clock.</param>
/// <param name="Loggers">Where logs go.</param>
public sealed record GatewayParts(
    FleetState State,
    IUsageJournal Journal,
    UpstreamSet Upstreams,
    IPEndPoint Endpoint,
    Action<ListenOptions>? ConfigureListener,
    TimeProvider Time,
    ILoggerFactory Loggers)
{
    /// <summary>What tenants are shown of how their limits changed; null shows no changes.</summary>
    public ILimitHistory? LimitHistory { get; init; }

    /// <summary>Batches and files; null serves none.</summary>
    public IBatchDesk? Batches { get; init; }
}

/// <summary>
/// The data plane: one Kestrel server without routing, middleware or a container on the request path.
/// </summary>
public sealed class GatewayServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly IServer _server;
    private readonly GatewayRuntime _runtime;
    private readonly ConnectionGate _gate;
    private readonly HealthWatch _health;
    private readonly CancellationTokenSource _cut;

    private GatewayServer(
        WebApplication app,
        IServer server,
        GatewayRuntime runtime,
        ConnectionGate gate,
        HealthWatch health,
        CancellationTokenSource cut)
    {
        _gate = gate;
        _health = health;
        _app = app;
        _server = server;
        _runtime = runtime;
        _cut = cut;
        Address = new Uri(server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
    }

    /// <summary>Where clients reach it, with the port that was taken.</summary>
    public Uri Address { get; }

    /// <summary>Model calls in progress.</summary>
    public int InFlight => _runtime.Metrics.InFlight;

    /// <summary>Runs items of batches as requests of this gateway.</summary>
    public IBatchWire BatchWire => new BatchWire(_runtime);

    /// <summary>Connections open now.</summary>
    public int Connections => _gate.Open;

    /// <summary>Deployments being asked how they are.</summary>
    public int Asking => _health.Asking;

    /// <summary>Bytes of request and relay memory taken now.</summary>
    public long MemoryUsedBytes => _runtime.Memory.UsedBytes;

    /// <summary>Starts listening.</summary>
    /// <exception cref="IOException">The address is taken.</exception>
    public static async Task<GatewayServer> StartAsync(GatewayParts parts, CancellationToken cancel)
    {
        var cut = new CancellationTokenSource();
        FleetState state = parts.State;
        GatewayRuntime runtime = RuntimeOf(parts, cut.Token);
        ILogger logger = runtime.Logger;
        var gate = new ConnectionGate(state, runtime.Metrics, plain: parts.ConfigureListener is null);
        runtime.Metrics.Watch(() => gate.Open);

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(parts.Loggers);
        builder.Services.AddLogging();
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = SocketThreads.RunCompletions);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            // Byte for byte both ways, as at the upstream's side.
            options.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
            options.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
            Limit(options.Limits, state.Model.Config.Server.Gateway);
            options.Listen(parts.Endpoint, listen =>
            {
                listen.Use(gate.Guard);
                parts.ConfigureListener?.Invoke(listen);
            });
        });
        // The application is never started, only its server: no middleware, activity or scope on the request path, and
        // signals stay with whoever started the process.
        WebApplication app = builder.Build();
        var server = app.Services.GetRequiredService<IServer>();
        try
        {
            await server.StartAsync(new GatewayApplication(new GatewayHandler(runtime)), cancel);
        }
        catch
        {
            runtime.Sweep.Dispose();
            runtime.QueueClock.Dispose();
            runtime.Metrics.Dispose();
            cut.Dispose();
            await app.DisposeAsync();
            throw;
        }

        var gateway = new GatewayServer(
            app, server, runtime, gate, new HealthWatch(state, parts.Upstreams, parts.Time, logger), cut);
        Log.Listening(logger, gateway.Address.ToString());
        if (parts.ConfigureListener is null && !IPAddress.IsLoopback(parts.Endpoint.Address))
        {
            Log.NoTls(logger, parts.Endpoint.ToString());
        }

        return gateway;
    }

    /// <summary>
    /// Stops in order: new requests are turned away at once, work in flight has <paramref name="drain"/> to finish,
    /// then streams end with a retriable error event.
    /// </summary>
    public async Task StopAsync(TimeSpan drain, CancellationToken hurry)
    {
        _runtime.State.Draining = true;
        Log.Draining(_runtime.Logger, InFlight);
        await WaitForIdleAsync(drain, hurry);
        if (InFlight > 0)
        {
            Log.Cutting(_runtime.Logger, InFlight);
            await _cut.CancelAsync();
            await WaitForIdleAsync(TimeSpan.FromSeconds(2), hurry);
        }

        using var brief = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _server.StopAsync(brief.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _health.Dispose();
        _runtime.Sweep.Dispose();
        _runtime.QueueClock.Dispose();
        await _app.DisposeAsync();
        _runtime.Metrics.Dispose();
        _cut.Dispose();
    }

    private static GatewayRuntime RuntimeOf(GatewayParts parts, CancellationToken cut)
    {
        FleetState state = parts.State;
        var memory = new MemoryBudget();
        ILogger logger = parts.Loggers.CreateLogger("Forebay.Gateway");
        var metrics = new GatewayMetrics(new BoundedLabels(), () => state.Waiting, memory);
        metrics.WatchPins(() => state.Pins.Count);
        parts.Upstreams.RoundTrip = (site, took) => state.Measured(site, took);
        return new GatewayRuntime(
            state,
            parts.Journal,
            parts.Upstreams,
            parts.Time,
            logger,
            new FailureLog(logger, metrics, parts.Time),
            metrics,
            memory,
            new StreamSweep(state, parts.Time),
            new QueueClock(state, parts.Time, logger),
            cut)
        {
            LimitHistory = parts.LimitHistory,
            Batches = parts.Batches,
        };
    }

    private static void Limit(KestrelServerLimits limits, GatewayConfig settings)
    {
        // Our own limit applies, decoded and with our own words; Kestrel's default is below the dialects' 32 MB.
        limits.MaxRequestBodySize = null;
        // What a connection may have us hold unread, beside the memory budget.
        limits.MaxRequestBufferSize = 256 * 1024;
        limits.MaxRequestHeadersTotalSize = settings.MaxHeaderBytes;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(settings.HeadersTimeoutSeconds);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(settings.IdleConnectionSeconds);
    }

    private async Task WaitForIdleAsync(TimeSpan limit, CancellationToken hurry)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20), _runtime.Time);
        long started = _runtime.Time.GetTimestamp();
        while (InFlight > 0 && _runtime.Time.GetElapsedTime(started) < limit && !hurry.IsCancellationRequested)
        {
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
