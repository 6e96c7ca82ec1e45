using System.Text;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Clients that ask and never read. However large the answer, each is cut after client_stall_seconds, and what
/// it held is given back.</summary>
public sealed class StalledClientTests
{
    private const int AnswerBytes = 30 * 1024 * 1024;

    private static readonly byte[] Fine = RawUpstream.Http(
        "200 OK\r\nContent-Type: application/json", Answers.AnthropicMessage);

    [Fact]
    public async Task A_client_that_never_reads_is_cut_and_its_upstream_let_go()
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RawUpstream upstream = RawUpstream.Start(async (wire, cancel) =>
        {
            byte[] delta = Encoding.UTF8.GetBytes(Answers.AnthropicStream[3].Replace(
                "Hello", new string('a', 64 * 1024), StringComparison.Ordinal));
            await wire.WriteAsync(
                Encoding.UTF8.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
                    + Answers.AnthropicStream[0]), cancel);
            try
            {
                while (true)
                {
                    await wire.WriteAsync(delta, cancel);
                }
            }
            finally
            {
                gone.TrySetResult();
            }
        });
        await using GatewayHarness gateway = await StartAsync(upstream);
        using RawClient client = await RawClient.ConnectAsync(gateway);
        await client.SendAsync(RawClient.Request("/v1/messages", body: GatewayHarness.MessagesBody(stream: true)));

        await gone.Task.WaitAsync(TimeSpan.FromSeconds(30));

        UsageRecord usage = await gateway.Journal.NextAsync();
        Assert.Equal((UsageOutcome.ClientGone, Reason.ClientStalled), (usage.Outcome, usage.Reason));
        Assert.Equal(0, gateway.State.Of(gateway.State.Model.Deployments[0]).Failed);
        upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
        await GatewayHealth.ServesAsync(gateway);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(400)]
    public async Task A_client_that_never_reads_a_whole_answer_is_cut(int status)
    {
        int bytes = status == 200 ? AnswerBytes : 3 * 1024 * 1024;
        await using RawUpstream upstream = RawUpstream.Start(RawUpstream.Http(
            $"{status} X\r\nContent-Type: application/json",
            Answers.AnthropicMessage.Replace("Hello", new string('a', bytes), StringComparison.Ordinal)));
        await using GatewayHarness gateway = await StartAsync(upstream);
        using RawClient client = await RawClient.ConnectAsync(gateway, receiveBytes: 4096);
        await client.SendAsync(RawClient.Request("/v1/messages"));

        _ = await gateway.Journal.NextAsync();

        upstream.Answer = (wire, cancel) => wire.WriteAsync(Fine, cancel).AsTask();
        await GatewayHealth.ServesAsync(gateway);
        Assert.Equal(0, gateway.State.Of(gateway.State.Model.Deployments[0]).Failed);
    }

    private static Task<GatewayHarness> StartAsync(RawUpstream upstream) => GatewayHarness.StartAsync(
        [upstream.Address],
        c => c with
        {
            Server = c.Server with { Gateway = c.Server.Gateway with { ClientStallSeconds = 0.5 } },
        });
}
