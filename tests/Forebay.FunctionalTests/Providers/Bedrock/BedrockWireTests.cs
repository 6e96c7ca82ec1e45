using System.Net;
using System.Text.Json;
using Anthropic.Bedrock;
using Anthropic.Models.Messages;
using Forebay.Core.Errors;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Providers;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Bedrock;

/// <summary>What goes to Bedrock, beside what the vendor's own client sends there.</summary>
public sealed class BedrockWireTests
{
    private const string Profile = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/" + BedrockHarness.Claude;

    /// <summary>The vendor's client and ours say the same: method, path, query, body and the headers that mean
    /// something. Both signatures hold before the same check.</summary>
    [Theory]
    [InlineData(BedrockHarness.Claude, false)]
    [InlineData(BedrockHarness.Claude, true)]
    [InlineData(Profile, false)]
    [InlineData(Profile, true)]
    public async Task What_the_vendors_client_sends_is_what_is_sent(string model, bool stream)
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(change: d => d with
        {
            UpstreamModel = model,
            Aws = d.Aws! with { AnthropicVersions = ["2026-10-21"] },
        });
        await AskAsVendorAsync(bedrock, model, stream);
        using HttpRequestMessage ask = GatewayHarness.Messages(
            GatewayHarness.MessagesBody(stream, ",\"system\":\"Be brief.\""));
        ask.Headers.Remove("anthropic-version");
        ask.Headers.Add("anthropic-version", "2026-10-21");
        using HttpResponseMessage response = await bedrock.Gateway.Client.SendAsync(ask);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(bedrock.Provider.Complaints);
        (ProviderCall vendor, ProviderCall ours) = (bedrock.Provider.Calls[0], bedrock.Provider.Calls[1]);
        Assert.Equal(vendor.Request.Path, ours.Request.Path);
        Assert.Equal((vendor.Model, vendor.Stream, vendor.Request.Query), (ours.Model, ours.Stream, ours.Request.Query));
        Assert.Equal(Members(vendor), Members(ours));
        foreach (string header in (string[])["content-type", "x-amzn-bedrock-accept"])
        {
            Assert.Equal(vendor.Header(header), ours.Header(header));
        }

        Assert.Equal(64, ours.Header("x-amz-content-sha256")!.Length);
        Assert.Null(ours.Header("anthropic-version"));
    }

    [Fact]
    public async Task Betas_that_Bedrock_does_not_know_are_named_and_the_rest_are_sent_in_the_body()
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync();
        using HttpRequestMessage ask = GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false));
        ask.Headers.Add("anthropic-beta", "claude-code-20250219,context-1m-2025-08-07,advanced-tool-use-2025-11-20");

        using HttpResponseMessage response = await bedrock.Gateway.Client.SendAsync(ask);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        ProviderCall call = Assert.Single(bedrock.Provider.Calls);
        Assert.Equal("[\"context-1m-2025-08-07\",\"tool-search-tool-2025-10-19\"]", call.Raw("anthropic_beta"));
        Assert.Null(call.Header("anthropic-beta"));
        Assert.Equal("claude-code-20250219", response.Headers.GetValues("x-forebay-dropped").Single());
    }

    [Fact]
    public async Task What_Bedrock_cannot_do_is_refused_by_name_before_it_is_sent()
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync();

        using HttpResponseMessage response = await bedrock.AskAsync(
            extra: ",\"speed\":\"fast\",\"mcp_servers\":[{\"name\":\"x\"}]");

        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("untranslatable", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Contains("speed: ", body, StringComparison.Ordinal);
        Assert.Contains("mcp_servers: ", body, StringComparison.Ordinal);
        Assert.Empty(bedrock.Provider.Calls);
    }

    [Fact]
    public async Task Bedrocks_own_refusal_comes_back_in_the_clients_envelope()
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync();

        using HttpResponseMessage response = await bedrock.AskAsync(extra: ",\"unheard_of\":1");

        JsonElement body = JsonElement.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("error", body.GetProperty("type").GetString());
        Assert.Equal("unheard_of: Extra inputs are not permitted", body.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("invalid_request_error", body.GetProperty("error").GetProperty("type").GetString());
    }

    [Theory]
    [InlineData(BedrockHarness.Claude, 42, false)]
    [InlineData(Profile, 42, true)]
    public async Task Tokens_are_counted_by_the_model_behind_the_profile_or_estimated(string model, int count, bool estimated)
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(change: d => d with { UpstreamModel = model });
        using HttpRequestMessage ask = GatewayHarness.Messages(
            """{"model":"atlas","messages":[{"role":"user","content":"Hi"}]}""");
        ask.RequestUri = new Uri("/v1/messages/count_tokens", UriKind.Relative);

        using HttpResponseMessage response = await bedrock.Gateway.Client.SendAsync(ask);

        long counted = JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("input_tokens").GetInt64();
        Assert.Equal(estimated, response.Headers.Contains("x-forebay-estimate"));
        Assert.Equal(!estimated, counted == count);
        Assert.Equal(
            estimated ? [] : ["anthropic.claude-sonnet-4-5-20250929-v1:0"], bedrock.Provider.Calls.Select(c => c.Model));
    }

    [Theory]
    [InlineData("ThrottlingException", 429, Reason.UpstreamAccount)]
    [InlineData("ServiceQuotaExceededException", 400, Reason.UpstreamAccount)]
    [InlineData("AccessDeniedException", 403, Reason.UpstreamAccount)]
    [InlineData("ResourceNotFoundException", 404, Reason.UpstreamAccount)]
    [InlineData("ModelNotReadyException", 429, Reason.UpstreamOverloaded)]
    [InlineData("ServiceUnavailableException", 503, Reason.UpstreamOverloaded)]
    [InlineData("ModelTimeoutException", 408, Reason.UpstreamTimeout)]
    [InlineData("ModelErrorException", 424, Reason.UpstreamUnavailable)]
    [InlineData("InternalServerException", 500, Reason.UpstreamUnavailable)]
    public async Task An_error_means_what_its_name_says(string type, int status, Reason reason)
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync();
        bedrock.Provider.FailAlways(new ProviderFault.Status(status, type));

        using HttpResponseMessage response = await bedrock.AskAsync();

        Assert.Equal(reason, Assert.Single(bedrock.Gateway.Journal.Settled).Reason);
        Assert.DoesNotContain("told to fail", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_deployment_takes_what_one_refused_for_its_quota()
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(deployments: 2);
        bedrock.Provider.FailNext(new ProviderFault.Status(429, "ThrottlingException"));

        using HttpResponseMessage response = await bedrock.AskAsync(stream: true);

        Assert.Contains("message_stop", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("2", response.Headers.GetValues("x-forebay-attempts").Single());
    }

    private static async Task AskAsVendorAsync(BedrockHarness bedrock, string model, bool stream)
    {
        using var http = new HttpClient(new ToProvider(bedrock.Provider.Address) { InnerHandler = new SocketsHttpHandler() });
        var client = new AnthropicBedrockClient(new AnthropicBedrockPrivateKeyCredentials
        {
            Region = BedrockHarness.Region, ApiAccessKey = BedrockHarness.Key, ApiSecret = BedrockHarness.Secret,
        }).WithOptions(o => o with { HttpClient = http, MaxRetries = 0 });
        var ask = new MessageCreateParams
        {
            Model = model,
            MaxTokens = 64,
            System = "Be brief.",
            Messages = [new UserMessageParam { Content = "Hi" }],
        };
        if (!stream)
        {
            _ = await client.Messages.Create(ask);
            return;
        }

        await foreach (RawMessageStreamEvent _ in client.Messages.CreateStreaming(ask))
        {
        }
    }

    private static SortedDictionary<string, string> Members(ProviderCall call) => new(
        call.Body.EnumerateObject().ToDictionary(m => m.Name, m => m.Value.GetRawText()), StringComparer.Ordinal);

    /// <summary>Takes the vendor's client to the scripted provider; what it signed stays as it is.</summary>
    private sealed class ToProvider(Uri provider) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel)
        {
            Uri asked = request.RequestUri!;
            request.Headers.Host = asked.Host;
            request.RequestUri = new Uri(provider, asked.PathAndQuery);
            return base.SendAsync(request, cancel);
        }
    }
}
