using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>A provider's account is asked for no more than its quota, as configured or as it says itself.</summary>
public sealed class QuotaTests
{
    private const int Requests = 12;

    private static Task AnswerAsync(HttpContext http, ReceivedRequest request) =>
        ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);

    /// <summary>The first deployment's pool has a quota; the second's has none.</summary>
    private static Func<FleetConfig, FleetConfig> With(PoolQuotaConfig quota) => config =>
    {
        string pool = config.Deployments[0].Pool;
        PoolConfig limited = config.Pools.Single(p => p.Id == pool) with
        {
            Id = "limited", Accelerators = null, Quota = quota,
        };
        return config with
        {
            Pools = [.. config.Pools, limited],
            Deployments = [config.Deployments[0] with { Pool = "limited" }, .. config.Deployments.Skip(1)],
        };
    };

    private static async Task SendAllAsync(GatewayHarness gateway)
    {
        for (int i = 0; i < Requests; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));
            Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        }
    }

    [Fact]
    public async Task What_a_quota_has_no_room_for_goes_elsewhere_before_the_provider_refuses_it()
    {
        await using ScriptedUpstream limited = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using ScriptedUpstream other = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [limited.Address, other.Address], With(new PoolQuotaConfig { RequestsPerMinute = 3 }));

        await SendAllAsync(gateway);

        Assert.InRange(limited.Requests.Count, 1, 4);
        Assert.Equal(Requests, limited.Requests.Count + other.Requests.Count);
    }

    [Fact]
    public async Task What_the_provider_says_is_left_is_believed()
    {
        await using ScriptedUpstream limited = await ScriptedUpstream.StartAsync((http, request) =>
        {
            http.Response.Headers["anthropic-ratelimit-requests-limit"] = "2";
            http.Response.Headers["anthropic-ratelimit-requests-remaining"] = "0";
            return AnswerAsync(http, request);
        });
        await using ScriptedUpstream other = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [limited.Address, other.Address], With(new PoolQuotaConfig { RequestsPerMinute = 1_000 }));

        await SendAllAsync(gateway);

        Assert.InRange(limited.Requests.Count, 1, 2);
        Assert.Equal(Requests, limited.Requests.Count + other.Requests.Count);
    }

    [Fact]
    public async Task Tokens_reserved_and_not_used_are_given_back()
    {
        await using ScriptedUpstream limited = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using ScriptedUpstream other = await ScriptedUpstream.StartAsync(AnswerAsync);
        var quota = new PoolQuotaConfig { TokensPerMinute = 1_000, OutputBurndown = 5, ReservesMaxTokens = true };
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([limited.Address, other.Address], With(quota));

        // 64 tokens asked for take 320 and more each; what is used, 37 or so: without giving back three would go.
        await SendAllAsync(gateway);

        Assert.InRange(limited.Requests.Count, 4, Requests);
    }
}
