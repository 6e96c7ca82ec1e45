using System.ClientModel;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using OpenAI;
using OpenAI.Chat;
using Xunit;

namespace Forebay.FunctionalTests.Emulator;

/// <summary>The vendors' own clients accept what the emulator sends.</summary>
[Collection(nameof(EmulatorFixture))]
public sealed class VendorClientTests(EmulatorFixture emulator)
{
    private AnthropicClient Anthropic => new()
    {
        BaseUrl = emulator.Fast.ToString(), ApiKey = "none", ResponseValidation = true, MaxRetries = 0,
    };

    private ChatClient OpenAi => new(
        EmulatorFixture.Model,
        new ApiKeyCredential("none"),
        new OpenAIClientOptions { Endpoint = new Uri(emulator.Fast, "/v1") });

    private static MessageCreateParams Ask(bool tool)
    {
        string more = tool
            ? """
              , "tool_choice":{"type":"any"},
                "tools":[{"name":"weather",
                          "input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]
              """
            : "";
        var none = new Dictionary<string, JsonElement>();
        return MessageCreateParams.FromRawUnchecked(
            none,
            none,
            JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(
                EmulatorFixture.Messages("What is the weather?", more: more)
                    .Replace("\"stream\":false,", "", StringComparison.Ordinal))!);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_Anthropic_client_validates_whole_and_streamed_messages(bool tool)
    {
        Message message = await Anthropic.Messages.Create(Ask(tool));
        message.Validate();
        var kinds = new List<string>();
        await foreach (RawMessageStreamEvent item in Anthropic.Messages.CreateStreaming(Ask(tool)))
        {
            item.Validate();
            kinds.Add(item.Json.GetProperty("type").GetString()!);
        }

        Assert.Equal(tool ? "tool_use" : "end_turn", message.StopReason!.Raw());
        Assert.Equal("message_start", kinds[0]);
        Assert.Equal("message_stop", kinds[^1]);
        Assert.Contains("content_block_delta", kinds);
    }

    [Fact]
    public async Task The_OpenAI_client_reads_text_tools_and_usage()
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 64 };
        ChatCompletion whole = await OpenAi.CompleteChatAsync([new UserChatMessage("Hello")], options);
        string text = "";
        ChatTokenUsage? usage = null;
        await foreach (StreamingChatCompletionUpdate update in OpenAi.CompleteChatStreamingAsync(
            [new UserChatMessage("Hello")], options))
        {
            text += string.Concat(update.ContentUpdate.Select(c => c.Text));
            usage = update.Usage ?? usage;
        }

        Assert.Equal(whole.Content[0].Text, text);
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
        Assert.Equal(2, usage.InputTokenCount);
        options.Tools.Add(ChatTool.CreateFunctionTool(
            "weather", null, BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}}}""")));
        options.ToolChoice = ChatToolChoice.CreateRequiredChoice();
        ChatCompletion called = await OpenAi.CompleteChatAsync([new UserChatMessage("Hello")], options);
        Assert.Equal(ChatFinishReason.ToolCalls, called.FinishReason);
        Assert.Equal("weather", called.ToolCalls[0].FunctionName);
        JsonElement arguments = JsonDocument.Parse(called.ToolCalls[0].FunctionArguments).RootElement;
        Assert.Equal("current", arguments.GetProperty("city").GetString());
    }
}
