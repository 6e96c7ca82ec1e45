using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Anthropic.Vertex;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Providers.Conformance;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Scenes;
using Google.Apis.Auth.OAuth2;
using Xunit;

namespace Forebay.FunctionalTests.Providers;

/// <summary>What the vendor's own Vertex client sends, the gateway sends for the vendor's ordinary client.</summary>
public sealed class VertexWireTests(VertexUnderTest under) : IClassFixture<VertexUnderTest>
{
    /// <summary>Whose values are the sender's own business.</summary>
    private static readonly string[] OfTheSender = ["Host", "User-Agent", "Authorization", "Content-Length", "Connection"];

    [Theory]
    [InlineData("")]
    [InlineData(""","system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"stop_sequences":["x"]""")]
    [InlineData(""","tools":[{"name":"t","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},"metadata":{"user_id":"u"}""")]
    public async Task A_request_whole_and_streamed_is_the_one_that_the_vendors_client_sends(string members)
    {
        under.Play(Scene.Text);
        MessageCreateParams Ask(string model) => MessageCreateParams.FromRawUnchecked(
            new Dictionary<string, JsonElement>
            {
                ["anthropic-beta"] = JsonSerializer.SerializeToElement("context-management-2025-06-27"),
            },
            new Dictionary<string, JsonElement>(),
            JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(
                $$"""{"model":"{{model}}","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]{{members}}}""")!);
        using HttpClient http = new(new Redirect(under.Provider.Address));
        AnthropicClient vertex = (AnthropicClient)new AnthropicVertexClient(
            new AnthropicVertexCredentials("us-east5", "forebay-test", Credential()))
            .WithOptions(o => o with { HttpClient = http, MaxRetries = 0 });
        using AnthropicClient ours = under.Anthropic();

        await vertex.Messages.Create(Ask(under.Model));
        await ours.Messages.Create(Ask(GatewayHarness.Model));
        await ProviderUnderTest.StreamAsync(vertex, Ask(under.Model));
        await ProviderUnderTest.StreamAsync(ours, Ask(GatewayHarness.Model));

        Assert.Empty(under.Provider.Complaints);
        ProviderCall[] calls = [.. under.Provider.Calls];
        Assert.Equal(4, calls.Length);
        AssertAlike(calls[0], calls[1]);
        AssertAlike(calls[2], calls[3]);
    }

    private static void AssertAlike(ProviderCall theirs, ProviderCall ours)
    {
        Assert.Equal(
            (theirs.Request.Method, theirs.Request.Path, theirs.Request.Query),
            (ours.Request.Method, ours.Request.Path, ours.Request.Query));
        Assert.True(
            JsonElement.DeepEquals(theirs.Body, ours.Body), $"{theirs.Body.GetRawText()}\n{ours.Body.GetRawText()}");
        Assert.Equal(HeadersOf(theirs), HeadersOf(ours));
    }

    private static string[] HeadersOf(ProviderCall call) =>
    [
        .. call.Request.Headers
            .Where(h => !OfTheSender.Contains(h.Key, StringComparer.OrdinalIgnoreCase)
                && !h.Key.StartsWith("x-stainless-", StringComparison.OrdinalIgnoreCase))
            .Select(h => $"{h.Key.ToLowerInvariant()}: {h.Value}").Order(StringComparer.Ordinal),
    ];

    private GoogleCredential Credential() => CredentialFactory
        .FromJson<ServiceAccountCredential>(under.Tokens.NewAccount("forebay-test").Json(under.Tokens.Address))
        .ToGoogleCredential()
        .CreateScoped("https://www.googleapis.com/auth/cloud-platform");

    /// <summary>Takes what goes to Google to the provider of the test.</summary>
    private sealed class Redirect(Uri to) : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal("us-east5-aiplatform.googleapis.com", request.RequestUri!.Host);
            request.RequestUri = new Uri(to, request.RequestUri.PathAndQuery);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
