using Forebay.Core.Fleet;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Where retries end: after the first event, at the number of attempts, at the budget, and never by a
/// redirect.</summary>
public sealed class RetryBoundTests
{
    private const string Error = """{"type":"error","error":{"type":"api_error","message":"x"}}""";

    [Fact]
    public async Task What_broke_after_its_first_event_is_not_begun_again_elsewhere()
    {
        await using ScriptedUpstream one = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(4)));
        await using ScriptedUpstream other = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(4)));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([one.Address, other.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));
        string body = await response.Content.ReadAsStringAsync();

        Assert.Single(body.Split("event: message_start").Skip(1));
        Assert.Contains("event: error\n", body);
        Assert.Equal(1, one.Requests.Count + other.Requests.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task A_request_is_tried_no_more_often_than_allowed(int attempts)
    {
        await using ScriptedUpstream bad = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 500, Error));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [bad.Address, bad.Address, bad.Address, bad.Address], c => With(c, attempts, ratio: 10));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        Assert.Equal(502, (int)response.StatusCode);
        Assert.Equal(attempts, bad.Requests.Count);
        Assert.Equal(attempts, Assert.Single(gateway.Journal.Settled).Attempts);
    }

    /// <summary>Ten retries are saved up; without new ones the eleventh request is tried once.</summary>
    [Fact]
    public async Task Retries_end_when_the_budget_is_spent()
    {
        await using ScriptedUpstream bad = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 500, Error));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [bad.Address, bad.Address], c => With(c, attempts: 3, ratio: 0));

        for (int i = 0; i < 15; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));
            Assert.Equal(502, (int)response.StatusCode);
        }

        Assert.Equal(15 + 10, bad.Requests.Count);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using ScriptedUpstream elsewhere = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) =>
        {
            http.Response.StatusCode = 307;
            http.Response.Headers.Location = new Uri(elsewhere.Address, "/v1/messages").AbsoluteUri;
            return Task.CompletedTask;
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        Assert.Equal("upstream_protocol", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Empty(elsewhere.Requests);
    }

    private static FleetConfig With(FleetConfig config, int attempts, double ratio) => config with
    {
        Server = config.Server with
        {
            Gateway = config.Server.Gateway with { MaxAttempts = attempts, RetryBudgetRatio = ratio },
        },
    };
}
