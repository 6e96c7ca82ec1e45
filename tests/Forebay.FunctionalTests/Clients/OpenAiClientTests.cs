using System.ClientModel;
using System.Text;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using OpenAI.Chat;
using OpenAI.Models;
using Xunit;
using static Forebay.FunctionalTests.Clients.ClientFixture;

namespace Forebay.FunctionalTests.Clients;

/// <summary>The official OpenAI client.</summary>
[Collection(nameof(ClientFixture))]
public sealed class OpenAiClientTests(ClientFixture fixture)
{
    private static readonly ChatTool Weather = ChatTool.CreateFunctionTool(
        "weather",
        "Weather of a city",
        BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"""));

    private UsageRecord Recorded => fixture.Gateway.Journal.Settled[^1];

    [Fact]
    public async Task A_completion_whole_and_streamed_is_the_same_and_its_usage_is_recorded()
    {
        ChatMessage[] messages =
        [
            new SystemChatMessage("You are brief."),
            new UserChatMessage("What is a forebay?"),
            new AssistantChatMessage("A basin."),
            new UserChatMessage("Where?"),
        ];

        ChatCompletion whole = await fixture.OpenAi().CompleteChatAsync(messages);
        UsageIsRecorded(whole.Usage);
        var text = new StringBuilder();
        ChatTokenUsage? usage = null;
        ChatFinishReason? finish = null;
        await foreach (StreamingChatCompletionUpdate update in fixture.OpenAi().CompleteChatStreamingAsync(messages))
        {
            Assert.Equal(GatewayHarness.Model, update.Model);
            text.Append(string.Concat(update.ContentUpdate.Select(c => c.Text)));
            usage = update.Usage ?? usage;
            finish = update.FinishReason ?? finish;
        }

        Assert.Equal(GatewayHarness.Model, whole.Model);
        Assert.Equal(ChatFinishReason.Stop, whole.FinishReason);
        Assert.Equal(whole.Content[0].Text, text.ToString());
        Assert.Equal(ChatFinishReason.Stop, finish);
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
        UsageIsRecorded(usage);
        Assert.True(Recorded.Stream);
    }

    [Fact]
    public async Task Tool_calls_are_streamed_in_pieces_that_make_the_whole_and_their_result_continues()
    {
        var options = new ChatCompletionOptions { Tools = { Weather }, ToolChoice = ChatToolChoice.CreateRequiredChoice() };
        List<ChatMessage> messages = [new UserChatMessage("Weather in Oslo?")];

        ChatCompletion whole = await fixture.OpenAi().CompleteChatAsync(messages, options);
        var arguments = new StringBuilder();
        string id = "";
        string name = "";
        int pieces = 0;
        await foreach (StreamingChatCompletionUpdate update in fixture.OpenAi().CompleteChatStreamingAsync(
            messages, options))
        {
            foreach (StreamingChatToolCallUpdate piece in update.ToolCallUpdates)
            {
                Assert.Equal(0, piece.Index);
                id += piece.ToolCallId;
                name += piece.FunctionName;
                arguments.Append(piece.FunctionArgumentsUpdate);
                pieces++;
            }
        }

        Assert.Equal(ChatFinishReason.ToolCalls, whole.FinishReason);
        Assert.Equal("weather", name);
        Assert.True(pieces > 2);
        Assert.Equal(whole.ToolCalls[0].FunctionArguments.ToString(), arguments.ToString());
        messages.Add(new AssistantChatMessage(
            [ChatToolCall.CreateFunctionToolCall(id, name, BinaryData.FromString(arguments.ToString()))]));
        messages.Add(new ToolChatMessage(id, "Rain"));
        ChatCompletion answer = await fixture.OpenAi().CompleteChatAsync(messages);
        Assert.NotEmpty(answer.Content[0].Text);
    }

    [Fact]
    public async Task Length_and_stop_say_why_the_answer_ended()
    {
        ChatCompletion cut = await fixture.OpenAi().CompleteChatAsync(
            [new UserChatMessage("At great length, as long as ever you can.")],
            new ChatCompletionOptions { MaxOutputTokenCount = 1 });
        ChatCompletion stopped = await fixture.OpenAi().CompleteChatAsync(
            [new UserChatMessage("Until the colon, and not a word more.")],
            new ChatCompletionOptions { StopSequences = { ":" } });

        Assert.Equal(ChatFinishReason.Length, cut.FinishReason);
        Assert.Equal(1, cut.Usage.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Stop, stopped.FinishReason);
        Assert.DoesNotContain(":", stopped.Content[0].Text);
    }

    /// <summary>The client always asks for usage; others do not, and must not get what they did not ask for.</summary>
    [Theory]
    [InlineData("", false)]
    [InlineData(""","stream_options":{"include_usage":false}""", false)]
    [InlineData(""","stream_options":{"include_usage":true}""", true)]
    public async Task Usage_is_in_the_stream_when_asked_for_and_recorded_either_way(string options, bool expected)
    {
        using HttpResponseMessage response = await fixture.Gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream: true, options)));

        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(expected, body.Contains("\"usage\"", StringComparison.Ordinal));
        Assert.EndsWith("data: [DONE]\n\n", body);
        Assert.True(Recorded.Tokens.Output > 0);
        Assert.False(Recorded.Estimated);
    }

    [Fact]
    public async Task Models_are_listed_and_found_whatever_their_names_hold()
    {
        var models = new OpenAIModelClient(new ApiKeyCredential(GatewayHarness.Secret), OpenAiOptions(fixture.Gateway));

        OpenAIModelCollection all = await models.GetModelsAsync();
        OpenAIModel one = await models.GetModelAsync(GatewayHarness.Model);

        Assert.Equal(GatewayHarness.Model, Assert.Single(all).Id);
        Assert.Equal("forebay", one.OwnedBy);
    }

    [Fact]
    public async Task A_model_whose_name_holds_a_slash_is_found_by_its_escaped_name()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [fixture.Engine],
            c => c with { Models = [c.Models[0] with { Aliases = ["vendor/atlas:1"] }] });
        var models = new OpenAIModelClient(new ApiKeyCredential(GatewayHarness.Secret), OpenAiOptions(gateway));

        OpenAIModel one = await models.GetModelAsync("vendor/atlas:1");

        Assert.Equal(GatewayHarness.Model, one.Id);
    }

    private void UsageIsRecorded(ChatTokenUsage usage)
    {
        int cached = usage.InputTokenDetails?.CachedTokenCount ?? 0;
        Assert.Equal(
            new TokenUsage(usage.InputTokenCount - cached, cached, 0, usage.OutputTokenCount), Recorded.Tokens);
    }
}
