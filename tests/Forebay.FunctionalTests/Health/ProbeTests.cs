using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using Forebay.FunctionalTests.Emulator;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Hostile;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit.Time;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Health;

/// <summary>Active probes and engine metrics over real sockets.</summary>
public sealed class ProbeTests(EmulatorFixture emulator) : IClassFixture<EmulatorFixture>, IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);
    private readonly ManualTime _time = new();
    private readonly RecordingLogs _logs = new();

    public void Dispose() => _logs.Dispose();

    private Task<GatewayHarness> StartAsync(Uri upstream, Func<DeploymentConfig, DeploymentConfig>? change = null) =>
        GatewayHarness.StartAsync([upstream], _time, _logs.CreateFactory(), c => c with
        {
            Server = c.Server with { Health = new HealthRulesConfig { OpenSeconds = 3600, MaxOpenSeconds = 3600 } },
            Deployments = [Engine(c.Deployments[0], change)],
        });

    private static DeploymentConfig Engine(
        DeploymentConfig deployment, Func<DeploymentConfig, DeploymentConfig>? change)
    {
        DeploymentConfig engine = deployment with { Backing = Backing.Real };
        return change?.Invoke(engine) ?? engine;
    }

    private static DeploymentState StateOf(GatewayHarness gateway) =>
        gateway.State.Of(gateway.State.Model.Deployments[0]);

    private BreakerState At(GatewayHarness gateway) =>
        StateOf(gateway).Breaker.View(Instant.MonotonicNsOf(_time)).State;

    /// <summary>Lets time pass until something happened. The clock stands still while an answer is on its way, so that
    /// nothing times out for the machine's being slow.</summary>
    private async Task PassAsync(GatewayHarness gateway, Func<bool> happened)
    {
        while (!happened())
        {
            _time.Advance(Step);
            await Eventually.TrueAsync(() => gateway.Server.Asking == 0, () => "a probe never ends");
        }
    }

    private Task PassAsync(GatewayHarness gateway, TimeSpan span)
    {
        DateTimeOffset end = _time.GetUtcNow() + span;
        return PassAsync(gateway, () => _time.GetUtcNow() >= end);
    }

    [Fact]
    public async Task Probes_take_an_idle_deployment_out_and_bring_it_back_early_and_requests_close_it()
    {
        await using SwitchedUpstream upstream = await SwitchedUpstream.StartAsync();
        await using GatewayHarness gateway = await StartAsync(upstream.Address);
        upstream.Health = 503;
        await PassAsync(gateway, () => At(gateway) == BreakerState.Open);
        Assert.Equal(1, StateOf(gateway).Breaker.OpenedBy(OutCause.Probes));
        Assert.InRange(StateOf(gateway).ProbesBad, 3, 100);

        long outNs = Instant.MonotonicNsOf(_time);
        upstream.Health = 200;
        await PassAsync(gateway, () => At(gateway) == BreakerState.HalfOpen);
        Assert.True(Instant.MonotonicNsOf(_time) - outNs < 3000 * Instant.NsPerSecond, "time alone let it back");
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage served = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));
            Assert.Contains("message_stop", await served.Content.ReadAsStringAsync());
        }

        Assert.Equal(BreakerState.Recovering, At(gateway));
        Assert.All(
            upstream.Requests.Where(r => r.Path == "/health"),
            r => Assert.Equal("Bearer secret-of-env:UPSTREAM_KEY", r.Headers["Authorization"]));
    }

    [Fact]
    public async Task An_endpoint_without_such_paths_is_not_asked_again()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 404, "{}"));
        await using GatewayHarness gateway = await StartAsync(upstream.Address);
        await PassAsync(
            gateway, () => _logs.Lines.Count(l => l.Contains("is not asked", StringComparison.Ordinal)) == 2);
        await PassAsync(gateway, TimeSpan.FromSeconds(60));
        await GatewayHealth.IsIdleAsync(gateway);

        Assert.Equal(2, upstream.Requests.Count);
        Assert.Equal(BreakerState.Closed, At(gateway));
        Assert.Null(StateOf(gateway).Report);
    }

    [Fact]
    public async Task Paths_that_are_named_are_asked_and_those_off_are_not()
    {
        await using SwitchedUpstream upstream = await SwitchedUpstream.StartAsync();
        upstream.Metrics = "vllm:num_requests_running 1\n";
        await using GatewayHarness gateway = await StartAsync(upstream.Address, d => d with
        {
            Backing = Backing.Cloud,
            Health = d.Health with { ProbePath = "/health", MetricsPath = "off", IntervalSeconds = 2 },
        });
        await PassAsync(gateway, () => StateOf(gateway).ProbesGood >= 3);

        Assert.All(upstream.Requests, r => Assert.Equal("/health", r.Path));
    }

    [Fact]
    public async Task An_engines_metrics_become_a_report_with_rates()
    {
        await using SwitchedUpstream upstream = await SwitchedUpstream.StartAsync();
        upstream.Metrics = Page(1000, 500, 100);
        await using GatewayHarness gateway = await StartAsync(upstream.Address);
        DeploymentState state = StateOf(gateway);
        await PassAsync(gateway, () => state.Report is not null);
        EngineReport first = state.Report!;
        upstream.Metrics = Page(1600, 800, 180);
        await PassAsync(gateway, () => state.Report != first && state.Report!.PrefixHitShare is not null);
        EngineReport second = state.Report!;

        Assert.Equal((7, 3, 0.5), (first.Running, first.Waiting, first.KvUsageShare));
        Assert.Null(first.GenerationTokensPerSecond);
        Assert.Equal(80.0 / 300, second.PrefixHitShare!.Value, 6);
        double seconds = (second.AtNs - first.AtNs) / (double)Instant.NsPerSecond;
        Assert.Equal(600 / seconds, second.PromptTokensPerSecond!.Value, 6);

        upstream.Metrics = "garbage\n" + new string('x', 100_000);
        await PassAsync(gateway, () => state.Report is null);
    }

    [Fact]
    public async Task The_emulators_page_is_understood()
    {
        await using GatewayHarness gateway = await StartAsync(emulator.Fast);
        await PassAsync(gateway, () => StateOf(gateway).Report is not null && StateOf(gateway).ProbesGood > 0);

        EngineReport report = StateOf(gateway).Report!;
        Assert.Equal((0, 0, 0), (report.Running, report.Waiting, report.KvUsageShare));
    }

    [Fact]
    public async Task A_reload_to_another_endpoint_forgets_what_the_old_one_did_and_a_removed_one_is_left_alone()
    {
        await using SwitchedUpstream old = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream next = await SwitchedUpstream.StartAsync();
        await using GatewayHarness gateway = await StartAsync(old.Address);
        await PassAsync(gateway, () => old.Probes > 0 && StateOf(gateway).ProbesGood > 0);
        StateOf(gateway).Breaker.TakeOut(
            OutCause.FailureShare, Reason.UpstreamCut, Instant.MonotonicNsOf(_time), 0.5, new HealthRulesConfig
            {
                OpenSeconds = 3600, MaxOpenSeconds = 3600,
            });
        FleetConfig config = gateway.State.Model.Config;
        Assert.Empty(gateway.Reload(config with
        {
            Deployments = [config.Deployments[0] with { Endpoint = next.Address }],
        }));
        await PassAsync(gateway, () => next.Probes > 0 && At(gateway) == BreakerState.Closed);
        int asked = old.Probes;
        Assert.Empty(gateway.Reload(config with { Deployments = [] }));
        int before = next.Probes;
        await PassAsync(gateway, TimeSpan.FromSeconds(60));

        Assert.Equal(asked, old.Probes);
        Assert.InRange(next.Probes, before, before + 1);
    }

    [Fact]
    public async Task A_draining_server_asks_nobody()
    {
        await using SwitchedUpstream upstream = await SwitchedUpstream.StartAsync();
        await using GatewayHarness gateway = await StartAsync(upstream.Address);
        gateway.State.Draining = true;
        await PassAsync(gateway, TimeSpan.FromSeconds(60));

        Assert.Equal(0, upstream.Probes);
    }

    private static string Page(int prompt, int queries, int hits) => $$"""
        vllm:num_requests_running{engine="0"} 7
        vllm:num_requests_waiting{engine="0"} 3
        vllm:kv_cache_usage_perc{engine="0"} 0.5
        vllm:prompt_tokens_total{engine="0"} {{prompt}}
        vllm:generation_tokens_total{engine="0"} 10
        vllm:prefix_cache_queries_total{engine="0"} {{queries}}
        vllm:prefix_cache_hits_total{engine="0"} {{hits}}

        """;
}
