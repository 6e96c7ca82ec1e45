using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forebay.Control.Access;
using Forebay.Control.Admin;
using Forebay.Control.Admin.Contract;
using Forebay.Control.Audit;
using Forebay.Control.Backup;
using Forebay.Control.Limits.Following;
using Forebay.Control.Concentration;
using Forebay.Control.Capacity;
using Forebay.Control.Partners;
using Forebay.Control.Permission;
using Forebay.Control.Rollout;
using Forebay.Control.Replicas;
using Forebay.Control.Telemetry;
using Forebay.Control.Withdrawals;
using Forebay.Core.Access;
using Forebay.Core.Fleet;
using Forebay.Core.Limits.Following;
using Forebay.TestKit;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Memory;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forebay.FunctionalTests.Control;

/// <summary>An admin server on a real socket, over stores in memory, with a token of each role.</summary>
internal sealed class AdminHarness : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FleetMetrics _fleetMetrics;
    private readonly LiveInputs _inputs;
    private readonly ConcentrationMetrics _concentrationMetrics;
    private readonly Dictionary<AdminRole, string> _tokens = [];
    private readonly HttpClient _http = new();

    private AdminHarness()
    {
        Fleet.Model = SmallFleet.Build();
        Change = new AuditedChange(Audit, Time, NullLogger<AuditedChange>.Instance);
        Keys = new KeyService(Fleet, Store, Change, Time);
        Tokens = new AdminTokenService(Store, Change, Time);
        Exports = new ExportService(Fleet, ExportStore, Change, Time);
        Withdrawals = new WithdrawalService(
            Fleet, new MemoryWithdrawalStore(), Change, Time, NullLoggerFactory.Instance);
        Rollouts = new RolloutService(Fleet, RolloutStore, Change, Time, NullLogger<RolloutService>.Instance);
        _inputs = new LiveInputs(Fleet, Demand, _ => TierMultipliers.Promise, Time);
        Following = new LimitFollowing(Fleet, Proposals, Change, Time, NullLogger<LimitFollowing>.Instance)
        {
            Inputs = _inputs,
        };
        Metrics = new MetricsCollector(new MetricsCollectorOptions(), NullLogger<MetricsCollector>.Instance);
        _fleetMetrics = new FleetMetrics(Fleet, Usage, Time);
        Concentration = new ConcentrationService(Fleet, Usage, Time, NullLogger<ConcentrationService>.Instance);
        _concentrationMetrics = new ConcentrationMetrics(Concentration);
    }

    public FleetState Fleet { get; } = new();

    public MemoryAccessStore Store { get; } = new();

    public MemoryAuditLog Audit { get; } = new();

    public MemoryLimitHistory LimitHistory { get; } = new();

    public MemoryLimitProposals Proposals { get; } = new();

    public MemoryDemand Demand { get; } = new();

    public LimitFollowing Following { get; }

    public MemoryUsage Usage { get; } = new();

    public ManualTime Time { get; } = new();

    public AuditedChange Change { get; }

    public KeyService Keys { get; }

    public AdminTokenService Tokens { get; }

    public MemoryExportStore ExportStore { get; } = new();

    public ExportService Exports { get; }

    public WithdrawalService Withdrawals { get; }
    public MemoryRolloutStore RolloutStore { get; } = new();

    public RolloutService Rollouts { get; }
    public ConcentrationService Concentration { get; }

    public MemoryPlaces Places { get; } = new();

    public MetricsCollector Metrics { get; }

    public AdminServer Server { get; private set; } = null!;

    public ReplicaLoop? Replicas { get; private init; }

    public string Data => _folder.Path;

    public string BackupFolder => Path.Combine(_folder.Path, "backups");

    public FleetFileView FleetFile { get; set; } = new(
        "/etc/forebay.yaml", 1, new string('a', 64), DateTimeOffset.UnixEpoch, null, []);

    public Func<ReloadView> Reload { get; set; } = () => new ReloadView(true, null, []);

    public byte[] BackupContents { get; set; } = Encoding.UTF8.GetBytes("state");

    public string TokenOf(AdminRole role) => _tokens[role];

    public static async Task<AdminHarness> StartAsync(
        AdminServerOptions? options = null, ReplicaLoop? replicas = null)
    {
        var harness = new AdminHarness { Replicas = replicas };
        foreach (AdminRole role in Enum.GetValues<AdminRole>())
        {
            IssuedToken issued = await harness.Tokens.CreateAsync(
                Roles.NameOf(role), role, null, "startup", CancellationToken.None);
            harness._tokens[role] = issued.Secret;
        }

        harness.Server = await AdminServer.StartAsync(
            harness.Services(), options ?? new AdminServerOptions(), CancellationToken.None);
        harness._http.BaseAddress = harness.Server.Address;
        return harness;
    }

    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        AdminRole? role = AdminRole.Admin,
        string? json = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (role is { } r)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", TokenOf(r));
        }

        if (json is not null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        }

        return await _http.SendAsync(request);
    }

    public Task<JsonElement> GetAsync(string path) => JsonAsync(HttpMethod.Get, path, HttpStatusCode.OK, null);

    public Task<JsonElement> PostAsync(string path, string? json, HttpStatusCode expected) =>
        JsonAsync(HttpMethod.Post, path, expected, json);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Server.DisposeAsync();
        _fleetMetrics.Dispose();
        _concentrationMetrics.Dispose();
        Concentration.Dispose();
        Metrics.Dispose();
        Keys.Dispose();
        Tokens.Dispose();
        Exports.Dispose();
        await Withdrawals.DisposeAsync();
        Rollouts.Dispose();
        Following.Dispose();
        _inputs.Dispose();
        _folder.Dispose();
    }

    private AdminServices Services()
    {
        var store = new MemoryCapacity();
        var capacity = new CapacityService(store, Time);
        var fleet = new MemoryManagedFleet(Fleet, SmallFleet.Config);
        var partners = new PartnerService(
            store, capacity, () => fleet, () => Fleet.Model, new HttpAcceptanceProbe(r => r, Time), Change, Time,
            NullLogger<PartnerService>.Instance);
        return ServicesWith(capacity, partners);
    }

    private AdminServices ServicesWith(CapacityService capacity, PartnerService partners) => new()
    {
        Partners = partners,
        Capacity = capacity,
        CapacityReports = new CapacityReports(capacity, partners, () => Fleet.Model, Change, Time),
        Fleet = Fleet,
        Keys = Keys,
        Tokens = Tokens,
        Exports = Exports,
        Withdrawals = Withdrawals,
        Rollouts = Rollouts,
        Replicas = Replicas,
        Places = Places,
        Ledger = Usage,
        Concentration = Concentration,
        LimitHistory = LimitHistory,
        Following = Following,
        Journal = Usage,
        Audit = Audit,
        Change = Change,
        Metrics = Metrics,
        Backup = new BackupService(new BytesBackup(this), Change, Time, BackupFolder),
        FleetFile = () => FleetFile,
        Reload = _ => Task.FromResult(Reload()),
        Time = Time,
        Logs = NullLoggerFactory.Instance,
    };

    private async Task<JsonElement> JsonAsync(HttpMethod method, string path, HttpStatusCode expected, string? json)
    {
        using HttpResponseMessage response = await SendAsync(method, path, AdminRole.Admin, json);
        string text = await response.Content.ReadAsStringAsync();
        Xunit.Assert.True(expected == response.StatusCode, $"{(int)response.StatusCode}: {text}");
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private sealed class BytesBackup(AdminHarness harness) : IBackupPort
    {
        public Task WriteAsync(string targetFile, CancellationToken cancel) =>
            File.WriteAllBytesAsync(targetFile, harness.BackupContents, cancel);
    }
}
