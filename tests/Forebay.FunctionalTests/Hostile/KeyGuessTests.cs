using System.Net;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Secrets that are nearly a key.</summary>
public sealed class KeyGuessTests
{
    [Fact]
    public async Task What_only_looks_like_a_key_is_not_known()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);
        const string secret = GatewayHarness.Secret;
        string[] guesses =
        [
            secret + "0", secret[..^1], secret[..6], secret[1..], secret.ToUpperInvariant(), "F" + secret[1..],
            secret[..^1] + "8", secret + secret, $"{secret},{secret}", $"\"{secret}\"", secret.Replace('-', '_'),
            new string('a', 10_000), GatewayHarness.Secret[..10] + GatewayHarness.OtherSecret[10..],
        ];

        foreach (string guess in guesses)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(false), guess));
            Assert.True(response.StatusCode == HttpStatusCode.Unauthorized, $"{guess}: {response.StatusCode}");
            Assert.DoesNotContain(secret, await response.Content.ReadAsStringAsync());
        }

        Assert.Empty(upstream.Requests);
        await GatewayHealth.ServesAsync(gateway);
    }
}
