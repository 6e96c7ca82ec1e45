using System.Net;
using System.Net.Sockets;
using Forebay.Control.Access;
using Forebay.Control.Admin;
using Forebay.Control.Audit;
using Forebay.Control.Backup;
using Forebay.Control.Batches;
using Forebay.Control.Concentration;
using Forebay.Control.FleetFile;
using Forebay.Control.Limits;
using Forebay.Control.Limits.Following;
using Forebay.Control.Permission;
using Forebay.Control.Placement;
using Forebay.Control.Rollout;
using Forebay.Control.Telemetry;
using Forebay.Control.Tls;
using Forebay.Control.Withdrawals;
using Forebay.Core.Access;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Config;
using Forebay.Core.Fleet;
using Forebay.Core.Fleet.Managed;
using Forebay.Core.Limits.Following;
using Forebay.Core.Time;
using Forebay.Demo;
using Forebay.Gateway;
using Forebay.Gateway.Upstreams;
using Forebay.Storage;
using Forebay.Storage.Backups;
using Forebay.Storage.Contents;
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

    private readonly FleetState _state = new();
    private LocalStore _store = null!;
    private BatchDesk _batches = null!;
    private AuditedChange _change = null!;
    private UpstreamSet _upstreams = null!;
    private FleetReloads _reloads = null!;
    private ReplicaRuntime? _replicas;
    private PlacementLoop? _placement;
    private ConcentrationService _concentration = null!;
    private LimitFollowing _following = null!;
    private PartnerParts _partners = null!;

    private TimeProvider ContractTime => settings.ContractTime ?? time;

    public async Task<ForebayServer> RunAsync(CancellationToken cancel)
    {
        // 1. The fleet file and what it names first: nothing is touched for one that is wrong.
        FleetFileResult file = FleetSource.Read(settings);
        FleetConfig config = file.Config ?? throw new StartException(ProblemText.Format(file.Problems));
        ThrowIfAny(file, FleetSource.Secrets.Check(config));
        ReloadingCertificate? apiTls = Certificate(config.Server.Api);
        ReloadingCertificate? adminTls = Certificate(config.Server.Admin);

        // 2. The data directory: lock, migrations, recovery of what a killed process left.
        (DataDirectory directory, _store) = await OpenStoreAsync(cancel);
        _change = new AuditedChange(_store.Audit, time, logs.CreateLogger<AuditedChange>());
        await AuditRestoreAsync(directory, _change);
        _batches = Own(await LoadAsync(stop => OpenBatchesAsync(directory, config, stop), cancel));

        // 3. The fleet: the user's own upstreams, emulated engines, connection pools; what is withdrawn of it; and what
        // tenants used of their limits before.
        _upstreams = Own(new UpstreamSet(ReadSecret));
        var withdrawals = new WithdrawalService(_state, _store.Withdrawals, _change, time, logs)
        {
            ContractTime = ContractTime,
            ContractSecondsPerSecond = (ContractTime as CompressedTime)?.Factor ?? 1,
        };
        _partners = Own(await PartnerParts.LoadAsync(
            _state, _store, _change, ReadSecret, time, ContractTime, logs, cancel));
        withdrawals.Notices = _partners.Partners;
        ManagedObjects managed = _partners.Managed.With(
            WithdrawalService.Owner, await LoadAsync(withdrawals.LoadAsync, cancel));
        _following = await LoadFollowingAsync(cancel);
        FleetSource source = Own(SourceOf(await ConnectOwnAsync(cancel), managed));
        var origin = new FleetOrigin(StartActor, settings.FleetFile ?? DefaultFleet.FileName, file.Sha256);
        ThrowIfAny(file, await source.ApplyAsync(config, _change, origin, cancel));
        source.Room = _partners.PutInForceAsync;
        await RebuildLimitsAsync(cancel);

        // 4. What the admin API changes: keys, tokens, where models may run.
        _reloads = Own(new FleetReloads(settings, file, source, _change, [apiTls, adminTls], time, logs));
        Own(withdrawals);
        Own(_partners.Tend(_reloads, time, logs));
        _replicas = await OpenReplicasAsync(cancel);
        _concentration = WatchConcentration();
        _placement = PlacementOf(withdrawals);
        (AdminServices services, string adminToken) = await OpenServicesAsync(config, withdrawals, cancel);

        // 5. The ports: metrics listen before there is anything to measure; clients are asked to come back until
        // everything else stands.
        _state.Draining = true;
        GatewayServer gateway = await OpenGatewayAsync(config, apiTls, cancel);
        AdminServer admin = await OpenAdminAsync(config, services, adminTls, cancel);
        WriteServerInfo(directory, gateway, admin, adminTls);

        // 6. The fresh key comes last: a start that fails must not use up the one before.
        string? freshKey = await FreshKeyAsync(services.Keys, config, cancel);
        await StartReplicasAsync(cancel);
        withdrawals.Start(_reloads, new ConnectionCut(_upstreams));
        _batches.Start(gateway.BatchWire);
        _state.Draining = false;
        return ForebayServer.Of(
            owned, settings, _state, gateway, admin, _reloads, adminToken, freshKey, _store.Recovery.Interrupted);
    }

    private async Task<(AdminServices Services, string AdminToken)> OpenServicesAsync(
        FleetConfig config, WithdrawalService withdrawals, CancellationToken cancel)
    {
        var keys = new KeyService(_state, _store.Access, _change, time);
        var tokens = new AdminTokenService(_store.Access, _change, time);
        await keys.LoadAsync(cancel);
        var exports = Own(new ExportService(_state, _store.Exports, _change, time));
        await exports.LoadAsync(cancel);
        var rollouts = Own(new RolloutService(
            _state, _store.Rollouts, _change, time, logs.CreateLogger<RolloutService>()));
        await rollouts.LoadAsync(cancel);
        await tokens.LoadAsync(cancel);
        string adminToken = await AdminTokenFile.EnsureAsync(settings.DataDirectory, tokens, cancel);
        var services = new AdminServices
        {
            Fleet = _state,
            Keys = keys,
            Tokens = tokens,
            Exports = exports,
            Rollouts = rollouts,
            Batches = _batches,
            Withdrawals = withdrawals,
            Partners = _partners.Partners,
            Capacity = _partners.Capacity,
            CapacityReports = _partners.Reports,
            Places = _store.Places,
            Ledger = _store.Ledger,
            Concentration = _concentration,
            LimitHistory = _store.LimitHistory,
            Following = _following,
            Journal = _store.Journal,
            Audit = _store.Audit,
            Change = _change,
            Metrics = StartMetrics(config),
            Backup = new BackupService(
                new StoreBackupPort(_store, time), _change, time, Path.Combine(settings.DataDirectory, "backups")),
            Replicas = _replicas?.Loop,
            Placement = _placement,
            FleetFile = () => _reloads.View,
            Reload = _reloads.ReloadAsync,
            Time = time,
            ContractTime = ContractTime,
            Logs = logs,
        };
        return (services, adminToken);
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

    /// <summary>No engine is started without a lease of the accelerators that it runs on.</summary>
    private bool MayStart(ReplicaWanted replica) => ReplicaLeases.Holds(
        _partners.Capacity.Ledger, replica.Id, replica.Pool, ContractTime.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Engines of this machine are processes of Linux; elsewhere there are none.</summary>
    private async Task<ReplicaRuntime?> OpenReplicasAsync(CancellationToken cancel) => OperatingSystem.IsLinux()
        ? Own(await ReplicaRuntime.OpenAsync(
            settings.DataDirectory, _state, _store, _reloads, MayStart, ReadSecret, time, logs, cancel))
        : null;

    /// <summary>Replicas that the process before left serve from the first request on.</summary>
    private async Task StartReplicasAsync(CancellationToken cancel)
    {
        if (_replicas is { } replicas)
        {
            await replicas.Loop.PassAsync(cancel);
            replicas.Loop.Start();
            _placement?.Start();
        }
    }

    /// <summary>What runs where, decided anew at an interval and whenever capacity changes.</summary>
    private PlacementLoop? PlacementOf(WithdrawalService withdrawals)
    {
        if (_replicas is not { } replicas)
        {
            return null;
        }

        var placement = Own(new PlacementLoop(new PlacementLoopParts
        {
            Fleet = _state,
            Capacity = _partners.Capacity,
            Usage = _store.Ledger,
            Replicas = replicas.Loop,
            Want = wanted => replicas.Wanted = wanted,
            Withdrawals = withdrawals,
            Emulator = new EmulatorProgram(SelfCommand.Line.FileName, [.. SelfCommand.Line.Arguments]),
            Share = (model, version) =>
                _state.InForce.Splits.ShareOf(model.Id, version.Id, model.Versions[0].Id),
            IsEmptied = _partners.Partners.IsDrained,
            Rooms = _concentration.RoomsNow,
            Time = ContractTime,
            UsageTime = time,
            Logger = logs.CreateLogger<PlacementLoop>(),
        }));
        withdrawals.Changed = placement.Nudge;
        replicas.Loop.Changed = placement.Nudge;
        _partners.Partners.Changed = placement.Nudge;
        _partners.Capacity.SupplyChanged = placement.Nudge;
        _partners.Capacity.Cut = placement.Follow;
        return placement;
    }

    private ConcentrationService WatchConcentration()
    {
        ConcentrationService concentration = Own(new ConcentrationService(
            _state, _store.Ledger, time, logs.CreateLogger<ConcentrationService>()));
        concentration.Leases = fleet => ReplicaLeases.Leased(
            _partners.Capacity.Ledger, fleet, ContractTime.GetUtcNow().ToUnixTimeMilliseconds());
        Own(new ConcentrationMetrics(concentration));
        return concentration;
    }

    private MetricsCollector StartMetrics(FleetConfig config)
    {
        MetricsCollector metrics = Own(
            new MetricsCollector(new MetricsCollectorOptions(), logs.CreateLogger<MetricsCollector>()));
        Own(new FleetMetrics(_state, _store.Journal, time));
        Own(new QueueMetrics(_state, time));
        Own(new FollowingMetrics(_following, _state, ContractTime));
        Own(new BatchMetrics(_batches, time));
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

    /// <summary>Batches and files: the right key first, then what the process before left of them.</summary>
    private async Task<BatchDesk> OpenBatchesAsync(
        DataDirectory directory, FleetConfig config, CancellationToken cancel)
    {
        string? key = config.Server.Batches.Key is { } reference ? ReadSecret(reference) : null;
        ContentStore contents = Own(await ContentsOpening.OpenAsync(_store, directory.Paths, key, cancel));
        return await BatchDesk.LoadAsync(
            new BatchDeskParts(
                _state, _store.Batches, contents, _store.SettledRequests, _change, time,
                logs.CreateLogger<BatchDesk>()),
            cancel);
    }

    private FleetSource SourceOf(IReadOnlyList<UserUpstream> own, ManagedObjects managed)
    {
        EmulatedEngines? engines = settings.Emulate ? Own(new EmulatedEngines(settings.TimeScale, time, logs)) : null;
        var source = new FleetSource(_state, _upstreams, engines, own)
        {
            Managed = managed,
            Applied = async (model, from, stop) =>
            {
                await RecordLimitsAsync(model, from, stop);
                await _partners.FollowFleetAsync(model, from, stop);
                _placement?.Nudge();
            },
        };
        _partners.Capacity.Deployed = () => source.Deployed;
        return source;
    }

    /// <summary>What was decided on limits holds before the fleet does: nobody is held to less in between.</summary>
    private async Task<LimitFollowing> LoadFollowingAsync(CancellationToken cancel)
    {
        var following = new LimitFollowing(
            _state, _store.LimitProposals, _change, ContractTime, logs.CreateLogger<LimitFollowing>());
        await LoadAsync(
            async stop =>
            {
                await following.LoadAsync(stop);
                return true;
            },
            cancel);
        var compressed = ContractTime as CompressedTime;
        LiveInputs inputs = Own(new LiveInputs(
            _state, _store.Demand, at => following.At(compressed?.Of(at) ?? at), time));
        inputs.Outlook = () => new CapacityOutlook(
            _partners.Capacity.Ledger, ContractTime.GetUtcNow().ToUnixTimeMilliseconds(), _partners.Partners.IsDrained);
        following.Inputs = inputs;
        Own(new FollowingLoop(following, time, ContractTime, compressed?.Factor ?? 1));
        return following;
    }

    /// <summary>What tenants used before this process counts on.</summary>
    private Task<bool> RebuildLimitsAsync(CancellationToken cancel) => LoadAsync(
        async stop =>
        {
            await LimitRebuild.RunAsync(_state, _store.LimitUsage, Instant.From(time), stop);
            return true;
        },
        cancel);

    /// <summary>Reads from the store; what is wrong with it is told to whoever starts the server.</summary>
    private static async Task<T> LoadAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancel)
    {
        try
        {
            return await read(cancel);
        }
        catch (StorageException e)
        {
            throw new StartException(e.Message);
        }
    }

    /// <summary>A history that cannot be written now stops no reload: the next one, or the next start, finds the same
    /// difference and writes it.</summary>
    private async Task RecordLimitsAsync(FleetModel model, FleetOrigin origin, CancellationToken cancel)
    {
        try
        {
            string source = $"{origin.Path} {origin.Sha256[..12]}";
            await LimitChanges.RecordAsync(
                model, _following.View.Last.Multipliers, _store.LimitHistory, origin.Actor, source, time.GetUtcNow(),
                cancel);
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
        FleetConfig config, ReloadingCertificate? tls, CancellationToken cancel)
    {
        IPEndPoint endpoint = EndpointOf(config.Server.Api, settings.Port, DefaultApi);
        try
        {
            GatewayServer gateway = await GatewayServer.StartAsync(
                new GatewayParts(
                    _state, _store.Journal, _upstreams, endpoint, tls is null ? null : tls.ApplyTo, time, logs)
                {
                    LimitHistory = _store.LimitHistory,
                    Batches = _batches,
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
