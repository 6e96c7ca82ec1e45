using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Anthropic.Models.Models;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Xunit;
using static Forebay.FunctionalTests.Clients.ClientFixture;

namespace Forebay.FunctionalTests.Clients;

/// <summary>The official Anthropic client, with its response validation on.</summary>
[Collection(nameof(ClientFixture))]
public sealed class AnthropicClientTests(ClientFixture fixture)
{
    private const string Weather =
        """
        "tools":[{"name":"weather","description":"Weather of a city","input_schema":
          {"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]
        """;

    private UsageRecord Recorded => fixture.Gateway.Journal.Settled[^1];

    [Fact]
    public async Task A_whole_message_has_the_clients_model_and_the_usage_that_is_recorded()
    {
        using AnthropicClient client = fixture.Anthropic();

        Message message = await client.Messages.Create(new MessageCreateParams
        {
            Model = GatewayHarness.Model,
            MaxTokens = 4096,
            System = "You are brief.",
            Messages = [new UserMessageParam { Content = "What is a forebay?" }],
        });

        message.Validate();
        Assert.Equal(GatewayHarness.Model, message.Model.Raw());
        Assert.Equal("end_turn", message.StopReason!.Raw());
        Assert.NotEmpty(TextOf(message));
        UsageIsRecorded(message.Usage);
        Assert.Equal(UsageOutcome.Completed, Recorded.Outcome);
        Assert.False(Recorded.Stream);
    }

    [Fact]
    public async Task A_stream_has_every_event_in_order_and_the_text_of_the_whole_answer()
    {
        using AnthropicClient client = fixture.Anthropic();
        MessageCreateParams ask = Ask(Turn("Tell me of streams."), outputTokens: 9);
        var kinds = new List<string>();
        string text = "";
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(ask))
        {
            item.Validate();
            JsonElement json = item.Json;
            kinds.Add(json.GetProperty("type").GetString()!);
            if (kinds[^1] == "message_start")
            {
                Assert.Equal(GatewayHarness.Model, json.GetProperty("message").GetProperty("model").GetString());
            }
            else if (kinds[^1] == "content_block_delta")
            {
                text += json.GetProperty("delta").GetProperty("text").GetString();
            }
        }

        UsageRecord streamed = Recorded;
        Message whole = await client.Messages.Create(ask);

        string[] expected = ["message_start", "content_block_start", .. Enumerable.Repeat("content_block_delta", 9),
            "content_block_stop", "message_delta", "message_stop"];
        Assert.Equal(expected, kinds.Where(k => k != "ping"));
        Assert.Equal(TextOf(whole), text);
        Assert.Equal(36, text.Length);
        Assert.Equal(9, streamed.Tokens.Output);
        Assert.True(streamed.Stream);
        Assert.True(streamed.TimeToFirstTokenMs >= 0);
        Assert.False(streamed.Estimated);
    }

    [Fact]
    public async Task A_forced_tool_is_called_whole_and_streamed_and_its_result_continues_the_conversation()
    {
        using AnthropicClient client = fixture.Anthropic();
        string ask = $$"""{{Turn("Weather in Oslo?")}},{{Weather}},"tool_choice":{"type":"tool","name":"weather"}""";

        Message called = await client.Messages.Create(Ask(ask));
        string streamed = "";
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(Ask(ask)))
        {
            streamed += item.Json.TryGetProperty("delta", out JsonElement delta)
                && delta.TryGetProperty("partial_json", out JsonElement part) ? part.GetString() : "";
        }

        Assert.Equal("tool_use", called.StopReason!.Raw());
        Assert.True(called.Content[0].TryPickToolUse(out ToolUseBlock? tool));
        Assert.Equal("weather", tool.Name);
        Assert.Equal(JsonSerializer.Serialize(tool.Input), streamed);
        Message answer = await client.Messages.Create(Ask(
            $$"""
            "max_tokens":512,{{Weather}},"messages":[
              {"role":"user","content":"Weather in Oslo?"},
              {"role":"assistant","content":[{"type":"tool_use","id":"{{tool.ID}}","name":"weather","input":{{streamed}}}]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"{{tool.ID}}","content":"Rain"}]}]
            """));
        Assert.NotEmpty(TextOf(answer));
        UsageIsRecorded(answer.Usage);
    }

    [Fact]
    public async Task Images_documents_turns_and_a_system_message_in_the_middle_are_carried()
    {
        using AnthropicClient client = fixture.Anthropic();

        Message message = await client.Messages.Create(Ask(
            """
            "max_tokens":64,"system":[{"type":"text","text":"One."},{"type":"text","text":"Two."}],"messages":[
              {"role":"user","content":[
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}},
                {"type":"document","source":{"type":"text","media_type":"text/plain","data":"Notes"}},
                {"type":"text","text":"What is this?"}]},
              {"role":"assistant","content":"A picture."},
              {"role":"system","content":"Be brief."},
              {"role":"user","content":"And now?"}]
            """));

        Assert.NotEmpty(TextOf(message));
        UsageIsRecorded(message.Usage);
    }

    [Fact]
    public async Task The_second_request_with_a_prefix_reads_it_from_the_cache_and_pays_for_that()
    {
        using AnthropicClient client = fixture.Anthropic();
        string prefix = string.Concat(Enumerable.Range(0, 200).Select(i => $"cached {i:000}, "));

        Message first = await client.Messages.Create(Ask(Turn(prefix + "one"), outputTokens: 2));
        Message second = await client.Messages.Create(Ask(Turn(prefix + "two"), outputTokens: 2));

        Assert.Equal(0, first.Usage.CacheReadInputTokens);
        Assert.True(second.Usage.CacheReadInputTokens >= 500);
        UsageIsRecorded(second.Usage);
        Assert.Equal(
            first.Usage.InputTokens + first.Usage.CacheReadInputTokens,
            second.Usage.InputTokens + second.Usage.CacheReadInputTokens);
        Assert.True(Recorded.CustomerPriceMicros < fixture.Gateway.Journal.Settled[^2].CustomerPriceMicros);
    }

    [Fact]
    public async Task Limits_and_stop_sequences_say_why_the_answer_ended()
    {
        using AnthropicClient client = fixture.Anthropic();

        Message cut = await client.Messages.Create(Ask(
            """ "max_tokens":5,"messages":[{"role":"user","content":"At length."}]""", outputTokens: 50));
        Message stopped = await client.Messages.Create(Ask(
            Turn("Until the colon.") + ""","stop_sequences":[": "]""", outputTokens: 50));

        Assert.Equal("max_tokens", cut.StopReason!.Raw());
        Assert.Equal(5, cut.Usage.OutputTokens);
        Assert.Equal("stop_sequence", stopped.StopReason!.Raw());
        Assert.Equal(": ", stopped.StopSequence);
        UsageIsRecorded(stopped.Usage);
    }

    [Fact]
    public async Task Tokens_are_counted_and_counting_is_not_metered()
    {
        using AnthropicClient client = fixture.Anthropic();
        int before = fixture.Gateway.Journal.Settled.Count;
        var none = new Dictionary<string, JsonElement>();

        MessageTokensCount count = await client.Messages.CountTokens(MessageCountTokensParams.FromRawUnchecked(
            none, none, BodyOf(""" "messages":[{"role":"user","content":"Sixteen bytes..."}]""")));

        Assert.Equal(4, count.InputTokens);
        Assert.Equal(before, fixture.Gateway.Journal.Settled.Count);
    }

    [Fact]
    public async Task Models_are_listed_and_found()
    {
        using AnthropicClient client = fixture.Anthropic();

        ModelListPage page = await client.Models.List();
        ModelInfo one = await client.Models.Retrieve(GatewayHarness.Model);

        page.Validate();
        Assert.Equal(GatewayHarness.Model, Assert.Single(page.Items).ID);
        Assert.False(page.HasNext());
        one.Validate();
        Assert.Equal(200_000, one.MaxInputTokens);
    }

    [Theory]
    [InlineData(false, "2026-10-21")]
    [InlineData(true, "2026-10-21")]
    [InlineData(false, "2023-06-01")]
    [InlineData(true, "2023-06-01")]
    public async Task Either_way_to_send_the_key_and_either_api_version_is_served(bool direct, string version)
    {
        using var http = new HttpClient(new Headers(direct, version));
        using AnthropicClient client = AnthropicOf(fixture.Gateway, http: http);

        Message message = await client.Messages.Create(Ask(Turn("Hello"), outputTokens: 3));
        ModelListPage models = await client.Models.List();

        Assert.Equal(12, TextOf(message).Length);
        Assert.Single(models.Items);
    }

    private void UsageIsRecorded(Usage usage) => Assert.Equal(
        new TokenUsage(
            usage.InputTokens,
            usage.CacheReadInputTokens ?? 0,
            usage.CacheCreationInputTokens ?? 0,
            usage.OutputTokens),
        Recorded.Tokens);

    /// <summary>Sends the key and the version as clients of another age do.</summary>
    private sealed class Headers(bool direct, string version) : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Remove("anthropic-version");
            request.Headers.Add("anthropic-version", version);
            if (direct)
            {
                string key = request.Headers.Authorization!.Parameter!;
                request.Headers.Authorization = null;
                request.Headers.Add("x-api-key", key);
            }

            return base.SendAsync(request, cancellationToken);
        }
    }
}
