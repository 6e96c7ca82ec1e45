using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>When a request is recorded, and what is left of a tenant's limits after it.</summary>
public sealed class MeteringTests
{
    [Fact]
    public async Task The_accept_record_is_there_when_the_upstream_is_called()
    {
        GatewayHarness? gateway = null;
        int open = -1;
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) =>
        {
            open = gateway!.Journal.Open;
            return ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        await using GatewayHarness started = gateway = await GatewayHarness.StartAsync([upstream.Address]);

        Assert.Equal(200, await SendAsync(gateway, maxTokens: 64));

        Assert.Equal(1, open);
        Assert.Single(gateway.Journal.Settled);
    }

    /// <summary>The tenant's whole minute of output is reserved and five tokens of it are used.</summary>
    [Fact]
    public async Task What_was_reserved_and_not_used_is_given_back()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], c => WithTier(c, new TierConfig { Id = "scale", OutputTokensPerMinute = 600 }));

        Assert.Equal(200, await SendAsync(gateway, maxTokens: 600));
        Assert.Equal(200, await SendAsync(gateway, maxTokens: 500));
    }

    [Fact]
    public async Task Cache_reads_leave_a_tenants_limit_alone()
    {
        string cached = Answers.AnthropicMessage.Replace(
            "\"cache_read_input_tokens\":3", "\"cache_read_input_tokens\":190000", StringComparison.Ordinal);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, cached));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], c => WithTier(c, new TierConfig { Id = "scale", InputTokensPerMinute = 10_000 }));

        Assert.Equal(200, await SendAsync(gateway, maxTokens: 64));
        Assert.Equal(200, await SendAsync(gateway, maxTokens: 64));

        Assert.All(gateway.Journal.Settled, u => Assert.Equal(190_000, u.Tokens.CacheRead));
    }

    private static FleetConfig WithTier(FleetConfig config, TierConfig tier) => config with
    {
        Tiers = [.. config.Tiers.Where(t => t.Id != tier.Id), tier],
    };

    private static async Task<int> SendAsync(GatewayHarness gateway, int maxTokens)
    {
        using HttpResponseMessage response = await gateway.Client.SendAsync(GatewayHarness.Messages(
            GatewayHarness.MessagesBody(false).Replace(
                "\"max_tokens\":64", $"\"max_tokens\":{maxTokens}", StringComparison.Ordinal)));
        return (int)response.StatusCode;
    }
}
