using System.ClientModel;
using System.Net;
using Anthropic;
using Anthropic.Models.Messages;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Clients;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Providers.Bedrock;
using Forebay.TestKit.Providers.Scenes;
using OpenAI.Chat;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Bedrock;

/// <summary>Models that are called through Converse, by the vendors' clients of both dialects.</summary>
public sealed class ConverseTests
{
    private const string Tool = ""","tools":[{"name":"weather","input_schema":{"type":"object"}}]""";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_Anthropic_client_gets_text_and_usage(bool stream)
    {
        await using BedrockHarness bedrock = await StartAsync();
        using AnthropicClient client = ClientFixture.AnthropicOf(bedrock.Gateway);
        var ask = new MessageCreateParams
        {
            Model = GatewayHarness.Model,
            MaxTokens = 64,
            System = "Be brief.",
            Messages = [new UserMessageParam { Content = "Hi" }],
        };
        string text = "";
        if (stream)
        {
            await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(ask))
            {
                text += item.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out TextDelta? piece)
                    ? piece.Text
                    : "";
            }
        }
        else
        {
            Message message = await client.Messages.Create(ask);
            message.Validate();
            text = message.Content[0].TryPickText(out TextBlock? block) ? block.Text : "";
        }

        Assert.Equal("Hello there, 水!", text);
        Assert.Empty(bedrock.Provider.Complaints);
        Assert.Equal(stream, Assert.Single(bedrock.Provider.Calls).Stream);
        Assert.Equal(
            (new TokenUsage(10, 3, 2, 7), UsageOutcome.Completed),
            (bedrock.Gateway.Journal.Settled[^1].Tokens, bedrock.Gateway.Journal.Settled[^1].Outcome));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_OpenAI_client_gets_tool_calls(bool stream)
    {
        await using BedrockHarness bedrock = await StartAsync();
        bedrock.Provider.Scene = Scene.ParallelTools;
        ChatClient client = ClientFixture.OpenAiOf(bedrock.Gateway);
        var options = new ChatCompletionOptions
        {
            Tools = { ChatTool.CreateFunctionTool("weather", null, BinaryData.FromString("{\"type\":\"object\"}")) },
        };
        var arguments = new Dictionary<int, string>();
        if (stream)
        {
            await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(
                [new UserChatMessage("Hi")], options))
            {
                foreach (StreamingChatToolCallUpdate call in update.ToolCallUpdates)
                {
                    arguments[call.Index] = arguments.GetValueOrDefault(call.Index, "") + call.FunctionArgumentsUpdate;
                }
            }
        }
        else
        {
            ClientResult<ChatCompletion> answer = await client.CompleteChatAsync([new UserChatMessage("Hi")], options);
            Assert.Equal(ChatFinishReason.ToolCalls, answer.Value.FinishReason);
            for (int i = 0; i < answer.Value.ToolCalls.Count; i++)
            {
                arguments[i] = answer.Value.ToolCalls[i].FunctionArguments.ToString();
            }
        }

        Assert.Equal(2, arguments.Count);
        Assert.Contains("Europe/Oslo", arguments[1], StringComparison.Ordinal);
        Assert.Empty(bedrock.Provider.Complaints);
    }

    /// <summary>What the model thought goes back to it with its signature.</summary>
    [Fact]
    public async Task Signed_reasoning_comes_and_goes_back_as_it_was()
    {
        await using BedrockHarness bedrock = await StartAsync();
        bedrock.Provider.Scene = Scene.Thinking;
        using HttpResponseMessage first = await bedrock.AskAsync();
        string answer = await first.Content.ReadAsStringAsync();
        string content = System.Text.Json.JsonElement.Parse(answer).GetProperty("content").GetRawText();
        Assert.Contains(Scene.ThinkingSignature, content, StringComparison.Ordinal);
        using HttpResponseMessage second = await bedrock.Gateway.Client.SendAsync(GatewayHarness.Messages(
            $$"""{"model":"atlas","max_tokens":9,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":{{content}}},{"role":"user","content":"So?"}]}"""));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, second.StatusCode));
        System.Text.Json.JsonElement sent = bedrock.Provider.Calls[^1].Body
            .GetProperty("messages")[1].GetProperty("content")[0].GetProperty("reasoningContent").GetProperty("reasoningText");
        Assert.Equal(
            (Scene.ThinkingWords, Scene.ThinkingSignature),
            (sent.GetProperty("text").GetString(), sent.GetProperty("signature").GetString()));
    }

    [Fact]
    public async Task What_Converse_cannot_say_is_refused_and_what_only_advises_is_named()
    {
        await using BedrockHarness bedrock = await StartAsync();
        using HttpResponseMessage refused = await bedrock.Gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false, ",\"logprobs\":true,\"n\":2")));
        using HttpResponseMessage named = await bedrock.AskAsync(extra: ",\"top_k\":3" + Tool);

        string body = await refused.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("Bedrock Converse", body, StringComparison.Ordinal);
        Assert.Contains("logprobs: ", body, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, named.StatusCode);
        Assert.Equal("top_k", named.Headers.GetValues("x-forebay-dropped").Single());
    }

    private static Task<BedrockHarness> StartAsync() => BedrockHarness.StartAsync(account => new ConverseShape(account));
}
