using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Forebay.FunctionalTests.Emulator;
using Forebay.FunctionalTests.Gateway;
using OpenAI.Chat;
using Xunit;
using static Forebay.FunctionalTests.Clients.ClientFixture;

namespace Forebay.FunctionalTests.Clients;

/// <summary>Many streams at once: every one whole, and nobody's text in another's.</summary>
[Collection(nameof(ClientFixture))]
public sealed class ParallelStreamsTests(ClientFixture fixture)
{
    private const int Streams = 50;

    [Fact]
    public async Task Fifty_streams_at_once_each_get_the_whole_text_of_their_own_prompt()
    {
        int before = fixture.Gateway.Journal.Settled.Count;
        using AnthropicClient anthropic = fixture.Anthropic();
        ChatClient openAi = fixture.OpenAi();

        string[] texts = await Task.WhenAll(Enumerable.Range(0, Streams).Select(i => i % 2 == 0
            ? FromAnthropicAsync(anthropic, PromptOf(i))
            : FromOpenAiAsync(openAi, PromptOf(i))));

        Assert.Equal(Streams, texts.Distinct().Count());
        using var direct = new HttpClient { BaseAddress = fixture.Engine };
        for (int i = 0; i < Streams; i++)
        {
            Assert.Equal(await FromEngineAsync(direct, i), texts[i]);
        }

        await GatewayHealth.IsIdleAsync(fixture.Gateway);
        Assert.Equal(before + Streams, fixture.Gateway.Journal.Settled.Count);
    }

    private static string PromptOf(int i) => $"Stream number {i:00} of many.";

    private static async Task<string> FromAnthropicAsync(AnthropicClient client, string prompt)
    {
        var text = new StringBuilder();
        string last = "";
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(Ask(Turn(prompt))))
        {
            last = item.Json.GetProperty("type").GetString()!;
            if (item.Json.TryGetProperty("delta", out JsonElement delta)
                && delta.TryGetProperty("text", out JsonElement part))
            {
                text.Append(part.GetString());
            }
        }

        Assert.Equal("message_stop", last);
        return text.ToString();
    }

    private static async Task<string> FromOpenAiAsync(ChatClient client, string prompt)
    {
        var text = new StringBuilder();
        ChatFinishReason? finish = null;
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(
            [new UserChatMessage(prompt)]))
        {
            text.Append(string.Concat(update.ContentUpdate.Select(c => c.Text)));
            finish = update.FinishReason ?? finish;
        }

        Assert.Equal(ChatFinishReason.Stop, finish);
        return text.ToString();
    }

    /// <summary>What the engine answers without a gateway between.</summary>
    private static async Task<string> FromEngineAsync(HttpClient direct, int i)
    {
        string ask = $$"""{"model":"upstream-model",{{Turn(PromptOf(i))}}}""";
        using HttpResponseMessage response = await direct.PostAsync(
            i % 2 == 0 ? "/v1/messages" : "/v1/chat/completions",
            new StringContent(ask, Encoding.UTF8, "application/json"));
        JsonElement answer = await EmulatorFixture.JsonOf(response);
        return i % 2 == 0
            ? answer.GetProperty("content")[0].GetProperty("text").GetString()!
            : answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
    }
}
