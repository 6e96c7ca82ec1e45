using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Admin;

/// <summary>
/// The admin API, health and metrics, on a port of their own. Every route but health needs a token whose role the
/// table in <see cref="AdminRoutes"/> asks for.
/// </summary>
public sealed class AdminServer : IAsyncDisposable
{
    /// <summary>Largest request body.</summary>
    public const int MaxBodyBytes = 1024 * 1024;

    private const int MaxConnections = 1024;

    private readonly WebApplication _app;

    private AdminServer(WebApplication app, Uri address, IReadOnlyList<AdminRoute> routes)
    {
        _app = app;
        Address = address;
        Routes = [.. routes.Select(r => new AdminRouteInfo(r.Method, r.Pattern, r.Access.Role))];
    }

    /// <summary>Where it listens, with the port in use.</summary>
    public Uri Address { get; }

    /// <summary>What it offers and the least role for each; null for everybody.</summary>
    public IReadOnlyList<AdminRouteInfo> Routes { get; }

    /// <summary>Starts listening.</summary>
    /// <exception cref="IOException">The address cannot be listened on; the message says why and what to do.
    /// </exception>
    public static async Task<AdminServer> StartAsync(
        AdminServices services,
        AdminServerOptions options,
        CancellationToken cancel)
    {
        ILogger<AdminServer> logger = services.Logs.CreateLogger<AdminServer>();
        IReadOnlyList<AdminRoute> routes = AdminRoutes.Table(services);
        WebApplication app = Build(services, options, routes, logger);
        try
        {
            await app.StartAsync(cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw new IOException(
                $"The admin API cannot listen on {options.Listen}: {e.Message} Stop what uses it, or choose another " +
                "port (server.admin.listen, --admin-port; 0 takes any free one).",
                e);
        }

        string bound = app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First();
        if (!IPAddress.IsLoopback(options.Listen.Address) && options.Certificate is null)
        {
            logger.PlainOffLoopback(bound);
        }

        logger.Listening(bound);
        return new AdminServer(app, new Uri(bound), routes);
    }

    /// <summary>Stops listening and lets calls in progress end, until cancelled.</summary>
    public Task StopAsync(CancellationToken cancel) => _app.StopAsync(cancel);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static WebApplication Build(
        AdminServices services,
        AdminServerOptions options,
        IReadOnlyList<AdminRoute> routes,
        ILogger<AdminServer> logger)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(k => Limit(k, options));
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(services.Logs);
        builder.Services.AddSingleton<IHostLifetime, OwnedLifetime>();
        WebApplication app = builder.Build();

        var pipeline = new AdminPipeline(services, options, logger);
        app.Use(pipeline.GuardAsync);
        app.UseRouting();
        app.Use(pipeline.AuthoriseAsync);
        foreach (AdminRoute route in routes)
        {
            RequestDelegate handle = context => route.Handler(AdminPipeline.CallOf(context));
            string[] methods = route.Method == HttpMethods.Get ? [HttpMethods.Get, HttpMethods.Head] : [route.Method];
            app.MapMethods(route.Pattern, methods, handle).WithMetadata(route);
        }

        return app;
    }

    private static void Limit(KestrelServerOptions kestrel, AdminServerOptions options)
    {
        kestrel.AddServerHeader = false;
        // A call may hold MaxBodyBytes; what is a little larger is read and dropped, so that the refusal arrives.
        kestrel.Limits.MaxRequestBodySize = 16 * MaxBodyBytes;
        kestrel.Limits.MaxConcurrentConnections = MaxConnections;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        kestrel.Listen(options.Listen, listen =>
        {
            options.Certificate?.ApplyTo(listen);
        });
    }

    /// <summary>Signals belong to the process, not to this host: whoever started it stops it.</summary>
    private sealed class OwnedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
