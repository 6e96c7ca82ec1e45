using System.ClientModel;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using OpenAI.Chat;
using Xunit;
using static Forebay.FunctionalTests.Clients.ClientFixture;

namespace Forebay.FunctionalTests.Continuation;

/// <summary>The vendors' own clients read an answer that broke off twice and notice nothing.</summary>
public sealed class ContinuedClientTests
{
    private const int Tokens = 60;

    [Fact]
    public async Task The_Anthropic_client_notices_nothing()
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            ContinuationManner.AssistantPrefill, ["cut=20", "cut=20"]);
        using AnthropicClient client = AnthropicOf(fixture.Gateway);
        MessageCreateParams ask = Ask(Turn("Tell me of rivers."), Tokens);
        string text = "";
        var kinds = new List<string>();
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(ask))
        {
            item.Validate();
            kinds.Add(item.Json.GetProperty("type").GetString()!);
            text += item.Json.TryGetProperty("delta", out JsonElement delta)
                && delta.TryGetProperty("text", out JsonElement piece)
                ? piece.GetString()
                : "";
        }

        UsageRecord record = Assert.Single(fixture.Gateway.Journal.Settled);
        Assert.Equal(3, record.Attempts);
        Message whole = await client.Messages.Create(ask);
        Assert.Equal(TextOf(whole), text);
        Assert.Equal(whole.Usage.OutputTokens, record.Tokens.Output);
        Assert.Single(kinds, k => k == "message_start");
        Assert.Single(kinds, k => k == "content_block_start");
        Assert.Equal("message_stop", kinds[^1]);
    }

    [Fact]
    public async Task The_OpenAI_client_notices_nothing()
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            ContinuationManner.ContinueFinalMessage, ["cut=20", "cut=20"]);
        OpenAI.OpenAIClientOptions options = OpenAiOptions(fixture.Gateway);
        options.AddPolicy(
            new HeaderPolicy("x-emulator-output-tokens", $"{Tokens}"), System.ClientModel.Primitives.PipelinePosition.PerCall);
        var client = new ChatClient(Gateway.GatewayHarness.Model, new ApiKeyCredential(Gateway.GatewayHarness.Secret), options);
        ChatMessage[] ask = [new UserChatMessage("Tell me of rivers.")];
        string text = "";
        var ids = new HashSet<string>();
        ChatTokenUsage? usage = null;
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(ask))
        {
            text += string.Concat(update.ContentUpdate.Select(c => c.Text));
            ids.Add(update.CompletionId);
            usage = update.Usage ?? usage;
        }

        UsageRecord record = Assert.Single(fixture.Gateway.Journal.Settled);
        Assert.Equal(3, record.Attempts);
        ChatCompletion whole = await client.CompleteChatAsync(ask);
        Assert.Equal(whole.Content[0].Text, text);
        Assert.Single(ids);
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
        Assert.Equal(whole.Usage.InputTokenCount, usage.InputTokenCount);
        Assert.Equal(Tokens, record.Tokens.Output);
    }
}
