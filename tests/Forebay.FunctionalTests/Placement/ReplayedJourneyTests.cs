using System.Globalization;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Demo;
using Forebay.Emulator;
using Forebay.FunctionalTests.Server;
using Forebay.Simulation.Replay.Reports;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Placement;

/// <summary>
/// The life of a partner's capacity under the traffic of a published trace: onboarded, ramping by its contract's days,
/// a group lost, a part reclaimed with notice, a pool drained and returned, the partner gone. Contracts run at a day in
/// half a second; requests, engines and usage in real time. What clients counted is what the ledger has.
/// </summary>
public sealed class ReplayedJourneyTests : IAsyncLifetime
{
    private const string Trace = "traces/azure-llm-2023/AzureLLMInferenceTrace_conv.csv";

    /// <summary>The trace asks 5.5 times a second; engines run as much faster as it does, so that as many requests are in
    /// flight as there were.</summary>
    private const int Speed = 3;

    private const double ContractSecondsPerSecond = 2 * 86_400;
    private const int DaysUntilFull = 20;
    private const int DaysOfNotice = 12;

    private static readonly string[] Tenants = ["anywhere", "europe", "states"];

    private readonly TemporaryFolder _folder = new();
    private readonly CompressedTime _contract = new(ContractSecondsPerSecond, TimeProvider.System);
    private EmulatorHost _partner = null!;
    private JourneyFleet _fleet = null!;
    private PlacedServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _partner = await EmulatorHost.StartAsync(
            new EmulatorSpec { TimeScale = 100, Deployments = [PartnersEngine()] }, TimeProvider.System, default);
        _fleet = new JourneyFleet(_folder) { MinimumReplicas = 6, PlacementSeconds = 86_400, TimeScale = Speed };
        _server = new PlacedServer(_folder);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _partner.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Capacity_comes_ramps_and_goes_under_a_published_trace_and_every_request_is_answered_and_metered()
    {
        string trace = SharedFiles.Find(Trace) ?? "";
        Assert.SkipWhen(trace.Length == 0, SharedFiles.SkipReason(Trace));
        Uri api = await _server.HostAsync(_fleet.Write(), _contract);
        await _server.ReadyAsync("alpha-pool", 1);
        await _server.ReadyAsync("beta-pool", 1);
        using var load = new ReplayedLoad(api, await KeysAsync(), trace, Speed);

        await OnboardAsync();
        await ServedAsync(load);
        await RampAsync();
        await ServedAsync(load);
        await LoseAsync();
        await ReclaimWithNoticeAsync();
        await ServedAsync(load);
        await DrainAndReturnAsync();
        await LeaveAsync();
        await ServedAsync(load);

        await AssertNothingLostAsync(await load.StopAsync());
        await _server.StopAsync();
        Assert.True(_server.Looks > 0);
        Assert.Empty(_server.Overdrawn);
    }

    /// <summary>From an offer to replicas on half of what was offered.</summary>
    private async Task OnboardAsync()
    {
        DateTimeOffset today = _contract.GetUtcNow();
        string file = _fleet.WriteOffer("east", _partner.Endpoints["east"], today, today.AddDays(DaysUntilFull));
        string onboarded = await OkAsync("provider", "onboard", file, "--contract", "MSA 7");
        Assert.Contains("passed", onboarded, StringComparison.Ordinal);
        await _server.ReadyAsync("east-pool", 2);
    }

    /// <summary>The other half comes by its day alone.</summary>
    private async Task RampAsync()
    {
        await _server.ReadyAsync("east-pool", 4);
        LaneView lane = await _server.LaneAsync("east-pool");
        Assert.Equal((32L, 32L, 32L), (lane.Contracted, lane.Available, lane.Leased));
    }

    private async Task LoseAsync()
    {
        string drill = await OkAsync("drill", "lose", "alpha-grid", "--for", "2s");
        Assert.Contains(" 0 refused, 0 failed", drill, StringComparison.Ordinal);
    }

    /// <summary>The partner says that it takes half back: it serves until that day, and leaves in order then.</summary>
    private async Task ReclaimWithNoticeAsync()
    {
        DateTimeOffset at = _contract.GetUtcNow().AddDays(DaysOfNotice);
        await OkAsync(
            "reclaim", "east-terms", "--quantity", "16", "--at", at.ToString("O", CultureInfo.InvariantCulture));
        LaneView noticed = await _server.LaneAsync("east-pool");
        Assert.True(noticed.Available == 32 || _contract.GetUtcNow() >= at, $"{noticed.Available} were left before {at:O}");
        await _server.ReadyAsync("east-pool", 2);
        Assert.True(_contract.GetUtcNow() >= at, "They left before the day.");
        Assert.Equal(16, (await _server.LaneAsync("east-pool")).Available);
    }

    private async Task DrainAndReturnAsync()
    {
        string drained = await OkAsync("drain", "alpha-pool");
        Assert.Contains("w-3", drained, StringComparison.Ordinal);
        await _server.ReadyAsync("alpha-pool", 0);
        await OkAsync("withdrawals", "w-3", "--return");
        await _server.ReadyAsync("alpha-pool", 1);
    }

    private async Task LeaveAsync()
    {
        await OkAsync("provider", "drain", "east");
        await _server.ReadyAsync("east-pool", 0);
        await Eventually.TrueAsync(
            async () => (await _server.LaneAsync("east-pool")).Leased == 0, () => _server.Errors);
        await OkAsync("provider", "exit", "east");
    }

    /// <summary>Waits until clients have been answered anew.</summary>
    private Task ServedAsync(ReplayedLoad load)
    {
        long before = load.Succeeded;
        return Eventually.TrueAsync(
            () => load.Succeeded >= before + 10, () => $"{load.Failed} failed; nothing is served. {_server.Errors}");
    }

    private async Task AssertNothingLostAsync(IReadOnlyDictionary<string, ReplayReport> reports)
    {
        string errors = string.Join('\n', reports.SelectMany(r => r.Value.Errors.Select(e => $"{r.Key}: {e}")));
        WithdrawalListView withdrawn = await Server.Cli.JsonAsync(
            _server.Data, AdminJson.Default.WithdrawalListView, "withdrawals");
        Assert.Equal(["drain", "reclaim", "drill"], withdrawn.Withdrawals.Select(w => w.Kind));
        long told = withdrawn.Withdrawals.Sum(w => w.Impact is { } impact ? impact.Refused + impact.Failed : 0);
        long failed = reports.Values.Sum(r => r.Requests.Failed);
        Assert.True(failed == told && told == 0, $"{failed} failed, {told} told of.\n{errors}\n{_server.Errors}");
        Assert.All(reports.Values, r => Assert.Equal((0L, 0L, r.Requests.Due), (
            r.Requests.NotSent, r.Requests.Interrupted, r.Requests.Succeeded)));

        UsageView usage = await Server.Cli.JsonAsync(
            _server.Data, AdminJson.Default.UsageView, "usage", "--from", "1h", "--by", "tenant,outcome");
        foreach ((string tenant, ReplayReport report) in reports)
        {
            UsageRowView row = Assert.Single(usage.Rows, r => r.Group["tenant"] == tenant);
            Assert.Equal("completed", row.Group["outcome"]);
            Assert.Equal(
                (report.Requests.Succeeded, report.Tokens.Input, report.Tokens.CachedInput, report.Tokens.Output),
                (row.Requests, row.InputTokens + row.CacheReadTokens + row.CacheWriteTokens, row.CacheReadTokens,
                    row.OutputTokens));
        }

        ResidencyView residency = await Server.Cli.JsonAsync(
            _server.Data, AdminJson.Default.ResidencyView, "audit", "residency");
        Assert.True(residency is { Clean: true, Violating: 0, Unproven: 0 });
        Assert.True(residency.Proven >= reports.Values.Sum(r => r.Requests.Succeeded));
        Assert.DoesNotContain(reports["states"].Splits["deployment"], d => d.Name.Contains("beta", StringComparison.Ordinal));
        Assert.All(reports["europe"].Splits["deployment"], d => Assert.Contains("beta", d.Name, StringComparison.Ordinal));
        Assert.Contains(reports.Values.SelectMany(r => r.Splits["provider"]), p => p is { Name: "east", Succeeded: > 0 });
    }

    private async Task<List<(string, string)>> KeysAsync()
    {
        var keys = new List<(string, string)>();
        foreach (string tenant in Tenants)
        {
            keys.Add((tenant, await Server.Cli.NewKeyAsync(_server.Data, tenant)));
        }

        return keys;
    }

    private Task<string> OkAsync(params string[] arguments) => Server.Cli.OkAsync(_server.Data, arguments);

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
