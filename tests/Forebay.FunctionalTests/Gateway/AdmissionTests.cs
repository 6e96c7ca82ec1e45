using System.Net;
using System.Text;
using Forebay.Core.Errors;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Steps 1 to 5 over real sockets: who gets in, and what those who do not are told.</summary>
public sealed class AdmissionTests : IAsyncLifetime
{
    private ScriptedUpstream _us = null!;
    private ScriptedUpstream _eu = null!;

    public async ValueTask InitializeAsync()
    {
        _us = await ScriptedUpstream.StartAsync(
            (http, r) => ScriptedUpstream.JsonAsync(
                http, 200, r.Path == "/v1/messages" ? Answers.AnthropicMessage : Answers.OpenAiCompletion));
        _eu = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
    }

    [Theory]
    [InlineData(null, null, "No API key")]
    [InlineData("x-api-key", "fb-wrong", "not known")]
    [InlineData("Authorization", "Bearer fb-wrong", "not known")]
    [InlineData("Authorization", "Basic Zm9v", "No API key")]
    [InlineData("x-api-key", "fb-expired-secret", "expired")]
    [InlineData("x-api-key", "fb-revoked-secret", "revoked")]
    public async Task A_missing_or_bad_key_is_told_apart_before_the_body_is_read(string? header, string? value, string words)
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [_us.Address],
            null,
            GatewayHarness.KeyOf("key_old", "acme", "fb-expired-secret", expires: 1),
            GatewayHarness.KeyOf("key_gone", "acme", "fb-revoked-secret", revoked: 1));
        foreach ((string path, string envelope) in ((string, string)[])
            [("/v1/messages", "authentication_error"), ("/v1/chat/completions", "invalid_api_key")])
        {
            await RefusedAsync(gateway, path, header, value, words, envelope);
        }

        Assert.Empty(_us.Requests);
        Assert.Empty(gateway.Journal.Settled);
    }

    [Fact]
    public async Task The_x_api_key_header_wins_when_both_are_sent()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_us.Address]);
        HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(false));
        request.Headers.Add("Authorization", "Bearer fb-wrong");

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_key_may_be_held_to_some_models()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [_us.Address], null, GatewayHarness.KeyOf("key_m", "acme", "fb-model-secret", null, null, "another"));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false), "fb-model-secret"));

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Contains("may use only another", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("""{"model":"nope","max_tokens":5,"messages":[{"role":"user","content":"x"}]}""", 404, "model: nope")]
    [InlineData("""{"model":"atlas","max_tokens":64001,"messages":[{"role":"user","content":"x"}]}""", 400, "max_tokens")]
    [InlineData("""{"model":"atlas","messages":[{"role":"user","content":"x"}]}""", 400, "max_tokens")]
    [InlineData("""{"model":"atlas","max_tokens":"5","messages":[]}""", 400, "max_tokens")]
    [InlineData("""{"model":"atlas","max_tokens":5,""", 400, "JSON")]
    [InlineData("", 400, "")]
    public async Task A_bad_request_gets_a_precise_error_in_the_dialects_envelope(string body, int status, string words)
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_us.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(GatewayHarness.Messages(body));

        string text = await response.Content.ReadAsStringAsync();
        Assert.Equal(status, (int)response.StatusCode);
        Assert.StartsWith("""{"type":"error","error":{"type":""", text);
        Assert.Contains(words, text);
        Assert.Equal("false", response.Headers.GetValues("x-should-retry").Single());
        Assert.Empty(_us.Requests);
    }

    [Fact]
    public async Task A_tenant_held_to_the_eu_is_served_there_or_not_at_all()
    {
        await using GatewayHarness both = await GatewayHarness.StartAsync([_us.Address, _eu.Address]);
        using HttpResponseMessage served = await both.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false), GatewayHarness.OtherSecret));
        Assert.Equal("d1", served.Headers.GetValues("x-forebay-deployment").Single());

        await using GatewayHarness usOnly = await GatewayHarness.StartAsync([_us.Address]);
        using HttpResponseMessage refused = await usOnly.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false), GatewayHarness.OtherSecret));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("residency", refused.Headers.GetValues("x-forebay-reason").Single());
        Assert.Empty(_us.Requests);
    }

    [Fact]
    public async Task Limits_refuse_with_the_limit_named_and_an_honest_time_and_the_headers_of_the_dialect()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_us.Address, _eu.Address]);
        for (int i = 0; i < 2; i++)
        {
            using HttpResponseMessage fine = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(false), GatewayHarness.OtherSecret));
            Assert.Equal(HttpStatusCode.OK, fine.StatusCode);
            Assert.Equal((1 - i).ToString(), fine.Headers.GetValues("anthropic-ratelimit-requests-remaining").Single());
        }

        using HttpResponseMessage refused = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false), GatewayHarness.OtherSecret));

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("limit_requests", refused.Headers.GetValues("x-forebay-reason").Single());
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 30);
        Assert.Contains("2 requests per minute", await refused.Content.ReadAsStringAsync());
        Assert.Equal(2, gateway.Journal.Settled.Count);
    }

    [Fact]
    public async Task An_unwritable_journal_stops_admission()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_us.Address]);
        gateway.Journal.Writable = false;

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("journal_unavailable", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Empty(_us.Requests);
    }

    [Theory]
    [InlineData("GET", "/v1/messages", 405)]
    [InlineData("POST", "/v1/models", 405)]
    [InlineData("GET", "/v1/nothing", 404)]
    [InlineData("HEAD", "/", 200)]
    [InlineData("HEAD", "/api/hello", 200)]
    [InlineData("HEAD", "/v1/models", 401)]
    public async Task Paths_and_methods_that_are_not_served_are_told_apart(string method, string path, int status)
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_us.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task The_model_list_serves_both_dialects_and_shows_only_what_the_key_may_use()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_us.Address]);
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models?limit=1000");
        request.Headers.Add("x-api-key", GatewayHarness.Secret);

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        string body = await response.Content.ReadAsStringAsync();
        Assert.Contains("\"object\":\"list\"", body);
        Assert.Contains("\"has_more\":false", body);
        Assert.Contains($"\"id\":\"{GatewayHarness.Model}\"", body);
    }

    public async ValueTask DisposeAsync()
    {
        await _us.DisposeAsync();
        await _eu.DisposeAsync();
    }

    private static async Task RefusedAsync(
        GatewayHarness gateway, string path, string? header, string? value, string words, string envelope)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent("this is never read", Encoding.UTF8, "application/json"),
        };
        if (header is not null)
        {
            request.Headers.TryAddWithoutValidation(header, value);
        }

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Contains(words, body);
        Assert.Contains(envelope, body);
        Assert.Equal(ReasonTable.LabelOf(Reason.Unauthenticated), response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Equal("false", response.Headers.GetValues("x-should-retry").Single());
    }
}
