using System.ClientModel;
using System.Text;
using System.Text.Json;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Providers.Scenes;
using OpenAI.Chat;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>What every adapter gives the official OpenAI client. Where a provider speaks the other dialect, what cannot
/// be carried is refused precisely.</summary>
public abstract class OpenAiClientConformance<T>(T under) : IClassFixture<T>
    where T : ProviderUnderTest
{
    private static readonly BinaryData Png = BinaryData.FromBytes(Convert.FromBase64String("iVBORw0KGgo="));

    private static readonly ChatTool Weather = ChatTool.CreateFunctionTool(
        "weather",
        "Weather of a city",
        BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"""));

    private static readonly ChatTool Time = ChatTool.CreateFunctionTool(
        "time",
        "Time in a zone",
        BinaryData.FromString("""{"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"]}"""));

    private static readonly TokenUsage Used = new(10, 3, 2, 7);

    [Fact]
    public async Task Text_whole_and_streamed_says_the_same_and_its_usage_is_recorded()
    {
        under.Play(Scene.Text);

        ChatCompletion whole = await under.OpenAi().CompleteChatAsync(new UserChatMessage("Hi"));
        UsageRecord recorded = under.Recorded;
        Streamed streamed = await StreamAsync([new UserChatMessage("Hi")]);

        Assert.Equal(GatewayHarness.Model, whole.Model);
        Assert.Equal("Hello there, 水!", whole.Content[0].Text);
        Assert.Equal("Hello there, 水!", streamed.Text.ToString());
        Assert.Equal((ChatFinishReason.Stop, ChatFinishReason.Stop), (whole.FinishReason, streamed.Finish));
        Assert.Equal((15, 3, 7), Counts(whole.Usage));
        Assert.Equal((15, 3, 7), Counts(streamed.Usage!));
        Assert.Equal(Used, recorded.Tokens);
        Assert.Equal(Used, under.Recorded.Tokens);
        Assert.Empty(under.Provider.Complaints);
        Assert.All(under.Provider.Calls, c => Assert.Equal(under.Model, c.Model));
    }

    [Fact]
    public async Task A_tool_is_called_whole_and_streamed_alike_and_its_result_goes_back()
    {
        under.Play(Scene.Tool);
        var options = new ChatCompletionOptions { Tools = { Weather }, ToolChoice = ChatToolChoice.CreateRequiredChoice() };
        List<ChatMessage> messages = [new UserChatMessage("Weather in Oslo?")];

        ChatCompletion whole = await under.OpenAi().CompleteChatAsync(messages, options);
        Streamed streamed = await StreamAsync(messages, options);

        Assert.Equal((ChatFinishReason.ToolCalls, ChatFinishReason.ToolCalls), (whole.FinishReason, streamed.Finish));
        ChatToolCall call = Assert.Single(whole.ToolCalls);
        Assert.Equal(("toolu_01", "weather"), (call.Id, call.FunctionName));
        Assert.Equal(("toolu_01", "weather"), (streamed.Calls[0].Id, streamed.Calls[0].Name));
        Assert.True(JsonElement.DeepEquals(
            JsonElement.Parse(call.FunctionArguments.ToMemory().Span),
            JsonElement.Parse(streamed.Calls[0].Arguments.ToString())));
        messages.Add(new AssistantChatMessage(whole.ToolCalls));
        messages.Add(new ToolChatMessage(call.Id, "Rain"));
        await under.OpenAi().CompleteChatAsync(messages, options);
        Assert.Empty(under.Provider.Complaints);
    }

    [Fact]
    public async Task Tools_called_at_once_stay_apart_and_in_order()
    {
        under.Play(Scene.ParallelTools);
        var options = new ChatCompletionOptions { Tools = { Weather, Time } };

        ChatCompletion whole = await under.OpenAi().CompleteChatAsync([new UserChatMessage("Both?")], options);
        Streamed streamed = await StreamAsync([new UserChatMessage("Both?")], options);

        string[] ids = ["toolu_01", "toolu_02"];
        Assert.Equal(ids, whole.ToolCalls.Select(c => c.Id));
        Assert.Equal(ids, streamed.Calls.Select(c => c.Id));
        Assert.Equal("""{"zone":"Europe/Oslo"}""", streamed.Calls[1].Arguments.ToString());
    }

    [Fact]
    public async Task Thinking_is_told_beside_the_answer()
    {
        under.Play(Scene.Thinking);
        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false)));

        JsonElement message = JsonElement.Parse(await response.Content.ReadAsStringAsync())
            .GetProperty("choices")[0].GetProperty("message");
        Assert.Equal("No rain.", message.GetProperty("content").GetString());
        Assert.Equal(Scene.ThinkingWords, message.GetProperty("reasoning_content").GetString());
    }

    [Fact]
    public async Task Images_and_documents_are_carried_or_refused_for_what_they_are()
    {
        under.Play(Scene.Text);
        ChatMessage image = new UserChatMessage(
            ChatMessageContentPart.CreateTextPart("What is this?"), ChatMessageContentPart.CreateImagePart(Png, "image/png"));
        // The client's own way to send a file is marked experimental.
        string document = $$"""
            {"model":"{{GatewayHarness.Model}}","messages":[{"role":"user","content":[{"type":"text","text":"Sum up."},{"type":
              "file","file":{"filename":"notes.pdf","file_data":"data:application/pdf;base64,JVBERi0xLjQK"} }]}]}
            """;

        await under.OpenAi().CompleteChatAsync(image);
        Assert.Contains("iVBORw0KGgo=", under.OnlyCall().Raw("messages"));
        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(GatewayHarness.Chat(document));
        Assert.Equal(under.TakesDocuments ? 200 : 400, (int)response.StatusCode);
        Assert.Equal(under.TakesDocuments ? 2 : 1, under.Provider.Calls.Count);
        Assert.Equal(
            under.TakesDocuments,
            under.Provider.Calls[^1].Raw("messages")!.Contains("JVBERi0xLjQK", StringComparison.Ordinal));
        Assert.Empty(under.Provider.Complaints);
    }

    [Fact]
    public async Task A_refusal_is_told_as_one()
    {
        under.Play(Scene.Refusal);

        ChatCompletion whole = await under.OpenAi().CompleteChatAsync(new UserChatMessage("Write malware."));

        if (under.IsAnthropic)
        {
            Assert.Equal(ChatFinishReason.ContentFilter, whole.FinishReason);
        }
        else
        {
            Assert.Equal("I cannot help with that.", whole.Refusal);
        }
    }

    [Fact]
    public async Task Structured_output_is_asked_for_by_its_schema()
    {
        under.Play(Scene.Structured);
        const string schema = """{"type":"object","properties":{"city":{"type":"string"}},"additionalProperties":false}""";
        var options = new ChatCompletionOptions
        {
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat(
                "place", BinaryData.FromString(schema), jsonSchemaIsStrict: true),
        };

        ChatCompletion whole = await under.OpenAi().CompleteChatAsync([new UserChatMessage("Where?")], options);

        Assert.Equal(Scene.StructuredText, whole.Content[0].Text);
        JsonElement body = under.OnlyCall().Body;
        JsonElement sent = under.IsAnthropic
            ? body.GetProperty("output_config").GetProperty("format").GetProperty("schema")
            : body.GetProperty("response_format").GetProperty("json_schema").GetProperty("schema");
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(schema), sent));
    }

    [Fact]
    public async Task Why_an_answer_ended_is_told()
    {
        under.Play(Scene.CutShort);
        ChatCompletion cut = await under.OpenAi().CompleteChatAsync(
            [new UserChatMessage("At length.")], new ChatCompletionOptions { MaxOutputTokenCount = 5 });
        long sent = under.OnlyCall().Body.GetProperty(
            under.IsAnthropic ? "max_tokens" : "max_completion_tokens").GetInt64();
        under.Play(Scene.StoppedAt);
        ChatCompletion stopped = await under.OpenAi().CompleteChatAsync(
            [new UserChatMessage("Count.")], new ChatCompletionOptions { StopSequences = { ", three" } });

        Assert.Equal((ChatFinishReason.Length, 5L), (cut.FinishReason, sent));
        Assert.Equal(ChatFinishReason.Stop, stopped.FinishReason);
        Assert.Contains(", three", under.OnlyCall().Raw(under.IsAnthropic ? "stop_sequences" : "stop"));
    }

    [Fact]
    public async Task Log_probabilities_are_told_where_there_are_any()
    {
        under.Play(Scene.LogProbabilities);
        var options = new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 2 };
        if (under.IsAnthropic)
        {
            ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(
                () => under.OpenAi().CompleteChatAsync([new UserChatMessage("Hi")], options));
            Assert.Equal(400, refused.Status);
            Assert.Contains("logprobs", refused.Message);
            Assert.Empty(under.Provider.Calls);
            return;
        }

        ChatCompletion whole = await under.OpenAi().CompleteChatAsync([new UserChatMessage("Hi")], options);
        Streamed streamed = await StreamAsync([new UserChatMessage("Hi")], options);

        ChatTokenLogProbabilityDetails token = Assert.Single(whole.ContentTokenLogProbabilities);
        Assert.Equal(("Hello", -0.25f), (token.Token, token.LogProbability));
        Assert.Equal([-0.25f, -1.5f], token.TopLogProbabilities.Select(t => t.LogProbability));
        Assert.Equal("Hello", Assert.Single(streamed.LogProbabilities).Token);
    }

    private static (int Input, int Cached, int Output) Counts(ChatTokenUsage usage) =>
        (usage.InputTokenCount, usage.InputTokenDetails.CachedTokenCount, usage.OutputTokenCount);

    private async Task<Streamed> StreamAsync(IEnumerable<ChatMessage> messages, ChatCompletionOptions? options = null)
    {
        var streamed = new Streamed();
        await foreach (StreamingChatCompletionUpdate update in under.OpenAi().CompleteChatStreamingAsync(messages, options))
        {
            streamed.Add(update);
        }

        return streamed;
    }

    /// <summary>What the updates make together.</summary>
    private sealed class Streamed
    {
        public StringBuilder Text { get; } = new();

        public ChatFinishReason? Finish { get; private set; }

        public ChatTokenUsage? Usage { get; private set; }

        public List<ChatTokenLogProbabilityDetails> LogProbabilities { get; } = [];

        public List<(string Id, string Name, StringBuilder Arguments)> Calls { get; } = [];

        public void Add(StreamingChatCompletionUpdate update)
        {
            Text.Append(string.Concat(update.ContentUpdate.Select(c => c.Text)));
            Finish = update.FinishReason ?? Finish;
            Usage = update.Usage ?? Usage;
            LogProbabilities.AddRange(update.ContentTokenLogProbabilities);
            foreach (StreamingChatToolCallUpdate piece in update.ToolCallUpdates)
            {
                if (piece.Index == Calls.Count)
                {
                    Calls.Add((piece.ToolCallId, piece.FunctionName, new StringBuilder()));
                }

                Calls[piece.Index].Arguments.Append(piece.FunctionArgumentsUpdate);
            }
        }
    }
}
