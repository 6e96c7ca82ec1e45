using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using OpenAI.Chat;
using Xunit;
using static Forebay.FunctionalTests.Clients.ClientFixture;

namespace Forebay.FunctionalTests.Clients;

/// <summary>The vendors' clients, each served by an engine that speaks only the other vendor's dialect.</summary>
[Collection(nameof(ClientFixture))]
public sealed class TranslatedClientTests(ClientFixture fixture)
{
    private const string Weather =
        """
        "tools":[{"name":"weather","description":"Weather of a city","input_schema":
          {"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]
        """;

    private const string Png = "iVBORw0KGgo=";

    private static Func<FleetConfig, FleetConfig> Only(Dialect dialect) => config => config with
    {
        Deployments = [.. config.Deployments.Select(d => d with { Dialects = [dialect] })],
    };

    private Task<GatewayHarness> OpenAiOnlyAsync() => GatewayHarness.StartAsync([fixture.Engine], Only(Dialect.OpenAi));

    private Task<GatewayHarness> AnthropicOnlyAsync() =>
        GatewayHarness.StartAsync([fixture.Engine], Only(Dialect.Anthropic));

    [Fact]
    public async Task An_Anthropic_client_gets_a_valid_message_whole_and_streamed()
    {
        await using GatewayHarness gateway = await OpenAiOnlyAsync();
        using AnthropicClient client = AnthropicOf(gateway);
        string ask = $"\"system\":\"Be brief.\",{Turn("Tell me of streams.")}";

        Message whole = await client.Messages.Create(Ask(ask, outputTokens: 9));
        var kinds = new List<string>();
        string text = "";
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(Ask(ask, outputTokens: 9)))
        {
            item.Validate();
            kinds.Add(item.Json.GetProperty("type").GetString()!);
            text += kinds[^1] == "content_block_delta" ? item.Json.GetProperty("delta").GetProperty("text").GetString() : "";
        }

        whole.Validate();
        Assert.Equal(GatewayHarness.Model, whole.Model.Raw());
        Assert.Equal("end_turn", whole.StopReason!.Raw());
        Assert.Equal(9, whole.Usage.OutputTokens);
        Assert.Equal(TextOf(whole), text);
        Assert.Equal(
            [
                "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
                "message_stop",
            ],
            kinds.Where(k => k != "ping").Distinct());
        Assert.All(gateway.Journal.Settled, u => Assert.False(u.Estimated));
        Assert.All(gateway.Journal.Settled, u => Assert.Equal(9, u.Tokens.Output));
    }

    [Fact]
    public async Task An_Anthropic_client_calls_tools_whole_and_streamed_and_goes_on_with_their_results()
    {
        await using GatewayHarness gateway = await OpenAiOnlyAsync();
        using AnthropicClient client = AnthropicOf(gateway);
        string ask = $$"""{{Turn("Weather in Oslo?")}},{{Weather}},"tool_choice":{"type":"tool","name":"weather"}""";

        Message called = await client.Messages.Create(Ask(ask));
        called.Validate();
        string streamed = "";
        string stop = "";
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(Ask(ask)))
        {
            item.Validate();
            if (item.Json.TryGetProperty("delta", out JsonElement delta))
            {
                streamed += delta.TryGetProperty("partial_json", out JsonElement part) ? part.GetString() : "";
                stop += delta.TryGetProperty("stop_reason", out JsonElement reason) ? reason.GetString() : "";
            }
        }

        Assert.Equal("tool_use", called.StopReason!.Raw());
        Assert.Equal("tool_use", stop);
        Assert.True(called.Content[0].TryPickToolUse(out ToolUseBlock? tool));
        Assert.Equal("weather", tool.Name);
        Assert.Equal(JsonSerializer.Serialize(tool.Input), streamed);
        Message answer = await client.Messages.Create(Ask(
            $$"""
            "max_tokens":512,{{Weather}},"messages":[
              {"role":"user","content":[{"type":"text","text":"Weather?"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{Png}}"} }]},
              {"role":"assistant","content":[{"type":"tool_use","id":"{{tool.ID}}","name":"weather","input":{{streamed}} }]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"{{tool.ID}}","content":[
                {"type":"text","text":"Rain"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{Png}}"} }]}]}]
            """));
        Assert.NotEmpty(TextOf(answer));
    }

    [Fact]
    public async Task An_OpenAI_client_gets_a_completion_whole_and_streamed()
    {
        await using GatewayHarness gateway = await AnthropicOnlyAsync();
        ChatMessage[] messages =
        [
            new SystemChatMessage("You are brief."),
            new UserChatMessage(
                ChatMessageContentPart.CreateTextPart("What is this?"),
                ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(Convert.FromBase64String(Png)), "image/png")),
        ];

        ChatCompletion whole = await OpenAiOf(gateway).CompleteChatAsync(messages);
        var text = new StringBuilder();
        ChatTokenUsage? usage = null;
        ChatFinishReason? finish = null;
        await foreach (StreamingChatCompletionUpdate update in OpenAiOf(gateway).CompleteChatStreamingAsync(messages))
        {
            Assert.Equal(GatewayHarness.Model, update.Model);
            text.Append(string.Concat(update.ContentUpdate.Select(c => c.Text)));
            usage = update.Usage ?? usage;
            finish = update.FinishReason ?? finish;
        }

        Assert.Equal(GatewayHarness.Model, whole.Model);
        Assert.StartsWith("chatcmpl-", whole.Id, StringComparison.Ordinal);
        Assert.Equal((ChatFinishReason.Stop, ChatFinishReason.Stop), (whole.FinishReason, finish!.Value));
        Assert.Equal(whole.Content[0].Text, text.ToString());
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
        Assert.Equal(gateway.Journal.Settled[^1].Tokens.Output, usage.OutputTokenCount);
        Assert.Equal(whole.Usage.InputTokenCount, usage.InputTokenCount);
    }

    [Fact]
    public async Task An_OpenAI_client_calls_tools_whole_and_streamed_and_goes_on_with_their_results()
    {
        await using GatewayHarness gateway = await AnthropicOnlyAsync();
        ChatTool weather = ChatTool.CreateFunctionTool(
            "weather", null, BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}}}"""));
        var options = new ChatCompletionOptions { Tools = { weather }, ToolChoice = ChatToolChoice.CreateRequiredChoice() };
        List<ChatMessage> messages = [new UserChatMessage("Weather in Oslo?")];

        ChatCompletion whole = await OpenAiOf(gateway).CompleteChatAsync(messages, options);
        var arguments = new StringBuilder();
        string id = "";
        string name = "";
        await foreach (StreamingChatCompletionUpdate update in OpenAiOf(gateway).CompleteChatStreamingAsync(messages, options))
        {
            foreach (StreamingChatToolCallUpdate piece in update.ToolCallUpdates)
            {
                Assert.Equal(0, piece.Index);
                id += piece.ToolCallId;
                name += piece.FunctionName;
                arguments.Append(piece.FunctionArgumentsUpdate);
            }
        }

        Assert.Equal(ChatFinishReason.ToolCalls, whole.FinishReason);
        Assert.Equal("weather", name);
        Assert.Equal(whole.ToolCalls[0].FunctionArguments.ToString(), arguments.ToString());
        messages.Add(new AssistantChatMessage(
            [ChatToolCall.CreateFunctionToolCall(id, name, BinaryData.FromString(arguments.ToString()))]));
        messages.Add(new ToolChatMessage(id, "Rain"));
        messages.Add(new UserChatMessage("So?"));
        ChatCompletion answer = await OpenAiOf(gateway).CompleteChatAsync(messages);
        Assert.NotEmpty(answer.Content[0].Text);
    }

    [Fact]
    public async Task Structured_output_is_asked_for_in_the_upstreams_words()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, request) =>
            ScriptedUpstream.JsonAsync(
                http, 200, request.Path == "/v1/messages" ? Answers.AnthropicMessage : Answers.OpenAiCompletion));
        await using GatewayHarness anthropic = await GatewayHarness.StartAsync([upstream.Address], Only(Dialect.Anthropic));
        await using GatewayHarness openAi = await GatewayHarness.StartAsync([upstream.Address], Only(Dialect.OpenAi));
        const string schema = """{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}""";

        await OpenAiOf(anthropic).CompleteChatAsync(
            [new UserChatMessage("Fill it in.")],
            new ChatCompletionOptions
            {
                ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("form", BinaryData.FromString(schema), null, true),
            });
        using AnthropicClient client = AnthropicOf(openAi);
        Message message = await client.Messages.Create(Ask(
            $$"""{{Turn("Fill it in.")}},"output_config":{"format":{"type":"json_schema","schema":{{schema}}} }"""));

        message.Validate();
        using JsonDocument first = JsonDocument.Parse(upstream.Requests[0].Body);
        using JsonDocument second = JsonDocument.Parse(upstream.Requests[1].Body);
        JsonElement asked = first.RootElement.GetProperty("output_config").GetProperty("format");
        Assert.Equal(schema, asked.GetProperty("schema").GetRawText());
        asked = second.RootElement.GetProperty("response_format").GetProperty("json_schema");
        Assert.Equal(schema, asked.GetProperty("schema").GetRawText());
    }

    [Fact]
    public async Task Reasoning_of_an_engine_reaches_an_Anthropic_client_as_thinking()
    {
        const string chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{DELTA},\"finish_reason\":null}]}\n\n";
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) => ScriptedUpstream.StreamAsync(
            http,
            [
                chunk.Replace("DELTA", "\"reasoning_content\":\"Let me \"", StringComparison.Ordinal),
                chunk.Replace("DELTA", "\"reasoning_content\":\"see.\"", StringComparison.Ordinal),
                .. Answers.OpenAiStream(withUsage: true),
            ]));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Only(Dialect.OpenAi));
        using AnthropicClient client = AnthropicOf(gateway);
        string thinking = "";
        string text = "";
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(Ask(Turn("Think."))))
        {
            item.Validate();
            if (item.Json.TryGetProperty("delta", out JsonElement delta))
            {
                thinking += delta.TryGetProperty("thinking", out JsonElement part) ? part.GetString() : "";
                text += delta.TryGetProperty("text", out part) ? part.GetString() : "";
            }
        }

        Assert.Equal(("Let me see.", "Hello there"), (thinking, text));
    }
}
