using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using OpenAI.Responses;
using Xunit;

namespace Forebay.FunctionalTests.Clients;

/// <summary>The official OpenAI client's Responses API.</summary>
public sealed class ResponsesClientTests
{
    private const string ThoughtAndCall =
        """{"id":"msg_1","type":"message","role":"assistant","model":"upstream-model","content":[{"type":"thinking","thinking":"Let me see\n\u00e9.","signature":"EqQB+/aB=="},{"type":"redacted_thinking","data":"Zm9v+/=="},{"type":"text","text":"I will look."},{"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Oslo"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":3,"cache_creation_input_tokens":2,"output_tokens":5}}""";

    private static readonly ResponseTool Weather = ResponseTool.CreateFunctionTool(
        "weather",
        BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"""),
        strictModeEnabled: false,
        "Weather of a city");

    internal static ResponsesClient ClientOf(GatewayHarness gateway, string secret = GatewayHarness.Secret) => new(
        new ApiKeyCredential(secret),
        new ResponsesClientOptions
        {
            Endpoint = new Uri(gateway.Server.Address, "/v1"),
            RetryPolicy = new ClientRetryPolicy(0),
        });

    internal static Func<FleetConfig, FleetConfig> Speaking(params Dialect[] dialects) => config => config with
    {
        Deployments = [.. config.Deployments.Select(d => d with { Dialects = dialects })],
        Tiers = [.. config.Tiers.Select(t => t with { RequestsPerMinute = null })],
    };

    internal static Task<ScriptedUpstream> UpstreamAsync() => ScriptedUpstream.StartAsync((http, received) =>
        received.Text.Contains("\"stream\":true", StringComparison.Ordinal)
            ? ScriptedUpstream.StreamAsync(http, Answers.ResponseStream)
            : ScriptedUpstream.JsonAsync(http, 200, Answers.Response));

    private static CreateResponseOptions Ask(params ResponseItem[] items) => new(GatewayHarness.Model, items);

    private static async Task<List<StreamingResponseUpdate>> StreamAsync(
        ResponsesClient client, CreateResponseOptions options)
    {
        options.StreamingEnabled = true;
        var updates = new List<StreamingResponseUpdate>();
        await foreach (StreamingResponseUpdate update in await client.CreateResponseStreamingAsync(options))
        {
            updates.Add(update);
        }

        return updates;
    }

    [Fact]
    public async Task A_response_of_an_upstream_that_speaks_the_dialect_passes_but_for_the_models_name()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking(Dialect.Responses));
        ResponsesClient client = ClientOf(gateway);

        ResponseResult whole = await client.CreateResponseAsync(Ask(ResponseItem.CreateUserMessageItem("Hi")));
        List<StreamingResponseUpdate> updates = await StreamAsync(
            client, Ask(ResponseItem.CreateUserMessageItem("Hi")));

        Assert.Equal(("resp_up", GatewayHarness.Model, "Hello there"), (whole.Id, whole.Model, whole.GetOutputText()));
        Assert.Equal(
            "Hello there",
            string.Concat(updates.OfType<StreamingResponseOutputTextDeltaUpdate>().Select(u => u.Delta)));
        ResponseResult last = Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response;
        Assert.Equal((GatewayHarness.Model, 15, 5), (last.Model, last.Usage.InputTokenCount, last.Usage.OutputTokenCount));
        Assert.All(upstream.Requests, r => Assert.Equal(
            ("/v1/responses", "upstream-model"), (r.Path, JsonNode.Parse(r.Text)!["model"]!.GetValue<string>())));
        Assert.Equal(2, gateway.Journal.Settled.Count);
        Assert.All(gateway.Journal.Settled, u => Assert.Equal(
            (new TokenUsage(12, 3, 0, 5), false, Dialect.Responses), (u.Tokens, u.Estimated, u.Dialect)));
    }

    [Fact]
    public async Task A_tool_loop_with_an_Anthropic_upstream_carries_signed_reasoning_byte_for_byte()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, received) =>
            ScriptedUpstream.JsonAsync(
                http,
                200,
                received.Text.Contains("tool_result", StringComparison.Ordinal) ? Answers.AnthropicMessage : ThoughtAndCall));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking(Dialect.Anthropic));
        ResponsesClient client = ClientOf(gateway);
        CreateResponseOptions options = Ask(ResponseItem.CreateUserMessageItem("Weather in Oslo?"));
        options.Instructions = "Be brief.";
        options.Tools.Add(Weather);
        options.StoredOutputEnabled = false;

        ResponseResult first = await client.CreateResponseAsync(options);
        FunctionCallResponseItem call = Assert.Single(first.OutputItems.OfType<FunctionCallResponseItem>());
        foreach (ResponseItem item in first.OutputItems)
        {
            options.InputItems.Add(item);
        }

        options.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(call.CallId, "Rain"));
        ResponseResult second = await client.CreateResponseAsync(options);

        Assert.Equal(("weather", "Oslo"), (
            call.FunctionName, JsonNode.Parse(call.FunctionArguments)!["city"]!.GetValue<string>()));
        Assert.Equal("Let me see\né.", first.OutputItems.OfType<ReasoningResponseItem>().First().GetSummaryText());
        Assert.Equal("Hello there", second.GetOutputText());
        JsonNode sent = JsonNode.Parse(upstream.Requests[1].Text)!;
        JsonArray blocks = sent["messages"]![1]!["content"]!.AsArray();
        Assert.Equal(
            ["thinking", "redacted_thinking", "text", "tool_use"], blocks.Select(b => b!["type"]!.GetValue<string>()));
        Assert.Equal(("Let me see\né.", "EqQB+/aB==", "Zm9v+/=="), (
            blocks[0]!["thinking"]!.GetValue<string>(),
            blocks[0]!["signature"]!.GetValue<string>(),
            blocks[1]!["data"]!.GetValue<string>()));
        Assert.Equal("tool_result", sent["messages"]![2]!["content"]![0]!["type"]!.GetValue<string>());
        Assert.Equal(new TokenUsage(10, 3, 2, 5), gateway.Journal.Settled[0].Tokens);
    }

    [Theory]
    [InlineData(Dialect.Anthropic)]
    [InlineData(Dialect.OpenAi)]
    public async Task A_translated_stream_is_one_that_the_client_understands(Dialect dialect)
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) => ScriptedUpstream.StreamAsync(
            http, dialect == Dialect.Anthropic ? Answers.AnthropicStream : Answers.OpenAiStream(withUsage: true)));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Speaking(dialect));

        List<StreamingResponseUpdate> updates = await StreamAsync(
            ClientOf(gateway), Ask(ResponseItem.CreateUserMessageItem("Hi")));

        Assert.Equal(Enumerable.Range(0, updates.Count), updates.Select(u => u.SequenceNumber));
        Assert.IsType<StreamingResponseCreatedUpdate>(updates[0]);
        ResponseResult last = Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response;
        Assert.Equal(("Hello there", GatewayHarness.Model, 15), (
            last.GetOutputText(), last.Model, last.Usage.InputTokenCount));
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((5, false), (usage.Tokens.Output, usage.Estimated));
    }

    [Fact]
    public async Task Other_clients_are_served_by_an_upstream_that_speaks_Responses_alone()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking(Dialect.Responses));

        using HttpResponseMessage message = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));
        using HttpResponseMessage chat = await gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream: true)));

        Assert.Equal(
            "Hello there",
            JsonNode.Parse(await message.Content.ReadAsStringAsync())!["content"]![0]!["text"]!.GetValue<string>());
        Assert.EndsWith("data: [DONE]\n\n", await chat.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.All(upstream.Requests, r => Assert.Contains("\"store\":false", r.Text, StringComparison.Ordinal));
        Assert.All(gateway.Journal.Settled, u => Assert.Equal(new TokenUsage(12, 3, 0, 5), u.Tokens));
    }

    [Fact]
    public async Task A_refusal_reaches_the_client_in_its_envelope()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking(Dialect.Anthropic));
        CreateResponseOptions options = Ask(ResponseItem.CreateUserMessageItem("Hi"));
        options.Tools.Add(ResponseTool.CreateWebSearchTool());

        ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(
            () => ClientOf(gateway).CreateResponseAsync(options));

        Assert.Equal(400, refused.Status);
        Assert.Contains("tools[0].type", refused.Message, StringComparison.Ordinal);
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task Background_responses_are_refused()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking(Dialect.Responses));
        CreateResponseOptions options = Ask(ResponseItem.CreateUserMessageItem("Hi"));
        options.BackgroundModeEnabled = true;

        ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(
            () => ClientOf(gateway).CreateResponseAsync(options));

        Assert.Equal(400, refused.Status);
        Assert.Contains("background", refused.Message, StringComparison.Ordinal);
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task A_stream_that_breaks_ends_with_an_error_that_is_numbered_on()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) =>
            ScriptedUpstream.StreamAsync(http, Answers.ResponseStream.Take(5)));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking(Dialect.Responses));

        List<StreamingResponseUpdate> updates = await StreamAsync(
            ClientOf(gateway), Ask(ResponseItem.CreateUserMessageItem("Hi")));

        Assert.Equal(6, updates.Count);
        var error = Assert.IsType<StreamingResponseErrorUpdate>(updates[^1]);
        Assert.Equal(5, error.SequenceNumber);
        Assert.Contains("try again", error.Message, StringComparison.Ordinal);
        Assert.Equal(UsageOutcome.Failed, Assert.Single(gateway.Journal.Settled).Outcome);
    }

    /// <summary>However a stream is cut short, the client gets the rest of its story: the end, an error event, or, where
    /// nothing came, a plain error.</summary>
    [Theory]
    [InlineData(Dialect.Responses)]
    [InlineData(Dialect.Anthropic)]
    public async Task A_stream_cut_at_any_byte_ends_with_an_event_that_says_so(Dialect dialect)
    {
        string whole = string.Concat(dialect == Dialect.Responses ? Answers.ResponseStream : Answers.AnthropicStream);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, received) =>
            ScriptedUpstream.StreamAsync(http, [whole[..int.Parse(received.Headers["x-cut"])]]));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address],
            config => Speaking(dialect)(config) with
            {
                Deployments = [.. config.Deployments.Select(d => d with
                {
                    Dialects = [dialect], Health = new() { ProbePath = "off", MetricsPath = "off" },
                })],
            });
        int ended = 0;
        int[] ends = [.. Enumerable.Range(0, 3).Select(i => whole.Length - i)];
        foreach (int cut in Enumerable.Range(1, whole.Length - 1).Where(c => c % 37 == 1).Union(ends))
        {
            using HttpRequestMessage request = Raw(
                $$"""{"model":"{{GatewayHarness.Model}}","stream":true,"input":"Hi"}""");
            request.Headers.Add("x-cut", cut.ToString());
            using HttpResponseMessage response = await gateway.Client.SendAsync(request);
            string text = await response.Content.ReadAsStringAsync();
            bool isWhole = text.Contains("event: response.completed", StringComparison.Ordinal);
            bool isError = text.Contains("event: error", StringComparison.Ordinal) || (int)response.StatusCode >= 500;
            Assert.True(isWhole != isError, $"cut at {cut}: {(int)response.StatusCode} {text}");
            ended += isWhole ? 1 : 0;
        }

        Assert.InRange(ended, 1, 3);
    }

    internal static HttpRequestMessage Raw(string body, string secret = GatewayHarness.Secret, string path = "/v1/responses")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("Authorization", "Bearer " + secret);
        return request;
    }
}
