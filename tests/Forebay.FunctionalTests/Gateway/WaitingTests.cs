using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>How long things may take: waiting for a place, and running on while the server stops.</summary>
public sealed class WaitingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_wait_for_a_place_ends_at_its_deadline(bool stream)
    {
        using var go = new SemaphoreSlim(0);
        using var arrived = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            arrived.Release();
            await go.WaitAsync();
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => c with
        {
            Deployments =
            [
                c.Deployments[0] with
                {
                    MaxConcurrency = 1,
                    Timeouts = c.Deployments[0].Timeouts with { FirstByteSeconds = 600, TotalSeconds = 600 },
                },
            ],
            Server = c.Server with { Gateway = c.Server.Gateway with { MaxWaitSeconds = 0.1 } },
        });
        Task<HttpResponseMessage> first = gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));
        await arrived.WaitAsync();

        using HttpResponseMessage second = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream))).WaitAsync(Patience);

        Assert.Equal(529, (int)second.StatusCode);
        Assert.Equal("queue_timeout", second.Headers.GetValues("x-forebay-reason").Single());
        Assert.NotNull(second.Headers.RetryAfter);
        go.Release();
        Assert.Equal(200, (int)(await first).StatusCode);
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Fact]
    public async Task Draining_lets_a_stream_run_to_its_end()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(4));
            await go.WaitAsync();
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Skip(4));
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);
        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);

        Task stop = gateway.Server.StopAsync(Patience, CancellationToken.None);
        using HttpResponseMessage refused = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));
        go.Release();

        Assert.Equal("draining", refused.Headers.GetValues("x-forebay-reason").Single());
        Assert.EndsWith(Answers.AnthropicStream[^1], await response.Content.ReadAsStringAsync());
        await stop;
    }
}
