using Forebay.Control.Admin.Contract;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.Emulator;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Placement;

/// <summary>
/// Capacity comes in and goes out of a running server under load: a partner is onboarded and its pool serves with no edit
/// to any deployment; a group is lost, a commitment reclaimed in part, a pool drained, the server killed, the partner
/// leaves. No request fails, none is counted twice or not at all, none goes where its data may not, and leases are never
/// above what is there.
/// </summary>
public sealed class CapacityJourneyTests : IAsyncLifetime
{
    private const int Seed = 11;
    private static readonly string[] Tenants = ["anywhere", "europe", "states"];

    private readonly TemporaryFolder _folder = new();
    private EmulatorHost _partner = null!;
    private JourneyFleet _fleet = null!;
    private PlacedServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _partner = await EmulatorHost.StartAsync(
            new EmulatorSpec { TimeScale = 100, Deployments = [PartnersEngine()] }, TimeProvider.System, default);
        _fleet = new JourneyFleet(_folder);
        _server = new PlacedServer(_folder);
        await _server.StartAsync(_fleet.Write());
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _partner.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Capacity_comes_and_goes_under_load_and_nobody_is_failed()
    {
        // 1. The incumbents fill by themselves.
        await _server.ReadyAsync("alpha-pool", 1);
        await _server.ReadyAsync("beta-pool", 1);
        var keys = new List<(string, string)>();
        foreach (string tenant in Tenants)
        {
            keys.Add((tenant, await Server.Cli.NewKeyAsync(_server.Data, tenant)));
        }

        var load = new JourneyLoad(keys, Seed);
        load.Start(_server.Process.Api);

        // 2. A partner comes in: what its ramp has today serves.
        await Server.Cli.OkAsync(_server.Data, "provider", "onboard", _fleet.WriteOffer("east", _partner.Endpoints["east"]));
        await Server.Cli.OkAsync(_server.Data, "provider", "sign", "east", "--contract", "MSA 7");
        await Server.Cli.OkAsync(_server.Data, "provider", "connect", "east");
        Assert.Contains("passed", await Server.Cli.OkAsync(_server.Data, "provider", "accept", "east"), StringComparison.Ordinal);
        await _server.ReadyAsync("east-pool", 2);
        LaneView lane = await _server.LaneAsync("east-pool");
        Assert.Equal((16L, 16L), (lane.Available, lane.Leased));
        await ServedAsync(load, "states", "atlas-east-pool");

        // 3. A group is lost at once, for a while.
        string drill = await Server.Cli.OkAsync(_server.Data, "drill", "lose", "alpha-grid", "--for", "1s");
        Assert.Contains(" 0 failed", drill, StringComparison.Ordinal);
        await RegisterTellsTheDrillAsync();

        // 4. The server is killed; its engines go on, and serve the next one's first request.
        string[] before = await GenerationsAsync();
        load.MayBreak();
        await _server.KillAsync();
        await load.StopAsync();
        await _server.StartAsync(_fleet.Path);
        load.Start(_server.Process.Api);
        await ServedAsync(load, "europe", "atlas-beta-pool");
        Assert.Equal(before, await GenerationsAsync());

        // 5. The partner takes half of what it gave back.
        await Server.Cli.OkAsync(
            _server.Data, "reclaim", "east-terms", "--quantity", "8",
            "--at", TimeProvider.System.GetUtcNow().ToString("O"));
        await _server.ReadyAsync("east-pool", 1);
        Assert.Equal(8, (await _server.LaneAsync("east-pool")).Available);

        // 6. A pool is drained, empties, and comes back.
        await Server.Cli.OkAsync(_server.Data, "drain", "alpha-pool");
        await _server.ReadyAsync("alpha-pool", 0);
        Assert.Equal(0, (await _server.LaneAsync("alpha-pool")).Leased);
        await Server.Cli.OkAsync(_server.Data, "withdrawals", "w-3", "--return");
        await _server.ReadyAsync("alpha-pool", 1);

        // 7. The partner leaves.
        await Server.Cli.OkAsync(_server.Data, "provider", "drain", "east");
        await _server.ReadyAsync("east-pool", 0);
        await Eventually.TrueAsync(
            async () => (await _server.LaneAsync("east-pool")).Leased == 0, () => _server.Process.Errors);
        await Server.Cli.OkAsync(_server.Data, "provider", "exit", "east");
        await ServedAsync(load, "states", "atlas-alpha-pool");

        await load.StopAsync();
        Assert.Empty(load.Wrong);
        ResidencyView residency = await Server.Cli.JsonAsync(_server.Data, AdminJson.Default.ResidencyView, "audit", "residency");
        Assert.True(residency.Clean);
        Assert.True(residency.Proven >= load.Answered.Count);
        await _server.StopAsync();
        Assert.True(_server.Looks > 0);
        Assert.Empty(_server.Overdrawn);
        await CountedOnceAsync(load);
    }

    private async Task RegisterTellsTheDrillAsync()
    {
        RegisterView register = await Server.Cli.JsonAsync(
            _server.Data, AdminJson.Default.RegisterView, "provider", "register");
        RegisteredProviderView alpha = register.Providers.Single(p => p.Id == "alpha");
        Assert.Equal(("group", "alpha-grid", 0L), (alpha.LastDrill!.Scope, alpha.LastDrill.Target, alpha.LastDrill.Failed));
        Assert.Equal([JourneyFleet.Model], alpha.Substituted);
        Assert.Empty(alpha.Unsubstituted);
        string csv = await Server.Cli.OkAsync(_server.Data, "provider", "register", "--format", "csv");
        Assert.Contains(
            "east,east,east-us,US,,east-terms,atlas,atlas,,Move to alpha within a week.,,", csv, StringComparison.Ordinal);
    }

    private async Task CountedOnceAsync(JourneyLoad load)
    {
        var found = new Dictionary<string, UsageRecord>(StringComparer.Ordinal);
        foreach (UsageRecord record in await ServerRecords.ReadAsync(_server.Data))
        {
            Assert.True(found.TryAdd(record.IdText(), record), $"{record.IdText()} is recorded twice");
        }

        Assert.All(load.Answered, id => Assert.Equal(UsageOutcome.Completed, found[id].Outcome));
    }

    /// <summary>Waits until a tenant has been served there anew.</summary>
    private Task ServedAsync(JourneyLoad load, string tenant, string deployment)
    {
        int before = load.Served(tenant, deployment);
        return Eventually.TrueAsync(
            () => load.Served(tenant, deployment) > before,
            () => $"{deployment} serves {tenant} nothing. {string.Join('\n', load.Wrong)} {_server.Process.Errors}");
    }

    private async Task<string[]> GenerationsAsync() =>
    [
        .. (await Server.Cli.JsonAsync(_server.Data, AdminJson.Default.ReplicaListView, "replica", "list")).Replicas
            .Select(r => $"{r.Id} {r.Generation} {r.Phase}").Order(StringComparer.Ordinal),
    ];

    private static EmulatedDeploymentSpec PartnersEngine() => new()
    {
        Id = "east",
        Model = JourneyFleet.Model,
        Accelerator = "H100-SXM",
        AcceleratorsPerReplica = 8,
        Dialects = [Dialect.OpenAi, Dialect.Anthropic],
        Description = new ModelConfig
        {
            Id = JourneyFleet.Model, ContextTokens = 32_768, MaxOutputTokens = 8192, ParametersBillion = Figure.Of(70),
        },
    };
}
