using System.Text.Json;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Scenes;
using Xunit;
using static Forebay.FunctionalTests.Clients.ClientFixture;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>What every adapter gives the official Anthropic client, with its response validation on. Where a provider
/// speaks the other dialect, what cannot be carried is refused precisely.</summary>
public abstract class AnthropicClientConformance<T>(T under) : IClassFixture<T>
    where T : ProviderUnderTest
{
    private const string Png = "iVBORw0KGgo=";
    private const string Pdf = "JVBERi0xLjQK";

    private const string Tools =
        """
        "tools":[
          {"name":"weather","description":"Weather of a city","input_schema":
            {"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},
          {"name":"time","description":"Time in a zone","input_schema":
            {"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"]}}]
        """;

    private static readonly TokenUsage Used = new(10, 3, 2, 7);

    [Fact]
    public async Task Text_whole_has_the_clients_model_and_the_usage_that_is_recorded()
    {
        under.Play(Scene.Text);
        using AnthropicClient client = under.Anthropic();

        Message message = await client.Messages.Create(Ask(Turn("Hi")));

        message.Validate();
        Assert.Equal(GatewayHarness.Model, message.Model.Raw());
        Assert.Equal("Hello there, 水!", TextOf(message));
        Assert.Equal("end_turn", message.StopReason!.Raw());
        Assert.Equal((10, 2, 3, 7), (
            message.Usage.InputTokens,
            message.Usage.CacheCreationInputTokens,
            message.Usage.CacheReadInputTokens,
            message.Usage.OutputTokens));
        Assert.Equal(under.Model, under.OnlyCall().Model);
        Assert.False(under.OnlyCall().Stream);
        Assert.Equal((Used, UsageOutcome.Completed, false),
            (under.Recorded.Tokens, under.Recorded.Outcome, under.Recorded.Estimated));
    }

    [Fact]
    public async Task Text_streamed_is_in_order_and_says_the_same()
    {
        under.Play(Scene.Text);
        using AnthropicClient client = under.Anthropic();

        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, Ask(Turn("Hi")));

        Assert.Equal(
            [
                "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
                "message_stop",
            ],
            streamed.Kinds.Where(k => k != "ping").Distinct());
        Assert.Equal("Hello there, 水!", streamed.Text);
        Assert.Equal(GatewayHarness.Model, streamed.Start.GetProperty("model").GetString());
        Assert.Equal("end_turn", streamed.StopReason);
        Assert.Equal(7, streamed.End.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        Assert.True(under.OnlyCall().Stream);
        Assert.Equal((Used, true), (under.Recorded.Tokens, under.Recorded.Stream));
    }

    [Fact]
    public async Task A_tool_is_called_whole_and_streamed_alike_and_its_result_goes_back()
    {
        under.Play(Scene.Tool);
        using AnthropicClient client = under.Anthropic();
        string ask = $$"""{{Turn("Weather in Oslo?")}},{{Tools}},"tool_choice":{"type":"tool","name":"weather"}""";

        Message called = await client.Messages.Create(Ask(ask));
        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, Ask(ask));

        Assert.Equal("tool_use", called.StopReason!.Raw());
        Assert.Equal("tool_use", streamed.StopReason);
        ToolUseBlock tool = Assert.Single(
            called.Content, b => b.TryPickToolUse(out _)).TryPickToolUse(out ToolUseBlock? picked) ? picked : null!;
        StreamedBlock block = Assert.Single(streamed.Blocks, b => b.Type == "tool_use");
        Assert.Equal(("toolu_01", "weather"), (tool.ID, tool.Name));
        Assert.Equal("{}", block.Start.GetProperty("input").GetRawText());
        Assert.True(JsonElement.DeepEquals(
            JsonSerializer.SerializeToElement(tool.Input), JsonElement.Parse(block.Text)));
        Message after = await client.Messages.Create(Ask(
            $$"""
            "max_tokens":512,{{Tools}},"messages":[
              {"role":"user","content":"Weather in Oslo?"},
              {"role":"assistant","content":[{"type":"tool_use","id":"{{tool.ID}}","name":"weather","input":{{block.Text}}}]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"{{tool.ID}}","content":"Rain"}]}]
            """));
        Assert.Equal("tool_use", after.StopReason!.Raw());
        Assert.Empty(under.Provider.Complaints);
        Assert.Equal(3, under.Provider.Calls.Count);
    }

    [Fact]
    public async Task Tools_called_at_once_stay_apart_and_in_order()
    {
        under.Play(Scene.ParallelTools);
        using AnthropicClient client = under.Anthropic();
        string ask = $"{Turn("Weather and time?")},{Tools}";

        Message called = await client.Messages.Create(Ask(ask));
        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, Ask(ask));

        string[] ids = ["toolu_01", "toolu_02"];
        Assert.Equal(ids, called.Content.Select(b => b.TryPickToolUse(out ToolUseBlock? t) ? t.ID : ""));
        Assert.Equal(ids, streamed.Blocks.Select(b => b.Start.GetProperty("id").GetString()));
        Assert.Equal("""{"zone":"Europe/Oslo"}""", streamed.Blocks[1].Text);
        Assert.Equal(
            "Oslo", JsonElement.Parse(streamed.Blocks[0].Text).GetProperty("city").GetString());
    }

    [Fact]
    public async Task Thinking_keeps_its_signature_to_the_byte_there_and_back()
    {
        under.Play(Scene.Thinking);
        using AnthropicClient client = under.Anthropic();
        string ask = Turn("Rain?") + ""","thinking":{"type":"enabled","budget_tokens":2048}""";

        Message whole = await client.Messages.Create(Ask(ask));
        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, Ask(ask));

        Assert.True(whole.Content[0].TryPickThinking(out ThinkingBlock? thinking));
        Assert.Equal(Scene.ThinkingWords, thinking.Thinking);
        Assert.Equal(Scene.ThinkingWords, streamed.Blocks[0].Text);
        string signature = under.IsAnthropic ? Scene.ThinkingSignature : "";
        Assert.Equal(signature, thinking.Signature);
        Assert.Equal(signature, streamed.Blocks[0].Signature ?? "");
        if (under.IsAnthropic)
        {
            Assert.True(whole.Content[1].TryPickRedactedThinking(out RedactedThinkingBlock? redacted));
            Assert.Equal(Scene.RedactedData, redacted.Data);
            Assert.Equal(Scene.RedactedData, streamed.Blocks[1].Start.GetProperty("data").GetString());
        }

        // The provider checks what it signed.
        under.Play(Scene.Text);
        await client.Messages.Create(Ask(
            $$"""
            "max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":2048},"messages":[
              {"role":"user","content":"Rain?"},
              {"role":"assistant","content":{{JsonSerializer.Serialize(whole.Content.Select(b => b.Json))}}},
              {"role":"user","content":"Sure?"}]
            """));
        ProviderCall call = under.OnlyCall();
        if (!under.IsAnthropic)
        {
            Assert.Equal(
                Scene.ThinkingWords,
                call.Body.GetProperty("messages")[1].GetProperty("reasoning_content").GetString());
        }
    }

    [Fact]
    public async Task Images_are_carried()
    {
        under.Play(Scene.Text);
        using AnthropicClient client = under.Anthropic();

        await client.Messages.Create(Ask(
            $$"""
            "max_tokens":64,"messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},
              {"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{Png}}"} }]}]
            """));

        JsonElement part = under.OnlyCall().Body.GetProperty("messages")[0].GetProperty("content")[1];
        Assert.Equal(
            under.IsAnthropic ? Png : "data:image/png;base64," + Png,
            under.IsAnthropic
                ? part.GetProperty("source").GetProperty("data").GetString()
                : part.GetProperty("image_url").GetProperty("url").GetString());
    }

    [Fact]
    public async Task Documents_are_carried_or_refused_for_what_they_are()
    {
        under.Play(Scene.Text);
        using AnthropicClient client = under.Anthropic();
        MessageCreateParams ask = Ask(
            $$"""
            "max_tokens":64,"messages":[{"role":"user","content":[{"type":"document","title":"notes.pdf",
              "source":{"type":"base64","media_type":"application/pdf","data":"{{Pdf}}"} },{"type":"text","text":"Sum up."}]}]
            """);
        if (!under.TakesDocuments)
        {
            AnthropicBadRequestException refused =
                await Assert.ThrowsAsync<AnthropicBadRequestException>(() => client.Messages.Create(ask));
            Assert.Contains("document", refused.Message);
            Assert.Empty(under.Provider.Calls);
            return;
        }

        await client.Messages.Create(ask);

        JsonElement part = under.OnlyCall().Body.GetProperty("messages")[0].GetProperty("content")[0];
        string? data = under.IsAnthropic
            ? part.GetProperty("source").GetProperty("data").GetString()
            : part.GetProperty("file").GetProperty("file_data").GetString();
        Assert.EndsWith(Pdf, data);
    }

    [Fact]
    public async Task Citations_are_told_or_refused_where_there_are_none()
    {
        under.Play(Scene.Citations);
        using AnthropicClient client = under.Anthropic();
        MessageCreateParams ask = Ask(
            """
            "max_tokens":64,"messages":[{"role":"user","content":[{"type":"document","citations":{"enabled":true},
              "source":{"type":"text","media_type":"text/plain","data":"Oslo: rain"}},{"type":"text","text":"Rain?"}]}]
            """);
        if (!under.IsAnthropic || !under.TakesDocuments)
        {
            AnthropicBadRequestException refused =
                await Assert.ThrowsAsync<AnthropicBadRequestException>(() => client.Messages.Create(ask));
            Assert.Contains(under.TakesDocuments ? "citations" : "document", refused.Message);
            Assert.Empty(under.Provider.Calls);
            return;
        }

        Message whole = await client.Messages.Create(ask);
        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, ask);

        Assert.True(whole.Content[0].TryPickText(out TextBlock? text));
        JsonElement cited = JsonSerializer.SerializeToElement(text.Citations)[0];
        Assert.Equal("Oslo: rain", cited.GetProperty("cited_text").GetString());
        Assert.Equal(1, cited.GetProperty("start_page_number").GetInt32());
        Assert.True(JsonElement.DeepEquals(cited, Assert.Single(streamed.Blocks[0].Citations)));
    }

    [Fact]
    public async Task A_refusal_is_told_as_one()
    {
        under.Play(Scene.Refusal);
        using AnthropicClient client = under.Anthropic();

        Message whole = await client.Messages.Create(Ask(Turn("Write malware.")));
        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, Ask(Turn("Write malware.")));

        Assert.Equal("refusal", whole.StopReason!.Raw());
        Assert.Equal("refusal", streamed.StopReason);
        Assert.Equal("I cannot help with that.", TextOf(whole));
        Assert.Equal("I cannot help with that.", streamed.Text);
        if (under.IsAnthropic)
        {
            Assert.Equal("cyber", streamed.End.GetProperty("delta").GetProperty("stop_details")
                .GetProperty("category").GetString());
        }
    }

    [Fact]
    public async Task Structured_output_is_asked_for_by_its_schema()
    {
        under.Play(Scene.Structured);
        using AnthropicClient client = under.Anthropic();
        const string schema = """{"type":"object","properties":{"city":{"type":"string"}},"additionalProperties":false}""";

        Message whole = await client.Messages.Create(Ask(
            $$$"""{{{Turn("Where?")}}},"output_config":{"format":{"type":"json_schema","schema":{{{schema}}}}}"""));

        Assert.Equal(Scene.StructuredText, TextOf(whole));
        JsonElement body = under.OnlyCall().Body;
        JsonElement sent = under.IsAnthropic
            ? body.GetProperty("output_config").GetProperty("format").GetProperty("schema")
            : body.GetProperty("response_format").GetProperty("json_schema").GetProperty("schema");
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(schema), sent));
    }

    [Fact]
    public async Task Why_an_answer_ended_is_told()
    {
        using AnthropicClient client = under.Anthropic();
        under.Play(Scene.CutShort);
        Message cut = await client.Messages.Create(Ask(Turn("At length.")));
        under.Play(Scene.StoppedAt);
        MessageCreateParams ask = Ask(Turn("Count.") + """,\"stop_sequences\":[\", three\"]""".Replace("\\", ""));
        Message stopped = await client.Messages.Create(ask);
        StreamedMessage streamed = await ProviderUnderTest.StreamAsync(client, ask);

        Assert.Equal("max_tokens", cut.StopReason!.Raw());
        Assert.Equal(under.IsAnthropic ? "stop_sequence" : "end_turn", stopped.StopReason!.Raw());
        Assert.Equal(under.IsAnthropic ? ", three" : null, stopped.StopSequence);
        Assert.Equal(stopped.StopReason!.Raw(), streamed.StopReason);
        JsonElement body = under.Provider.Calls[0].Body;
        Assert.Equal(", three", body.GetProperty(under.IsAnthropic ? "stop_sequences" : "stop")[0].GetString());
    }

    [Fact]
    public async Task Tokens_are_counted_there_or_estimated_here()
    {
        under.Play(Scene.Text);
        using AnthropicClient client = under.Anthropic();
        var none = new Dictionary<string, JsonElement>();

        MessageTokensCount count = await client.Messages.CountTokens(MessageCountTokensParams.FromRawUnchecked(
            none, none, BodyOf(""" "messages":[{"role":"user","content":"Sixteen bytes..."}]""")));

        Assert.Equal(under.CountsTokens ? 42 : 4, count.InputTokens);
        Assert.Equal(under.CountsTokens ? 1 : 0, under.Provider.Calls.Count);
        Assert.All(under.Provider.Calls, c => Assert.Equal(
            (ProviderOperation.CountTokens, under.Model), (c.Operation, c.Model)));
        Assert.Empty(under.Provider.Complaints);
    }
}
