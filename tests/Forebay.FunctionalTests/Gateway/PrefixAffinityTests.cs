using System.Net;
using System.Text.Json;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Between equally fast deployments a prompt goes where its beginning went before.</summary>
public sealed class PrefixAffinityTests
{
    [Fact]
    public async Task The_turns_of_a_conversation_come_back_to_one_deployment_and_conversations_spread()
    {
        await using ScriptedUpstream first = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using ScriptedUpstream second = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([first.Address, second.Address]);
        var served = new HashSet<string>();
        for (int conversation = 0; conversation < 16; conversation++)
        {
            string text = $"conversation {conversation:000} ".PadRight(64 * 40, 'x');
            var places = new HashSet<string>();
            for (int turn = 0; turn < 4; turn++)
            {
                text += $" and turn {turn}";
                places.Add(await DeploymentOfAsync(gateway, text));
            }

            served.Add(Assert.Single(places));
        }

        Assert.Equal(2, served.Count);
    }

    [Fact]
    public async Task Prompts_too_short_to_have_a_prefix_take_turns()
    {
        await using ScriptedUpstream first = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using ScriptedUpstream second = await ScriptedUpstream.StartAsync(AnswerAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([first.Address, second.Address]);
        var served = new HashSet<string>();
        for (int i = 0; i < 64 && served.Count < 2; i++)
        {
            served.Add(await DeploymentOfAsync(gateway, "Hi"));
        }

        Assert.Equal(2, served.Count);
    }

    private static Task AnswerAsync(HttpContext http, ReceivedRequest request) =>
        ScriptedUpstream.JsonAsync(http, 200, Answers.OpenAiCompletion);

    private static async Task<string> DeploymentOfAsync(GatewayHarness gateway, string text)
    {
        using HttpResponseMessage response = await gateway.Client.SendAsync(GatewayHarness.Chat(
            $$"""{"model":"{{GatewayHarness.Model}}","messages":[{"role":"user","content":{{JsonSerializer.Serialize(text)}}}]}"""));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return Assert.Single(response.Headers.GetValues("x-forebay-deployment"));
    }
}
