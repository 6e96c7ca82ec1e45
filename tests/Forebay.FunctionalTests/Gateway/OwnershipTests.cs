using System.Net;
using System.Net.Sockets;
using System.Text;
using Forebay.Core.Capacity;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Races and gaps between the steps: who owns the response, which fleet decides, what is counted when nobody
/// counts.</summary>
public sealed class OwnershipTests
{
    private const string Refusal = """{"type":"error","error":{"type":"invalid_request_error","message":"too long"}}""";

    [Fact]
    public async Task A_refusal_whose_body_is_late_meets_a_stream_that_keep_alives_began()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            http.Response.StatusCode = 400;
            http.Response.ContentType = "application/json";
            await http.Response.Body.FlushAsync();
            await go.WaitAsync();
            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(Refusal));
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], WithKeepAlive);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.StartsWith(":", await reader.ReadLineAsync());
        go.Release();
        string rest = await reader.ReadToEndAsync();

        Assert.Contains("event: error\n", rest);
        Assert.Contains("refused the request with status 400", rest);
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((Reason.UpstreamRefused, 200), (usage.Reason, usage.Status));
    }

    [Fact]
    public async Task A_quick_refusal_of_a_stream_goes_back_word_for_word_however_often_keep_alives_are_due()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 400, Refusal));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], WithKeepAlive);

        for (int i = 0; i < 100; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(true)));
            string body = await response.Content.ReadAsStringAsync();
            Assert.True(
                body == Refusal || (body.StartsWith(": keep-alive", StringComparison.Ordinal) && body.Contains("error")),
                body);
        }

        Assert.Equal(0, gateway.Server.InFlight);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_without_usage_is_counted_by_what_was_relayed(bool stream)
    {
        const string plain = """{"id":"c","object":"chat.completion","created":1,"model":"upstream-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there"},"finish_reason":"stop"}]}""";
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) => stream
            ? ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(withUsage: false))
            : ScriptedUpstream.JsonAsync(http, 200, plain));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream)));
        await response.Content.ReadAsStringAsync();

        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal(UsageOutcome.Completed, usage.Outcome);
        Assert.True(usage.Estimated);
        Assert.Equal(stream ? 2 : plain.Length / 4, usage.Tokens.Output);
    }

    [Fact]
    public async Task A_declared_length_costs_the_memory_budget_nothing_until_it_arrives()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => c with
        {
            Server = c.Server with
            {
                Gateway = c.Server.Gateway with { MemoryBudgetBytes = 8_000_000, MaxBodyBytes = 4_000_000 },
            },
        });
        var idle = new List<TcpClient>();
        for (int i = 0; i < 20; i++)
        {
            var tcp = new TcpClient();
            await tcp.ConnectAsync(gateway.Server.Address.Host, gateway.Server.Address.Port);
            await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                $"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {GatewayHarness.Secret}\r\n" +
                "anthropic-version: 2023-06-01\r\nContent-Length: 3900000\r\n\r\n{"));
            idle.Add(tcp);
        }

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        idle.ForEach(tcp => tcp.Dispose());
    }

    [Fact]
    public async Task A_waiting_request_is_never_sent_where_a_reload_moved_its_deployment_against_residency()
    {
        using var go = new SemaphoreSlim(0);
        using var arrived = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            arrived.Release();
            await go.WaitAsync();
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        FleetConfig? config = null;
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => config = c with
        {
            Sites = [c.Sites[0] with { Country = "DE", Jurisdiction = "eu" }],
            Deployments = [c.Deployments[0] with { MaxConcurrency = 1 }],
        });
        Task<HttpResponseMessage> first = SendAsEuAsync(gateway);
        await arrived.WaitAsync();
        Task<HttpResponseMessage> second = SendAsEuAsync(gateway);
        while (gateway.State.Waiting == 0)
        {
            await Task.Yield();
        }

        // The same address, but now known to stand in the US.
        SiteConfig moved = config!.Sites[0] with { Country = "US", Jurisdiction = "us" };
        Assert.Empty(gateway.Reload(config with { Sites = [moved] }));
        go.Release(2);

        Assert.Equal(200, (int)(await first).StatusCode);
        using HttpResponseMessage refused = await second;
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("residency", refused.Headers.GetValues("x-forebay-reason").Single());
        Assert.Single(upstream.Requests);
    }

    private static Task<HttpResponseMessage> SendAsEuAsync(GatewayHarness gateway) => gateway.Client.SendAsync(
        GatewayHarness.Messages(GatewayHarness.MessagesBody(false), GatewayHarness.OtherSecret));

    private static FleetConfig WithKeepAlive(FleetConfig c) => c with
    {
        Server = c.Server with { Gateway = c.Server.Gateway with { KeepAliveSeconds = 0.01 } },
    };
}
