using System.Net;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit.Time;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Health;

/// <summary>An engine that others use as well: what it reports of them moves this gateway's requests away, over real
/// sockets.</summary>
public sealed class SharedEngineTests
{
    private const double IntervalSeconds = 5;
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData("vllm:num_requests_running 120\nvllm:num_requests_waiting 900\nvllm:generation_tokens_total SECONDS00\n")]
    [InlineData("sglang:num_running_reqs 120\nsglang:num_queue_reqs 900\nsglang:gen_throughput 100\n")]
    public async Task Requests_go_elsewhere_while_it_is_busy_for_others_and_return_when_nothing_is_heard(string busy)
    {
        await using SwitchedUpstream shared = await SwitchedUpstream.StartAsync();
        await using SwitchedUpstream own = await SwitchedUpstream.StartAsync();
        shared.Metrics = own.Metrics = "vllm:num_requests_running 0\n";
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [shared.Address, own.Address], _time, NullLoggerFactory.Instance, c => c with
            {
                Server = new ServerConfig { Routing = new RoutingConfig { ToleranceMs = 1000 } },
                Deployments =
                [
                    .. c.Deployments.Select(d => d with
                    {
                        Backing = Backing.Real,
                        Health = d.Health with
                        {
                            MetricsPath = "/metrics", ProbePath = "/health", IntervalSeconds = IntervalSeconds,
                        },
                    }),
                ],
            });
        Deployment engine = gateway.State.Model.Deployments[0];
        Assert.True(await ServedByAsync(gateway, shared, 64) > 0);

        await PassAsync(
            gateway,
            () => gateway.State.Of(engine).Report is { Running: > 0, GenerationTokensPerSecond: > 0 },
            () => shared.Metrics = busy.Replace(
                "SECONDS", $"{_time.GetUtcNow().ToUnixTimeSeconds()}", StringComparison.Ordinal));
        Assert.Equal(0, await ServedByAsync(gateway, shared, 64));

        // It says nothing any more, and what it said last ages.
        shared.Metrics = "";
        long silentNs = Instant.MonotonicNsOf(_time);
        await PassAsync(gateway, () => gateway.State.LoadOf(engine).OthersRunning == 0
            && Instant.MonotonicNsOf(_time) - silentNs > 4 * IntervalSeconds * Instant.NsPerSecond);
        Assert.Null(gateway.State.Of(engine).Report);
        Assert.True(await ServedByAsync(gateway, shared, 64) > 0);
    }

    private static async Task<int> ServedByAsync(GatewayHarness gateway, SwitchedUpstream upstream, int requests)
    {
        upstream.Forget();
        for (int i = 0; i < requests; i++)
        {
            using HttpResponseMessage served = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));
            Assert.Equal(HttpStatusCode.OK, served.StatusCode);
            Assert.Contains("message_stop", await served.Content.ReadAsStringAsync());
        }

        return upstream.Calls;
    }

    /// <summary>Lets time pass until something happened; the clock stands still while an answer is on its way.</summary>
    private async Task PassAsync(GatewayHarness gateway, Func<bool> happened, Action? each = null)
    {
        while (!happened())
        {
            each?.Invoke();
            _time.Advance(TimeSpan.FromMilliseconds(250));
            await Eventually.TrueAsync(() => gateway.Server.Asking == 0, () => "a probe never ends");
        }
    }
}
