using System.Net;
using System.Net.Sockets;
using Forebay.Control.Access;
using Forebay.Control.Admin;
using Forebay.Control.Audit;
using Forebay.Control.Backup;
using Forebay.Control.FleetFile;
using Forebay.Control.Limits;
using Forebay.Control.Permission;
using Forebay.Control.Telemetry;
using Forebay.Control.Tls;
using Forebay.Core.Access;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Time;
using Forebay.Gateway;
using Forebay.Gateway.Upstreams;
using Forebay.Storage;
using Forebay.Storage.Backups;
using Forebay.Storage.Data;
using Forebay.Telemetry;
using Microsoft.Extensions.Logging;

namespace Forebay.Serve;

/// <summary>The steps of a start, in order. What is opened is owned by the list, so that a failure closes it.</summary>
internal sealed partial class ServerStart(
    ServeSettings settings,
    TimeProvider time,
    ILoggerFactory logs,
    List<IAsyncDisposable> owned)
{
    private const string StartActor = "startup";
    private const string FreshKeyName = "forebay up";
    private static readonly TimeSpan FreshKeyOverlap = TimeSpan.FromHours(24);
    private static readonly IPEndPoint DefaultApi = new(IPAddress.Loopback, 8080);
    private static readonly IPEndPoint DefaultAdmin = new(IPAddress.Loopback, 8081);

    public async Task<ForebayServer> RunAsync(CancellationToken cancel)
    {
        // 1. The fleet file and what it names first: nothing is touched for one that is wrong.
        FleetFileResult file = FleetSource.Read(settings);
        FleetConfig config = file.Config
            ?? throw new StartException(ProblemText.Format(file.Problems));
        ThrowIfAny(file, FleetSource.Secrets.Check(config));
        ReloadingCertificate? apiTls = Certificate(config.Server.Api);
        ReloadingCertificate? adminTls = Certificate(config.Server.Admin);

        // 2. The data directory: lock, migrations, recovery of what a killed process left.
        (DataDirectory directory, LocalStore store) = await OpenStoreAsync(cancel);
        var change = new AuditedChange(store.Audit, time, logs.CreateLogger<AuditedChange>());
        await AuditRestoreAsync(directory, change);

        // 3. The fleet: the user's own upstreams, emulated engines, connection pools; and what tenants used of their
        // limits before.
        var state = new FleetState();
        var upstreams = Own(new UpstreamSet(ReadSecret));
        EmulatedEngines? engines = settings.Emulate ? Own(new EmulatedEngines(settings.TimeScale, time, logs)) : null;
        PartnerParts parts = Own(
            await PartnerParts.LoadAsync(state, store, change, ReadSecret, time, logs, cancel));
        FleetSource source = Own(SourceOf(state, upstreams, engines, await ConnectOwnAsync(cancel), store, parts));
        var origin = new FleetOrigin(StartActor, settings.FleetFile ?? DefaultFleet.FileName, file.Sha256);
        ThrowIfAny(file, await source.ApplyAsync(config, change, origin, cancel));
        await RebuildLimitsAsync(state, store, cancel);

        // 4. Keys, tokens, and where models may run.
        (KeyService keys, AdminTokenService tokens) = await LoadAccessAsync(state, store, change, cancel);
        ExportService exports = await LoadExportsAsync(state, store, change, cancel);
        string adminToken = await AdminTokenFile.EnsureAsync(settings.DataDirectory, tokens, cancel);

        // 5. The ports: metrics listen before there is anything to measure; clients are asked to come back until
        // everything else stands.
        MetricsCollector metrics = StartMetrics(config, state, store);
        var reloads = Own(new FleetReloads(settings, file, source, change, [apiTls, adminTls], time, logs));
        Own(parts.Tend(reloads, time, logs));
        state.Draining = true;
        GatewayServer gateway = await OpenGatewayAsync(config, state, store, upstreams, apiTls, cancel);
        var services = new AdminServices
        {
            Fleet = state,
            Keys = keys,
            Tokens = tokens,
            Exports = exports,
            Partners = parts.Partners,
            Capacity = parts.Capacity,
            CapacityReports = parts.Reports,
            Places = store.Places,
            Ledger = store.Ledger,
            LimitHistory = store.LimitHistory,
            Journal = store.Journal,
            Audit = store.Audit,
            Change = change,
            Metrics = metrics,
            Backup = BackupOf(store, change),
            FleetFile = () => reloads.View,
            Reload = reloads.ReloadAsync,
            Time = time,
            Logs = logs,
        };
        AdminServer admin = await OpenAdminAsync(config, services, adminTls, cancel);
        WriteServerInfo(directory, gateway, admin, adminTls);

        // 6. The fresh key comes last: a start that fails must not use up the one before.
        string? freshKey = await FreshKeyAsync(keys, config, cancel);
        state.Draining = false;
        return ForebayServer.Of(
            owned, settings, state, gateway, admin, reloads, adminToken, freshKey, store.Recovery.Interrupted);
    }

    private BackupService BackupOf(LocalStore store, AuditedChange change) => new(
        new StoreBackupPort(store, time), change, time, Path.Combine(settings.DataDirectory, "backups"));

    private void WriteServerInfo(
        DataDirectory directory, GatewayServer gateway, AdminServer admin, ReloadingCertificate? adminTls) =>
        directory.WriteServerInfo(new ServerInfo(
            Environment.ProcessId,
            ServerInfo.FromHere(gateway.Address),
            ServerInfo.FromHere(admin.Address),
            adminTls is null ? null : KeepCertificate(directory, adminTls)));

    private async Task<(KeyService Keys, AdminTokenService Tokens)> LoadAccessAsync(
        FleetState state, LocalStore store, AuditedChange change, CancellationToken cancel)
    {
        var keys = new KeyService(state, store.Access, change, time);
        var tokens = new AdminTokenService(store.Access, change, time);
        await keys.LoadAsync(cancel);
        await tokens.LoadAsync(cancel);
        return (keys, tokens);
    }

    private async Task<ExportService> LoadExportsAsync(
        FleetState state, LocalStore store, AuditedChange change, CancellationToken cancel)
    {
        var exports = Own(new ExportService(state, store.Exports, change, time));
        await exports.LoadAsync(cancel);
        return exports;
    }

    private MetricsCollector StartMetrics(FleetConfig config, FleetState state, LocalStore store)
    {
        MetricsCollector metrics = Own(
            new MetricsCollector(new MetricsCollectorOptions(), logs.CreateLogger<MetricsCollector>()));
        Own(new FleetMetrics(state, store.Journal, time));
        Own(new QueueMetrics(state, time));
        if (OtlpExport.Start(config.Server.Telemetry, Environment.GetEnvironmentVariable) is { } otlp)
        {
            Own(otlp);
        }

        return metrics;
    }

    /// <summary>A restore took back what happened since the backup, revocations included: the log says so.</summary>
    private static async Task AuditRestoreAsync(DataDirectory directory, AuditedChange change)
    {
        if (RestoreNote.Read(directory) is { } note)
        {
            string detail = $$"""{"backup_created_at":"{{note.BackupCreatedAt:O}}"}""";
            var restored = new AuditNote(StartActor, "state.restore", directory.Paths.Root, detail);
            await change.RunAsync(restored, static () => Task.CompletedTask);
            RestoreNote.Clear(directory);
        }
    }

    private async Task<(DataDirectory Directory, LocalStore Store)> OpenStoreAsync(CancellationToken cancel)
    {
        try
        {
            DataDirectory directory = DataDirectory.Open(settings.DataDirectory);
            owned.Add(new Closing(directory.Dispose));
            LocalStore store = await LocalStore.OpenAsync(
                directory, time, logs.CreateLogger<LocalStore>(), null, cancel);
            owned.Add(store);
            return (directory, store);
        }
        catch (StorageException e)
        {
            throw new StartException(e.Message);
        }
    }

    private FleetSource SourceOf(
        FleetState state,
        UpstreamSet upstreams,
        EmulatedEngines? engines,
        IReadOnlyList<UserUpstream> own,
        LocalStore store,
        PartnerParts parts) => new(state, upstreams, engines, own)
        {
            Managed = parts.Managed,
            Applied = async (model, from, stop) =>
            {
                await RecordLimitsAsync(store, model, from, stop);
                await parts.FollowFleetAsync(model, from, stop);
            },
        };

    /// <summary>What tenants used before this process counts on.</summary>
    private async Task RebuildLimitsAsync(FleetState state, LocalStore store, CancellationToken cancel)
    {
        try
        {
            await LimitRebuild.RunAsync(state, store.LimitUsage, Instant.From(time), cancel);
        }
        catch (StorageException e)
        {
            throw new StartException(e.Message);
        }
    }

    /// <summary>A history that cannot be written now stops no reload: the next one, or the next start, finds the same
    /// difference and writes it.</summary>
    private async Task RecordLimitsAsync(
        LocalStore store, FleetModel model, FleetOrigin origin, CancellationToken cancel)
    {
        try
        {
            string source = $"{origin.Path} {origin.Sha256[..12]}";
            await LimitChanges.RecordAsync(model, store.LimitHistory, origin.Actor, source, time.GetUtcNow(), cancel);
        }
        catch (StorageException e)
        {
            LimitsNotRecorded(logs.CreateLogger<ForebayServer>(), e.Message);
        }
    }

    [LoggerMessage(4010, LogLevel.Error,
        "The history of limits could not be written and lacks this change until the next reload: {Problem}")]
    private static partial void LimitsNotRecorded(ILogger logger, string problem);

    private static void ThrowIfAny(FleetFileResult file, IReadOnlyList<ConfigProblem> problems)
    {
        if (problems.Count > 0)
        {
            throw new StartException(ProblemText.Format([.. problems.Select(file.Locate)]));
        }
    }

    private static string ReadSecret(string reference) =>
        FleetSource.Secrets.TryRead(reference, out string? secret, out string? problem)
            ? secret
            : throw new InvalidOperationException(problem);

    private async Task<IReadOnlyList<UserUpstream>> ConnectOwnAsync(CancellationToken cancel)
    {
        var own = new List<UserUpstream>();
        foreach (string upstream in settings.Upstreams)
        {
            own.Add(await UserUpstream.ConnectAsync(
                upstream, own.Count + 1, Environment.GetEnvironmentVariable, cancel));
        }

        return own;
    }

    /// <summary>A new key each time, since an old one cannot be shown again; the one before goes on for a
    /// day.</summary>
    private async Task<string?> FreshKeyAsync(KeyService keys, FleetConfig config, CancellationToken cancel)
    {
        string? tenant = settings.FreshKeyTenant ?? config.Tenants.FirstOrDefault()?.Id;
        if (!settings.MakeFreshKey || tenant is null)
        {
            return null;
        }

        var request = new KeyRequest(tenant, FreshKeyName);
        var problems = keys.Check(request);
        if (problems.Count > 0)
        {
            throw new StartException(
                string.Join('\n', problems.Select(p => $"--tenant {tenant}: {p.Message} {p.Fix}")));
        }

        foreach (ApiKey old in await keys.ListAsync(cancel))
        {
            if (old.Name == FreshKeyName && old.Tenant == tenant && old is { RevokedUnixMs: null, ExpiresUnixMs: null })
            {
                return (await keys.RotateAsync(old.Id, FreshKeyOverlap, StartActor, cancel)).Secret;
            }
        }

        return (await keys.CreateAsync(request, StartActor, cancel)).Secret;
    }

    private ReloadingCertificate? Certificate(ListenerConfig listener)
    {
        if (listener.Tls is null)
        {
            return null;
        }

        try
        {
            return Own(ReloadingCertificate.Load(listener.Tls, time, logs.CreateLogger<ReloadingCertificate>()));
        }
        catch (CertificateException e)
        {
            throw new StartException(e.Message);
        }
    }

    /// <summary>Keeps what the admin port presents where local commands find it, also when it is renewed: what stands
    /// in the certificate's own file may be newer.</summary>
    private string KeepCertificate(DataDirectory directory, ReloadingCertificate tls)
    {
        ILogger logger = logs.CreateLogger<ForebayServer>();
        tls.Replaced = renewed =>
        {
            try
            {
                directory.WriteAdminCertificate(renewed.ExportCertificatePem());
            }
            catch (StorageException e)
            {
                CertificateNotKept(logger, e.Message);
            }
        };
        directory.WriteAdminCertificate(tls.Current.ExportCertificatePem());
        return directory.Paths.AdminCertificate;
    }

    [LoggerMessage(4001, LogLevel.Error,
        "Local commands do not know the admin port's new certificate and will not trust it: {Problem}")]
    private static partial void CertificateNotKept(ILogger logger, string problem);

    private async Task<GatewayServer> OpenGatewayAsync(
        FleetConfig config,
        FleetState state,
        LocalStore store,
        UpstreamSet upstreams,
        ReloadingCertificate? tls,
        CancellationToken cancel)
    {
        IPEndPoint endpoint = EndpointOf(config.Server.Api, settings.Port, DefaultApi);
        try
        {
            GatewayServer gateway = await GatewayServer.StartAsync(
                new GatewayParts(
                    state, store.Journal, upstreams, endpoint, tls is null ? null : tls.ApplyTo, time, logs)
                {
                    LimitHistory = store.LimitHistory,
                },
                cancel);
            owned.Add(gateway);
            return gateway;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new StartException(
                $"Clients cannot be served on {endpoint}: {e.Message} Stop what uses it, or choose another port " +
                "(--port; 0 takes any free one).");
        }
    }

    private async Task<AdminServer> OpenAdminAsync(
        FleetConfig config,
        AdminServices services,
        ReloadingCertificate? tls,
        CancellationToken cancel)
    {
        try
        {
            AdminServer admin = await AdminServer.StartAsync(
                services,
                new AdminServerOptions
                {
                    Listen = EndpointOf(config.Server.Admin, settings.AdminPort, DefaultAdmin),
                    Certificate = tls,
                },
                cancel);
            owned.Add(admin);
            return admin;
        }
        catch (IOException e)
        {
            throw new StartException(e.Message);
        }
    }

    private static IPEndPoint EndpointOf(ListenerConfig listener, int? port, IPEndPoint standard)
    {
        IPEndPoint endpoint = ListenAddress.TryParse(listener.Listen, out IPEndPoint? chosenEndpoint)
            ? chosenEndpoint
            : standard;
        // Every address: IPv6 and IPv4 on one socket, where the machine has IPv6.
        IPAddress address = endpoint.Address.Equals(IPAddress.IPv6Any) && !Socket.OSSupportsIPv6
            ? IPAddress.Any
            : endpoint.Address;
        return new IPEndPoint(address, port ?? endpoint.Port);
    }

    private T Own<T>(T part)
        where T : notnull
    {
        owned.Add(part switch
        {
            IAsyncDisposable later => later,
            IDisposable now => new Closing(now.Dispose),
            _ => throw new ArgumentException($"{typeof(T)} cannot be closed."),
        });
        return part;
    }

    /// <summary>Lets a plain disposable stand in the list of what is owned.</summary>
    private sealed class Closing(Action close) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            close();
            return ValueTask.CompletedTask;
        }
    }
}
