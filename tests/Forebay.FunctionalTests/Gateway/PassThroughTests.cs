using System.Net;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>The same-dialect path over real sockets: what crosses, what is spliced, what is metered.</summary>
public sealed class PassThroughTests
{
    [Fact]
    public async Task An_anthropic_answer_comes_back_with_the_clients_model_name_and_is_metered_once()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(Answers.AnthropicMessage.Replace("upstream-model", GatewayHarness.Model), body);
        Assert.Equal("cloud", response.Headers.GetValues("x-forebay-backing").Single());
        Assert.StartsWith("req_", response.Headers.GetValues("request-id").Single());

        ReceivedRequest sent = Assert.Single(upstream.Requests);
        Assert.Equal("/v1/messages", sent.Path);
        Assert.Equal("secret-of-env:UPSTREAM_KEY", sent.Headers["x-api-key"]);
        Assert.Equal(
            GatewayHarness.MessagesBody(stream: false).Replace(GatewayHarness.Model, "upstream-model"), sent.Text);

        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal(new TokenUsage(10, 3, 2, 5), usage.Tokens);
        Assert.Equal(UsageOutcome.Completed, usage.Outcome);
        // 10 x 3 + 3 x 0.3 + 2 x 3.75 + 5 x 15 millionths of a dollar, rounded half up once.
        Assert.Equal(113, usage.CustomerPriceMicros);
        Assert.Equal(38, usage.ProviderCostMicros);
        Assert.False(usage.Estimated);
    }

    [Fact]
    public async Task An_anthropic_stream_passes_byte_for_byte_but_for_the_model_name()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));

        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(string.Concat(Answers.AnthropicStream).Replace("upstream-model", GatewayHarness.Model), body);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(new TokenUsage(10, 3, 2, 5), Assert.Single(gateway.Journal.Settled).Tokens);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(""","stream_options":{"include_usage":true}""", true)]
    [InlineData(""","stream_options":{"include_usage":false}""", false)]
    public async Task Usage_is_asked_of_openai_streams_and_taken_out_again_when_the_client_did_not_ask(
        string options, bool clientAsked)
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, request) =>
        {
            using var asked = JsonDocument.Parse(request.Body);
            bool usage = asked.RootElement.TryGetProperty("stream_options", out JsonElement o)
                && o.GetProperty("include_usage").GetBoolean();
            return ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(usage));
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream: true, options)));

        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(
            string.Concat(Answers.OpenAiStream(clientAsked)).Replace("upstream-model", GatewayHarness.Model), body);
        Assert.Equal(new TokenUsage(12, 3, 0, 5), Assert.Single(gateway.Journal.Settled).Tokens);
        Assert.Equal("Bearer secret-of-env:UPSTREAM_KEY", upstream.Requests[0].Headers["Authorization"]);
    }

    [Fact]
    public async Task Headers_cross_but_for_credentials_cookies_accounts_and_hop_by_hop_ones()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) =>
        {
            http.Response.Headers["anthropic-organization-id"] = "org-of-the-operator";
            http.Response.Headers["anthropic-ratelimit-requests-limit"] = "4000";
            http.Response.Headers["set-cookie"] = "a=b";
            http.Response.Headers["x-vendor-note"] = "kept";
            http.Response.Headers["request-id"] = "req_of_the_upstream";
            return ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);
        HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false));
        request.Headers.Add("anthropic-beta", "one-2026-01-01,two-2026-01-02");
        request.Headers.Add("anthropic-beta", "three-2026-01-03");
        request.Headers.Add("x-unknown", "passes");
        request.Headers.Add("Cookie", "session=1");
        request.Headers.Add("anthropic-workspace-id", "wrkspc_client");
        request.Headers.Add("Connection", "x-hop");
        request.Headers.Add("x-hop", "dropped");

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        ReceivedRequest sent = upstream.Requests[0];
        Assert.Contains("one-2026-01-01,two-2026-01-02", sent.Headers["anthropic-beta"]);
        Assert.Contains("three-2026-01-03", sent.Headers["anthropic-beta"]);
        Assert.Equal("passes", sent.Headers["x-unknown"]);
        Assert.False(sent.Headers.ContainsKey("Cookie"));
        Assert.False(sent.Headers.ContainsKey("anthropic-workspace-id"));
        Assert.False(sent.Headers.ContainsKey("x-hop"));
        Assert.DoesNotContain(GatewayHarness.Secret, string.Join('\n', sent.Headers.Values));
        Assert.Equal("kept", response.Headers.GetValues("x-vendor-note").Single());
        Assert.False(response.Headers.Contains("anthropic-organization-id"));
        Assert.False(response.Headers.Contains("anthropic-ratelimit-requests-limit"));
        Assert.False(response.Headers.Contains("set-cookie"));
        Assert.NotEqual("req_of_the_upstream", response.Headers.GetValues("request-id").Single());
    }

    [Fact]
    public async Task An_upstreams_own_4xx_comes_back_word_for_word()
    {
        const string refusal =
            """{"type":"error","error":{"type":"invalid_request_error","message":"temperature: Extra inputs are not permitted"},"request_id":"req_up"}""";
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 400, refusal));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address, upstream.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(refusal, await response.Content.ReadAsStringAsync());
        Assert.Single(upstream.Requests);
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal(Reason.UpstreamRefused, usage.Reason);
        Assert.Equal(0, usage.CustomerPriceMicros);
    }
}
