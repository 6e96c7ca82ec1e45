using System.Net;
using System.Text.Json.Nodes;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Requests served by deployments of the other dialect.</summary>
public sealed class TranslationTests
{
    /// <summary>Says which dialects each deployment speaks.</summary>
    private static Func<FleetConfig, FleetConfig> Speaking(params Dialect[][] dialects) => config => config with
    {
        Deployments = [.. config.Deployments.Select((d, i) => d with { Dialects = dialects[i] })],
    };

    private static Task AnswerChatAsync(HttpContext http, ReceivedRequest request) =>
        request.Text.Contains("\"stream\":true", StringComparison.Ordinal)
            ? ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(withUsage: true))
            : ScriptedUpstream.JsonAsync(http, 200, Answers.OpenAiCompletion);

    private static Task AnswerMessagesAsync(HttpContext http, ReceivedRequest request) =>
        request.Text.Contains("\"stream\":true", StringComparison.Ordinal)
            ? ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream)
            : ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_Anthropic_request_is_served_in_the_OpenAI_dialect(bool stream)
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(AnswerChatAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking([Dialect.OpenAi]));
        HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(
            stream, ""","thinking":{"type":"adaptive"},"cache_control":{"type":"ephemeral"}"""));
        request.Headers.Add("anthropic-beta", "context-1m, bad beta!, other-2026");

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(
            "thinking, cache_control, context-1m, other-2026", response.Headers.GetValues("x-forebay-dropped").Single());
        ReceivedRequest sent = upstream.Requests.Single();
        Assert.Equal("/v1/chat/completions", sent.Path);
        Assert.DoesNotContain(sent.Headers.Keys, k => k.StartsWith("anthropic-", StringComparison.OrdinalIgnoreCase));
        Assert.StartsWith("Bearer ", sent.Headers["Authorization"], StringComparison.Ordinal);
        JsonNode said = JsonNode.Parse(sent.Text)!;
        Assert.Equal("upstream-model", said["model"]!.GetValue<string>());
        Assert.Equal("Hi", said["messages"]![0]!["content"]!.GetValue<string>());
        if (stream)
        {
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
            Assert.StartsWith("event: message_start\n", body, StringComparison.Ordinal);
            Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", body, StringComparison.Ordinal);
            Assert.Contains("\"model\":\"atlas\"", body, StringComparison.Ordinal);
        }
        else
        {
            JsonNode message = JsonNode.Parse(body)!;
            Assert.Equal("Hello there", message["content"]![0]!["text"]!.GetValue<string>());
            Assert.Equal("atlas", message["model"]!.GetValue<string>());
            Assert.Equal("msg_" + response.Headers.GetValues("request-id").Single()[4..], message["id"]!.GetValue<string>());
        }

        UsageRecord used = Assert.Single(gateway.Journal.Settled);
        Assert.Equal(new TokenUsage(12, 3, 0, 5), used.Tokens);
        Assert.Equal((UsageOutcome.Completed, Dialect.Anthropic, false), (used.Outcome, used.Dialect, used.Estimated));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_OpenAI_request_is_served_in_the_Anthropic_dialect(bool stream)
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(AnswerMessagesAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking([Dialect.Anthropic]));
        HttpRequestMessage request = GatewayHarness.Chat(GatewayHarness.ChatBody(
            stream, stream ? ""","stream_options":{"include_usage":true}""" : ""));
        request.Headers.Add("OpenAI-Beta", "x=1");

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        string body = await response.Content.ReadAsStringAsync();
        ReceivedRequest sent = upstream.Requests.Single();
        Assert.Equal(("/v1/messages", "2023-06-01"), (sent.Path, sent.Headers["anthropic-version"]));
        Assert.False(sent.Headers.ContainsKey("OpenAI-Beta"));
        Assert.Equal(64_000, JsonNode.Parse(sent.Text)!["max_tokens"]!.GetValue<int>());
        Assert.False(response.Headers.Contains("x-forebay-dropped"));
        if (stream)
        {
            Assert.EndsWith("data: [DONE]\n\n", body, StringComparison.Ordinal);
            Assert.Contains("\"prompt_tokens\":15", body, StringComparison.Ordinal);
            Assert.DoesNotContain("event:", body, StringComparison.Ordinal);
        }
        else
        {
            JsonNode completion = JsonNode.Parse(body)!;
            Assert.Equal("Hello there", completion["choices"]![0]!["message"]!["content"]!.GetValue<string>());
            Assert.Equal(20, completion["usage"]!["total_tokens"]!.GetValue<int>());
        }

        Assert.Equal(new TokenUsage(10, 3, 2, 5), Assert.Single(gateway.Journal.Settled).Tokens);
    }

    [Fact]
    public async Task The_clients_dialect_is_preferred_and_the_other_helps_when_it_fails()
    {
        bool failing = false;
        await using ScriptedUpstream other = await ScriptedUpstream.StartAsync(AnswerChatAsync);
        await using ScriptedUpstream same = await ScriptedUpstream.StartAsync((http, request) => failing
            ? ScriptedUpstream.JsonAsync(http, 500, "{}")
            : AnswerMessagesAsync(http, request));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [other.Address, same.Address], Speaking([Dialect.OpenAi], [Dialect.Anthropic]));

        for (int i = 0; i < 6; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: i % 2 == 0)));
            Assert.Equal("d1", response.Headers.GetValues("x-forebay-deployment").Single());
        }

        Assert.Empty(other.Requests);
        failing = true;
        using HttpResponseMessage helped = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true, ""","top_k":5""")));
        Assert.Contains("message_stop", await helped.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("d0", helped.Headers.GetValues("x-forebay-deployment").Single());
        Assert.Equal("top_k", helped.Headers.GetValues("x-forebay-dropped").Single());
        Assert.Equal("2", helped.Headers.GetValues("x-forebay-attempts").Single());
    }

    [Fact]
    public async Task A_request_that_cannot_be_translated_stays_with_who_speaks_its_dialect()
    {
        await using ScriptedUpstream other = await ScriptedUpstream.StartAsync(AnswerChatAsync);
        await using ScriptedUpstream same = await ScriptedUpstream.StartAsync((http, _) =>
            ScriptedUpstream.JsonAsync(http, 500, "{}"));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [other.Address, same.Address], Speaking([Dialect.OpenAi], [Dialect.Anthropic]));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false, ""","of_tomorrow":1 """)));

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Empty(other.Requests);
        Assert.Equal(Reason.UpstreamUnavailable, Assert.Single(gateway.Journal.Settled).Reason);
        Assert.All(gateway.State.Model.Deployments, d => Assert.Equal(0, gateway.State.Of(d).InFlight));
    }

    [Fact]
    public async Task What_cannot_be_said_is_refused_before_anything_is_reserved()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(AnswerMessagesAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking([Dialect.Anthropic]));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(true, ""","n":3,"logprobs":true,"min_p":0.1""")));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("untranslatable", response.Headers.GetValues("x-forebay-reason").Single());
        JsonNode error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        string message = error["message"]!.GetValue<string>();
        Assert.All((string[])["n: ", "logprobs: ", "min_p: ", "/v1/messages"], p => Assert.Contains(p, message));
        Assert.Empty(upstream.Requests);
        Assert.Empty(gateway.Journal.Settled);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_upstreams_refusal_keeps_its_message_in_the_clients_envelope(bool stream)
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) => ScriptedUpstream.JsonAsync(
            http, 422, """{"error":{"message":"Too \"odd\".","type":"invalid_request_error","param":null,"code":null}}"""));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking([Dialect.OpenAi]));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));

        Assert.Equal(422, (int)response.StatusCode);
        JsonNode body = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.Equal("error", body["type"]!.GetValue<string>());
        Assert.Equal("invalid_request_error", body["error"]!["type"]!.GetValue<string>());
        Assert.Equal("Too \"odd\".", body["error"]!["message"]!.GetValue<string>());
        Assert.Equal(Reason.UpstreamRefused, Assert.Single(gateway.Journal.Settled).Reason);
    }

    [Fact]
    public async Task An_error_in_the_stream_is_told_in_the_clients_dialect()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, request) =>
            ScriptedUpstream.StreamAsync(http, request.Path == "/v1/messages"
                ? [.. Answers.AnthropicStream.Take(4), Answers.Named("error", """{"type":"error","error":{"type":"overloaded_error","message":"x"}}""")]
                : [.. Answers.OpenAiStream(true).Take(2), "data: {\"error\":{\"message\":\"x\"}}\n\n"]));
        await using GatewayHarness anthropicOnly = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking([Dialect.Anthropic]));
        await using GatewayHarness openAiOnly = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking([Dialect.OpenAi]));

        using HttpResponseMessage chat = await anthropicOnly.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream: true)));
        string chunks = await chat.Content.ReadAsStringAsync();
        using HttpResponseMessage messages = await openAiOnly.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));
        string events = await messages.Content.ReadAsStringAsync();

        Assert.Contains("\"content\":\"Hello\"", chunks, StringComparison.Ordinal);
        Assert.StartsWith("data: {\"error\":{", chunks.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1]);
        Assert.DoesNotContain("[DONE]", chunks, StringComparison.Ordinal);
        Assert.Contains("\"text\":\"Hello\"", events, StringComparison.Ordinal);
        Assert.StartsWith("event: error\n", events.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1]);
        Assert.DoesNotContain("message_stop", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_cannot_be_said_is_tried_elsewhere()
    {
        const string badCall = """{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"i","type":"function","function":{"name":"t","arguments":"not json"}}]},"finish_reason":"tool_calls"}]}""";
        await using ScriptedUpstream bad = await ScriptedUpstream.StartAsync((http, _) =>
            ScriptedUpstream.JsonAsync(http, 200, badCall));
        await using ScriptedUpstream good = await ScriptedUpstream.StartAsync(AnswerChatAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [bad.Address, good.Address], Speaking([Dialect.OpenAi], [Dialect.OpenAi]));

        // Between equals the request's number decides: go on until one has met the bad upstream.
        for (int i = 0; i < 64 && bad.Requests.Count == 0; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("d1", response.Headers.GetValues("x-forebay-deployment").Single());
        }

        Assert.NotEmpty(bad.Requests);
    }

    [Fact]
    public async Task Tokens_of_a_model_in_the_other_dialect_are_counted_by_estimate()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(AnswerChatAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], Speaking([Dialect.OpenAi]));
        HttpRequestMessage request = GatewayHarness.Messages("""{"model":"atlas","messages":[{"role":"user","content":"12345678"}]}""");
        request.RequestUri = new Uri("/v1/messages/count_tokens", UriKind.Relative);

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        Assert.Equal("true", response.Headers.GetValues("x-forebay-estimate").Single());
        Assert.Equal("""{"input_tokens":2}""", await response.Content.ReadAsStringAsync());
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task Residency_holds_for_deployments_of_the_other_dialect()
    {
        await using ScriptedUpstream american = await ScriptedUpstream.StartAsync(AnswerChatAsync);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [american.Address], Speaking([Dialect.OpenAi]));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false), GatewayHarness.OtherSecret));

        Assert.Equal("residency", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Empty(american.Requests);
    }
}
