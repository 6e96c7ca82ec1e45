using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
using Forebay.Core.Time;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Hostile;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.FunctionalTests.Health;

/// <summary>Deployments that go wrong under load, over real sockets, on a clock of the test's.</summary>
public sealed class HealthTests : IAsyncLifetime
{
    private static readonly HealthRulesConfig Rules = new();
    private readonly ManualTime _time = new();
    private readonly RecordingLogs _logs = new();
    private SwitchedUpstream _one = null!;
    private SwitchedUpstream _other = null!;

    public async ValueTask InitializeAsync()
    {
        _one = await SwitchedUpstream.StartAsync();
        _other = await SwitchedUpstream.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _other.DisposeAsync();
    }

    private Task<GatewayHarness> StartAsync(Func<FleetConfig, FleetConfig>? change = null, bool alone = false) =>
        GatewayHarness.StartAsync(
            alone ? [_one.Address] : [_one.Address, _other.Address], _time, _logs.CreateFactory(), change);

    private static DeploymentState StateOf(GatewayHarness gateway, int index = 0) =>
        gateway.State.Of(gateway.State.Model.Deployments[index]);

    private BreakerState At(GatewayHarness gateway, int index = 0) =>
        StateOf(gateway, index).Breaker.View(Instant.MonotonicNsOf(_time)).State;

    private static async Task<HttpResponseMessage> CallAsync(GatewayHarness gateway, bool stream = false)
    {
        HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));
        await response.Content.LoadIntoBufferAsync();
        return response;
    }

    private static async Task ServeAsync(GatewayHarness gateway, int requests, int atOnce = 1)
    {
        for (int i = 0; i < requests; i += atOnce)
        {
            foreach (HttpResponseMessage response in await Task.WhenAll(
                Enumerable.Range(0, atOnce).Select(_ => CallAsync(gateway))))
            {
                Assert.Equal(200, (int)response.StatusCode);
                response.Dispose();
            }
        }
    }

    [Theory]
    [InlineData("500")]
    [InlineData("cut")]
    [InlineData("529")]
    public async Task What_turns_bad_is_left_alone_after_a_few_requests_and_comes_back_over_a_ramp(string fault)
    {
        await using GatewayHarness gateway = await StartAsync();
        await ServeAsync(gateway, 8);
        _one.Fault = fault;
        _one.Forget();

        await ServeAsync(gateway, 60);
        Assert.Equal(Rules.ConsecutiveFailures, _one.Calls);
        Assert.Equal(BreakerState.Open, At(gateway));

        _one.Fault = "none";
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(BreakerState.HalfOpen, At(gateway));
        await ServeAsync(gateway, 20);
        Assert.Equal(BreakerState.Recovering, At(gateway));
        long now = Instant.MonotonicNsOf(_time);
        Assert.InRange(StateOf(gateway).Places(256, now), 1, 26);
        _time.Advance(TimeSpan.FromSeconds(Rules.RampSeconds));
        Assert.Equal(BreakerState.Closed, At(gateway));
        Assert.Equal(
            StateOf(gateway).Limit.Within(256), StateOf(gateway).Places(256, Instant.MonotonicNsOf(_time)));
        Assert.Equal(fault != "529", StateOf(gateway).Limit.Within(256) == 256);
        await GatewayHealth.IsIdleAsync(gateway);

        _time.Advance(TimeSpan.FromSeconds(1));
        string[] lines = [.. _logs.Lines.Where(l => l.Contains("Gateway 11", StringComparison.Ordinal))];
        Assert.Equal(
            ["1100", "1102", "1103", "1104"], lines.Select(l => l.Split(' ')[1]));
        Assert.Contains("d0 is left alone", lines[0], StringComparison.Ordinal);
        Assert.Contains("consecutive_failures", lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rate_limit_is_waited_out_and_is_no_failure()
    {
        await using GatewayHarness gateway = await StartAsync();
        _one.Fault = "429-retry-after=7";

        await ServeAsync(gateway, 40);
        Assert.Equal(1, _one.Calls);
        Assert.Equal(BreakerState.Paused, At(gateway));
        Assert.Equal(128, StateOf(gateway).Limit.Within(256));

        _one.Fault = "none";
        _time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(BreakerState.Closed, At(gateway));
        await ServeAsync(gateway, 10);
        Assert.True(_one.Calls > 1);
        Assert.Equal(0, StateOf(gateway).Breaker.OpenedBy(OutCause.ConsecutiveFailures));
    }

    [Fact]
    public async Task What_hangs_gets_no_more_than_trials_once_it_timed_out()
    {
        await using GatewayHarness gateway = await StartAsync(c => c with
        {
            Deployments = [.. c.Deployments.Select(d => d with { MaxConcurrency = 10 })],
        });
        _one.Fault = _other.Fault = "hang";
        Task[] stuck = [.. Enumerable.Range(0, 20).Select(_ => ServeAsync(gateway, 1))];
        await Eventually.TrueAsync(
            () => _one.MostInside == 10 && _other.MostInside == 10, () => $"{_one.MostInside} hang");
        _other.Fault = "none";
        _other.Release(10);
        await Eventually.TrueAsync(() => stuck.Count(t => t.IsCompleted) == 10, () => "no answers");
        _time.Advance(TimeSpan.FromSeconds(21));
        await Task.WhenAll(stuck);
        await GatewayHealth.IsIdleAsync(gateway);
        Assert.Equal(BreakerState.Open, At(gateway));

        _one.Forget();
        await ServeAsync(gateway, 20, atOnce: 5);
        Assert.Equal(0, _one.Calls);

        _time.Advance(TimeSpan.FromSeconds(3));
        _other.Fault = "hang";
        Task[] later = [.. Enumerable.Range(0, 20).Select(_ => ServeAsync(gateway, 1))];
        await Eventually.TrueAsync(
            () => gateway.State.Waiting == 20 - 10 - Rules.TrialRequests, () => $"{_one.Calls} calls");
        Assert.Equal(Rules.TrialRequests, _one.Calls);
        _one.Fault = _other.Fault = "none";
        _one.Release(Rules.TrialRequests);
        _other.Release(10);
        await Task.WhenAll(later);
        Assert.Equal(BreakerState.Recovering, At(gateway));
    }

    [Fact]
    public async Task One_that_flaps_costs_its_clients_nothing_and_few_attempts()
    {
        await using GatewayHarness gateway = await StartAsync();
        for (int turn = 0; turn < 8; turn++)
        {
            _one.Fault = turn % 2 == 0 ? "500" : "none";
            await ServeAsync(gateway, 60);
            _time.Advance(TimeSpan.FromSeconds(6));
        }

        DeploymentState flapping = StateOf(gateway);
        long openings = flapping.Breaker.OpenedBy(OutCause.ConsecutiveFailures)
            + flapping.Breaker.OpenedBy(OutCause.FailureShare);
        Assert.InRange(openings, 2, 8);
        Assert.InRange(flapping.Failed, Rules.ConsecutiveFailures, Rules.ConsecutiveFailures * openings);
        Assert.Equal(480, gateway.Journal.Settled.Count);
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Fact]
    public async Task When_all_are_out_for_longer_than_anyone_waits_the_answer_says_so_at_once()
    {
        await using GatewayHarness gateway = await StartAsync(alone: true);
        _one.Fault = "401";
        using (HttpResponseMessage refused = await CallAsync(gateway))
        {
            Assert.Equal("upstream_account", refused.Headers.GetValues("x-forebay-reason").Single());
        }

        _one.Fault = "hang";
        Task<HttpResponseMessage>[] last =
            [.. Enumerable.Range(0, Rules.TrialRequests).Select(_ => CallAsync(gateway))];
        await Eventually.TrueAsync(() => _one.MostInside == Rules.TrialRequests, () => $"{_one.MostInside} inside");
        using HttpResponseMessage answer = await CallAsync(gateway);

        Assert.Equal(529, (int)answer.StatusCode);
        Assert.Equal("upstream_account", answer.Headers.GetValues("x-forebay-reason").Single());
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 200, 300);
        Assert.Contains("is out after failures", await answer.Content.ReadAsStringAsync());
        _one.Release(Rules.TrialRequests);
        await Task.WhenAll(last);
        // A client has its answer a moment before the deployment is judged by it.
        await Eventually.TrueAsync(() => At(gateway) == BreakerState.Recovering, () => $"{At(gateway)}");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains(
            _logs.Lines, l => l.Contains("refuses the account of deployment d0", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_clients_own_fault_is_not_held_against_the_deployment()
    {
        await using GatewayHarness gateway = await StartAsync(alone: true);
        _one.Fault = "400";
        for (int i = 0; i < 50; i++)
        {
            using HttpResponseMessage answer = await CallAsync(gateway, stream: i % 2 == 0);
            Assert.Equal(400, (int)answer.StatusCode);
        }

        Assert.Equal(BreakerState.Closed, At(gateway));
        Assert.Equal((50, 0), (StateOf(gateway).Completed, StateOf(gateway).Failed));
    }

    [Fact]
    public async Task A_providers_403_counts_like_a_failure_though_its_words_go_to_the_client()
    {
        await using GatewayHarness gateway = await StartAsync();
        _one.Fault = "403";
        int told = 0;
        for (int i = 0; i < 40; i++)
        {
            using HttpResponseMessage answer = await CallAsync(gateway);
            told += (int)answer.StatusCode == 403 ? 1 : 0;
        }

        Assert.Equal(Rules.ConsecutiveFailures, told);
        Assert.Equal(BreakerState.Open, At(gateway));
    }

    [Fact]
    public async Task One_model_that_fails_leaves_the_others_their_retries()
    {
        await using GatewayHarness gateway = await StartAsync(c => c with
        {
            Server = c.Server with { Gateway = c.Server.Gateway with { RetryBudgetRatio = 0 } },
            Models = [.. c.Models, c.Models[0] with { Id = "other", Aliases = [] }],
            Deployments =
            [
                .. c.Deployments,
                .. c.Deployments.Select(d => d with { Id = "o" + d.Id, Model = "other" }),
            ],
        });
        _one.Fault = _other.Fault = "500";
        for (int i = 0; i < 30; i++)
        {
            (await CallAsync(gateway)).Dispose();
        }

        _one.Forget();
        _other.Forget();
        using HttpResponseMessage response = await gateway.Client.SendAsync(GatewayHarness.Messages(
            GatewayHarness.MessagesBody(false).Replace("atlas", "other", StringComparison.Ordinal)));

        Assert.Equal((1, 1), (_one.Calls, _other.Calls));
    }
}
