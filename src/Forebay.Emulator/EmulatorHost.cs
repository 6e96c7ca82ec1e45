using System.Net;
using Forebay.Emulator.Engine;
using Forebay.Emulator.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Forebay.Emulator;

/// <summary>
/// Emulated engines behind real sockets on loopback: one port per deployment, all in this process.
/// </summary>
public sealed class EmulatorHost : IAsyncDisposable
{
    private const string DeploymentKey = "forebay.deployment";

    private readonly WebApplication _app;
    private readonly EmulatedDeployment[] _deployments;

    private EmulatorHost(WebApplication app, EmulatedDeployment[] deployments, Dictionary<string, Uri> endpoints)
    {
        _app = app;
        _deployments = deployments;
        Endpoints = endpoints;
    }

    /// <summary>Base URLs, without /v1, by deployment id.</summary>
    public IReadOnlyDictionary<string, Uri> Endpoints { get; }

    /// <summary>
    /// Starts every engine of a spec; all listen when it returns.
    /// </summary>
    /// <exception cref="ArgumentException">The spec cannot be started; the message gives every reason.</exception>
    /// <exception cref="IOException">A port is taken.</exception>
    public static async Task<EmulatorHost> StartAsync(
        EmulatorSpec spec, TimeProvider time, CancellationToken cancellation)
    {
        IReadOnlyList<string> problems = spec.Check();
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, problems));
        }

        var clock = new ModelClock(time, spec.TimeScale);
        EmulatedDeployment[] deployments = [.. spec.Deployments.Select(d => new EmulatedDeployment(d, spec, clock))];
        var listeners = new ListenOptions[deployments.Length];
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = RequestBody.MaxBytes;

            // A client may take long to read or send; what is tested against the emulator sets its own deadlines.
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            for (int i = 0; i < deployments.Length; i++)
            {
                int at = i;
                var server = new EngineServer(deployments[i]);
                kestrel.Listen(IPAddress.Loopback, deployments[i].Spec.Port, listen =>
                {
                    listeners[at] = listen;
                    listen.Protocols = HttpProtocols.Http1;
                    listen.Use(next => connection =>
                    {
                        connection.Items[DeploymentKey] = server;
                        return next(connection);
                    });
                });
            }
        });
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(2));
        WebApplication app = builder.Build();
        app.Run(ServeAsync);
        await app.StartAsync(cancellation);
        var endpoints = new Dictionary<string, Uri>(StringComparer.Ordinal);
        for (int i = 0; i < deployments.Length; i++)
        {
            endpoints.Add(deployments[i].Spec.Id, new Uri($"http://127.0.0.1:{listeners[i].IPEndPoint!.Port}"));
        }

        return new EmulatorHost(app, deployments, endpoints);
    }

    /// <summary>Stops listening and ends what is in flight within two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        foreach (EmulatedDeployment deployment in _deployments)
        {
            deployment.Dispose();
        }
    }

    private static Task ServeAsync(HttpContext http)
    {
        IConnectionItemsFeature connection = http.Features.GetRequiredFeature<IConnectionItemsFeature>();
        return ((EngineServer)connection.Items[DeploymentKey]!).HandleAsync(http);
    }
}
