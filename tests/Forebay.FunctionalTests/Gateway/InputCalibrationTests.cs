using System.Text.Json.Nodes;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>What prompts are expected to have follows what upstreams say of them; what is metered does not.</summary>
public sealed class InputCalibrationTests
{
    private const int Estimated = 2_000;
    private const int Told = 3_000;

    private static readonly string Prompt =
        $$"""{"model":"atlas","max_tokens":64,"messages":[{"role":"user","content":"{{new string('a', 4 * Estimated)}}"}]}""";

    [Fact]
    public async Task What_a_tokenizer_makes_of_prompts_is_expected_of_the_next()
    {
        string answer = Answers.OpenAiCompletion.Replace(
            "\"prompt_tokens\":15", $"\"prompt_tokens\":{Told}", StringComparison.Ordinal);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, answer));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], config => config with
        {
            Deployments = [.. config.Deployments.Select(d => d with { Dialects = [Dialect.OpenAi] })],
        });
        long before = await CountAsync(gateway);

        for (int i = 0; i < 40; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(GatewayHarness.Messages(Prompt));
            Assert.True(response.IsSuccessStatusCode);
        }

        Assert.Equal(Estimated, before);
        Assert.InRange(await CountAsync(gateway), Told * 0.97, Told);
        Assert.All(gateway.Journal.Settled, r => Assert.Equal(new TokenUsage(Told - 3, 3, 0, 5), r.Tokens));
        long[] reserved = [.. gateway.Journal.Accepted.Select(a => a.EstimatedInputTokens)];
        Assert.Equal(reserved.Order(), reserved);
        Assert.Equal(Estimated, reserved[0]);
        Assert.InRange(reserved[^1], Told * 0.97, Told);
    }

    private static async Task<long> CountAsync(GatewayHarness gateway)
    {
        HttpRequestMessage request = GatewayHarness.Messages(Prompt);
        request.RequestUri = new Uri("/v1/messages/count_tokens", UriKind.Relative);
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        Assert.Equal("true", response.Headers.GetValues("x-forebay-estimate").Single());
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["input_tokens"]!.GetValue<long>();
    }
}
