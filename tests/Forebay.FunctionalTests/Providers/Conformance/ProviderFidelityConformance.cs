using System.Net;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Scenes;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>What every adapter leaves alone: bodies and headers in, bodies, events and errors out, in the provider's own
/// dialect, byte for byte but for what the provider's shape is.</summary>
public abstract class ProviderFidelityConformance<T>(T under) : IClassFixture<T>
    where T : ProviderUnderTest
{
    /// <summary>Every member a client may send today, numbers and escapes written as no serializer would.</summary>
    private const string AnthropicMembers =
        """
        ,"system":[{"type":"text","text":"Be \u0062rief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "temperature":0.70,"top_p":9e-1,"metadata":{"user_id":"u-1"},"thinking":{"type":"disabled"},
        "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
        "tools":[{"type":"custom","name":"weather","input_schema":{"type":"object"},"defer_loading":true}],
        "tool_choice":{"type":"auto","disable_parallel_tool_use":true},"stop_sequences":["\u00e9"],
        "aura":{"hue":1.0,"of":[null,1E400]}
        """;

    private const string OpenAiMembers =
        """
        ,"temperature":0.70,"seed":7,"top_k":40,"min_p":0.050,"repetition_penalty":1.10,
        "guided_json":{"type":"object"},"chat_template_kwargs":{"thinking":false},"priority":1,"cache_salt":"s\u0041",
        "stop":["\u00e9"],"aura":{"hue":1.0,"of":[null,1E400]}
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_goes_on_as_it_is_but_for_what_the_provider_names_otherwise(bool stream)
    {
        under.Play(Scene.Text);
        string body = under.IsAnthropic
            ? GatewayHarness.MessagesBody(stream, AnthropicMembers)
            : GatewayHarness.ChatBody(stream, OpenAiMembers);

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(
            under.IsAnthropic ? GatewayHarness.Messages(body) : GatewayHarness.Chat(body));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Dictionary<string, string> sent = ProviderUnderTest.MembersOf(under.OnlyCall().Body);
        foreach ((string name, string json) in ProviderUnderTest.MembersOf(JsonElement.Parse(body)))
        {
            if (under.Removed.Contains(name))
            {
                Assert.DoesNotContain(name, sent.Keys);
            }
            else if (name == "model")
            {
                Assert.Equal($"\"{under.Model}\"", sent[name]);
            }
            else if (name == "stream")
            {
                Assert.Equal(json, sent.GetValueOrDefault(name, "false"));
            }
            else
            {
                Assert.Equal(json, sent[name]);
            }

            sent.Remove(name);
        }

        // Usage is asked for in a stream, where the client did not.
        Assert.Equal(
            under.Added.Order().Concat(stream && !under.IsAnthropic ? ["stream_options"] : []), sent.Keys.Order());
    }

    [Fact]
    public async Task Betas_go_on_where_there_are_such_and_are_named_where_not()
    {
        under.Play(Scene.Text);
        using HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false));
        request.Headers.Add("anthropic-beta", "context-management-2025-06-27,aura-2027-01-01");

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        if (under.IsAnthropic)
        {
            Assert.Equal("context-management-2025-06-27,aura-2027-01-01", BetasOf(under.OnlyCall()));
        }
        else
        {
            Assert.Null(under.OnlyCall().Header("anthropic-beta"));
            Assert.Equal(
                "context-management-2025-06-27, aura-2027-01-01", response.Headers.GetValues("x-forebay-dropped").Single());
        }
    }

    [Theory]
    [InlineData("2023-06-01", true)]
    [InlineData("2026-10-21", false)]
    public async Task Either_api_version_is_served_as_that_version(string version, bool samples)
    {
        under.Play(Scene.Text);
        using HttpRequestMessage request = GatewayHarness.Messages(
            GatewayHarness.MessagesBody(stream: false, samples ? ",\"temperature\":0.5" : ""));
        request.Headers.Remove("anthropic-version");
        request.Headers.Add("anthropic-version", version);

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(samples, under.OnlyCall().Has("temperature"));
    }

    [Fact]
    public async Task A_system_turn_in_the_middle_and_cache_marks_go_on()
    {
        under.Play(Scene.Text);
        string body =
            """
            {"model":"atlas","max_tokens":64,"messages":[{"role":"user","content":"One"},
              {"role":"assistant","content":"Two"},{"role":"user","content":"Three"},
              {"role":"system","content":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}]}]}
            """;

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(GatewayHarness.Messages(body));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonElement turns = under.OnlyCall().Body.GetProperty("messages");
        Assert.Equal("system", turns[3].GetProperty("role").GetString());
        if (under.IsAnthropic)
        {
            Assert.Equal(
                """{"type":"ephemeral"}""", turns[3].GetProperty("content")[0].GetProperty("cache_control").GetRawText());
        }
        else
        {
            Assert.Equal("cache_control", response.Headers.GetValues("x-forebay-dropped").Single());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_no_specification_names_comes_back_byte_for_byte(bool stream)
    {
        under.Play(Scene.Unknown);

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(under.IsAnthropic
            ? GatewayHarness.Messages(GatewayHarness.MessagesBody(stream))
            : GatewayHarness.Chat(GatewayHarness.ChatBody(stream, stream ? ",\"stream_options\":{\"include_usage\":true}" : "")));

        string body = await response.Content.ReadAsStringAsync();
        ProviderCall call = under.OnlyCall();
        string expected = stream
            ? string.Concat(under.Provider.Shape.Events(Scene.Unknown, call))
            : under.Provider.Shape.Answer(Scene.Unknown, call);
        // Azure's first chunk is about no model; it too is called as the client called it.
        Assert.Equal(
            expected.Replace(under.Model, GatewayHarness.Model, StringComparison.Ordinal)
                .Replace("\"model\":\"\"", $"\"model\":\"{GatewayHarness.Model}\"", StringComparison.Ordinal),
            body);
    }

    /// <summary>Engines name classes of theirs as types, in either envelope; clients know the dialect's own.</summary>
    [Theory]
    [InlineData("invalid_request_error")]
    [InlineData("BadRequestError")]
    public async Task The_providers_own_refusal_goes_back_in_its_words(string type)
    {
        under.Play(Scene.Text);
        under.Provider.FailNext(new ProviderFault.Status(400, type));

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(under.IsAnthropic
            ? GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false))
            : GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false)));

        JsonElement body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        JsonElement error = body.GetProperty("error");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        if (under.IsAnthropic)
        {
            Assert.Equal("error", body.GetProperty("type").GetString());
            Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
            Assert.NotEmpty(body.GetProperty("request_id").GetString()!);
        }

        Assert.Equal("The provider was told to fail.", error.GetProperty("message").GetString());
        Assert.Equal((Reason.UpstreamRefused, 400), (under.Recorded.Reason, under.Recorded.Status));
        Assert.Single(under.Provider.Calls);
    }

    [Fact]
    public async Task The_other_dialects_client_gets_the_providers_refusal_in_its_envelope()
    {
        under.Play(Scene.Text);
        under.Provider.FailNext(new ProviderFault.Status(400, "invalid_request_error"));

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(under.IsAnthropic
            ? GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false))
            : GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false)));

        JsonElement body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("The provider was told to fail.", body.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("invalid_request_error", body.GetProperty("error").GetProperty("type").GetString());
        Assert.Equal(!under.IsAnthropic, body.TryGetProperty("request_id", out _));
    }

    [Fact]
    public async Task Nothing_of_the_pools_account_comes_back_and_nothing_of_the_clients_goes_on()
    {
        under.Play(Scene.Text);
        using HttpRequestMessage request = under.IsAnthropic
            ? GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false))
            : GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false));
        request.Headers.Add("api-key", GatewayHarness.Secret);
        request.Headers.Add("x-goog-api-key", GatewayHarness.Secret);
        request.Headers.Add("x-goog-user-project", "the-clients-project");
        request.Headers.Add("anthropic-workspace-id", "the-clients-workspace");
        request.Headers.Add("openai-organization", "the-clients-organization");

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.DoesNotContain(under.OnlyCall().Request.Headers, h =>
            h.Value.Contains(GatewayHarness.Secret, StringComparison.Ordinal)
            || h.Value.Contains("the-clients", StringComparison.Ordinal));
        Assert.DoesNotContain(response.Headers, h => h.Value.Any(
            v => v.Contains("of-the-pool", StringComparison.Ordinal) || v.Contains("req_vendor", StringComparison.Ordinal)));
        Assert.DoesNotContain(response.Headers, h => h.Value.Any(v => v is "9999" or "149000" or "3999"));
    }

    /// <summary>The betas of a call, wherever this provider takes them.</summary>
    private static string? BetasOf(ProviderCall call) => call.Header("anthropic-beta")
        ?? (call.Body.TryGetProperty("anthropic_beta", out JsonElement betas)
            ? string.Join(',', betas.EnumerateArray().Select(b => b.GetString()))
            : null);
}
