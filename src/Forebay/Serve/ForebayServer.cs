using System.Runtime.ExceptionServices;
using Forebay.Control.Admin;
using Forebay.Core.Fleet;
using Forebay.Gateway;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>
/// The composition root of a running server: opens the data directory, puts the fleet in force, starts the admin port
/// and the gateway, and takes them down again in order.
/// </summary>
public sealed class ForebayServer : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _owned;
    private readonly ServeSettings _settings;
    private readonly GatewayServer _gateway;
    private readonly AdminServer _admin;
    private readonly FleetReloads _reloads;

    private ForebayServer(
        List<IAsyncDisposable> owned,
        ServeSettings settings,
        FleetState state,
        GatewayServer gateway,
        AdminServer admin,
        FleetReloads reloads)
    {
        _owned = owned;
        _settings = settings;
        State = state;
        _gateway = gateway;
        _admin = admin;
        _reloads = reloads;
    }

    public FleetState State { get; }

    /// <summary>Where clients call.</summary>
    public Uri BaseUrl => _gateway.Address;

    public Uri AdminUrl => _admin.Address;

    /// <summary>The admin token of the data directory.</summary>
    public required string AdminToken { get; init; }

    /// <summary>The fresh key made at start, or null.</summary>
    public string? FreshKey { get; init; }

    /// <summary>Usage found unsettled from a process that died before.</summary>
    public long RecoveredInterrupted { get; init; }

    /// <summary>Starts everything. When it throws, nothing is left running.</summary>
    /// <exception cref="StartException">It cannot start; the message is for the person who started it.</exception>
    public static async Task<ForebayServer> StartAsync(
        ServeSettings settings,
        TimeProvider time,
        ILoggerFactory logs,
        CancellationToken cancel)
    {
        var owned = new List<IAsyncDisposable>();
        try
        {
            return await new ServerStart(settings, time, logs, owned).RunAsync(cancel);
        }
        catch
        {
            await DisposeAllAsync(owned);
            throw;
        }
    }

    /// <summary>Reads the fleet file again.</summary>
    public Task ReloadAsync(CancellationToken cancel) => _reloads.ReloadAsync(cancel);

    /// <summary>Drains: not ready at once, work in flight finishes within the drain time, the rest ends with a
    /// retriable error.</summary>
    /// <param name="hurry">Cuts the drain short.</param>
    public async Task StopAsync(CancellationToken hurry)
    {
        double seconds = _settings.DrainSeconds ?? State.Model.Config.Server.Gateway.DrainSeconds;
        await _gateway.StopAsync(TimeSpan.FromSeconds(seconds), hurry);
        using var brief = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _admin.StopAsync(brief.Token);
    }

    public ValueTask DisposeAsync() => DisposeAllAsync(_owned);

    internal static ForebayServer Of(
        List<IAsyncDisposable> owned,
        ServeSettings settings,
        FleetState state,
        GatewayServer gateway,
        AdminServer admin,
        FleetReloads reloads,
        string adminToken,
        string? freshKey,
        long recovered) =>
        new(owned, settings, state, gateway, admin, reloads)
        {
            AdminToken = adminToken,
            FreshKey = freshKey,
            RecoveredInterrupted = recovered,
        };

    private static async ValueTask DisposeAllAsync(List<IAsyncDisposable> owned)
    {
        Exception? failure = null;
        for (int i = owned.Count - 1; i >= 0; i--)
        {
            try
            {
                await owned[i].DisposeAsync();
            }
            catch (Exception e)
            {
                // What is left, the store most of all, must still be closed.
                failure ??= e;
            }
        }

        owned.Clear();
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }
}
