using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Providers;
using Forebay.Gateway.Providers;
using Forebay.Gateway.Providers.Vertex;
using Forebay.Gateway.Upstreams;
using Forebay.Protocols;
using Forebay.TestKit.Fleets;
using Forebay.TestKit.Time;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.UnitTests.Gateway.Providers;

public sealed class VertexAdapterTests
{
    private const string Models = "v1/projects/my-project/locations/";

    [Theory]
    [InlineData("us-east5", "https://us-east5-aiplatform.googleapis.com/")]
    [InlineData("global", "https://aiplatform.googleapis.com/")]
    [InlineData("eu", "https://aiplatform.eu.rep.googleapis.com/")]
    public void Each_location_is_called_at_its_own_address(string location, string address)
    {
        using VertexAdapter adapter = AdapterAt(new GoogleConfig { Project = "my-project", Location = location });
        string models = $"{address}{Models}{location}/publishers/anthropic/models/";

        Assert.Equal($"{models}claude-x@20250929:rawPredict", adapter.UriOf(Request(stream: false)).AbsoluteUri);
        Assert.Equal($"{models}claude-x@20250929:streamRawPredict", adapter.UriOf(Request(stream: true)).AbsoluteUri);
        Assert.Equal(
            $"{models}count-tokens:rawPredict", adapter.UriOf(Request(call: ProviderCall.CountTokens)).AbsoluteUri);
    }

    [Theory]
    [InlineData("2026-10-21", false, "2026-10-21")]
    [InlineData("2023-06-01", false, "vertex-2023-10-16")]
    [InlineData("2026-10-21", true, "vertex-2023-10-16")]
    [InlineData(null, true, "vertex-2023-10-16")]
    [InlineData("2031-01-01", false, "vertex-2023-10-16")]
    public async Task The_version_stands_in_the_body_and_not_in_a_header(string? asked, bool translated, string sent)
    {
        using VertexAdapter adapter = AdapterAt(new GoogleConfig { Project = "my-project", Location = "global" });

        using HttpRequestMessage whole = adapter.Build(Request(version: asked, translated: translated));
        using HttpRequestMessage count = adapter.Build(
            Request(version: asked, translated: translated, call: ProviderCall.CountTokens));

        Assert.False(whole.Headers.Contains("anthropic-version"));
        Assert.Equal(
            $$"""{"anthropic_version":"{{sent}}","max_tokens":9,"stream":false,"messages":[{"role":"user","content":"Hi"}]}""",
            await whole.Content!.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(
            $$"""{"model":"claude-x@20250929","anthropic_version":"{{sent}}","max_tokens":9,"stream":false,"messages":[{"role":"user","content":"Hi"}]}""",
            await count.Content!.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(VertexCapacity.Any, null)]
    [InlineData(VertexCapacity.Dedicated, "dedicated")]
    [InlineData(VertexCapacity.Shared, "shared")]
    public void Which_capacity_is_taken_is_the_operators_to_say(VertexCapacity capacity, string? sent)
    {
        using VertexAdapter adapter = AdapterAt(
            new GoogleConfig { Project = "my-project", Location = "global", Capacity = capacity });
        ProviderRequest request = Request();
        request.Headers["X-Vertex-AI-LLM-Request-Type"] = "the-clients";

        using HttpRequestMessage message = adapter.Build(request);

        Assert.Equal(
            sent, message.Headers.TryGetValues("X-Vertex-AI-LLM-Request-Type", out IEnumerable<string>? v) ? v.Single() : null);
    }

    private static VertexAdapter AdapterAt(GoogleConfig google)
    {
        FleetModel fleet = FleetModel.Build(
            SmallFleet.Config with
            {
                Deployments =
                [
                    SmallFleet.Config.Deployments[1] with
                    {
                        Endpoint = null,
                        Api = ProviderApi.Vertex,
                        Dialects = [Dialect.Anthropic],
                        Google = google,
                        UpstreamModel = "claude-x@20250929",
                    },
                ],
            },
            new Dictionary<string, Uri>());
        return new VertexAdapter(UpstreamIdentity.Of(fleet.Deployments[0]), "google:file/nowhere", new ManualTime());
    }

    private static ProviderRequest Request(
        bool stream = false,
        string? version = null,
        bool translated = false,
        ProviderCall call = ProviderCall.Generate)
    {
        byte[] body = System.Text.Encoding.UTF8.GetBytes(
            $$"""{"model":"deep","max_tokens":9,"stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"Hi"}]}""");
        Assert.True(RequestReader.TryRead(WireDialect.Anthropic, body, false, out RequestFacts facts, out _));
        var headers = new HeaderDictionary();
        if (version is not null)
        {
            headers["anthropic-version"] = version;
        }

        return new ProviderRequest
        {
            Call = call,
            Dialect = Dialect.Anthropic,
            Translated = translated,
            Headers = headers,
            Body = body,
            Facts = facts,
        };
    }
}
