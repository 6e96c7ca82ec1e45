using System.ClientModel;
using System.Net;
using System.Text.Json.Nodes;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Clients;
using Forebay.TestKit.Upstreams;
using OpenAI.Embeddings;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

public sealed class EmbeddingTests
{
    private const string Base64 = "AACAPwAAAAAAAIC/";

    private const string Answer =
        $$$"""{"object":"list","data":[{"object":"embedding","index":0,"embedding":"{{{Base64}}}"}],"model":"upstream-model","usage":{"prompt_tokens":7,"total_tokens":7}}""";

    private static FleetConfig Embeds(FleetConfig config) => config with
    {
        Models = [config.Models[0] with { Embeddings = true, ContextTokens = 100, MaxOutputTokens = 1 }],
    };

    private static Task<ScriptedUpstream> UpstreamAsync(string answer = Answer, int status = 200) =>
        ScriptedUpstream.StartAsync((http, _) => ScriptedUpstream.JsonAsync(http, status, answer));

    private static EmbeddingClient ClientOf(GatewayHarness gateway) => new(
        GatewayHarness.Model, new ApiKeyCredential(GatewayHarness.Secret), ClientFixture.OpenAiOptions(gateway));

    private static HttpRequestMessage Raw(string members, string secret = GatewayHarness.Secret) =>
        ResponsesClientTests.Raw($$"""{"model":"{{GatewayHarness.Model}}",{{members}}}""", secret, "/v1/embeddings");

    [Fact]
    public async Task The_vendors_client_gets_its_vectors_and_the_prompt_is_metered()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Embeds);

        OpenAIEmbedding one = await ClientOf(gateway).GenerateEmbeddingAsync(
            "A basin ahead of turbines", new EmbeddingGenerationOptions { Dimensions = 3 });

        Assert.Equal([1f, 0f, -1f], one.ToFloats().ToArray());
        ReceivedRequest received = Assert.Single(upstream.Requests);
        JsonNode sent = JsonNode.Parse(received.Text)!;
        Assert.Equal(("/v1/embeddings", "upstream-model", "base64", 3), (
            received.Path,
            sent["model"]!.GetValue<string>(),
            sent["encoding_format"]!.GetValue<string>(),
            sent["dimensions"]!.GetValue<int>()));
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((new TokenUsage(7, 0, 0, 0), false, UsageOutcome.Completed), (
            usage.Tokens, usage.Estimated, usage.Outcome));
        Assert.Equal(21, usage.CustomerPriceMicros);
    }

    [Fact]
    public async Task The_model_is_called_as_the_client_called_it()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Embeds);

        using HttpResponseMessage response = await gateway.Client.SendAsync(Raw("\"input\":[[1,2],[3]]"));

        JsonNode body = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.Equal(GatewayHarness.Model, body["model"]!.GetValue<string>());
        Assert.Equal(Base64, body["data"]![0]!["embedding"]!.GetValue<string>());
    }

    [Fact]
    public async Task Each_text_must_fit_the_context_all_together_need_not()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync(
            Answer.Replace("\"prompt_tokens\":7", "\"prompt_tokens\":900", StringComparison.Ordinal));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Embeds);
        string text = new('x', 360);

        using HttpResponseMessage many = await gateway.Client.SendAsync(
            Raw($"\"input\":[{string.Join(",", Enumerable.Repeat($"\"{text}\"", 10))}]"));
        using HttpResponseMessage large = await gateway.Client.SendAsync(
            Raw($"\"input\":\"{string.Concat(Enumerable.Repeat(text, 10))}\""));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.BadRequest), (many.StatusCode, large.StatusCode));
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((900, false), (usage.Tokens.Input, usage.Estimated));
    }

    [Theory]
    [InlineData("\"input\":\"\"", "input: a text to embed must not be empty")]
    [InlineData("\"input\":[]", "input: must hold 1 to 2048 texts (found 0)")]
    [InlineData("\"input\":[\"a\",1]", "input: must be an array of texts alone, or of tokens alone (found a number)")]
    [InlineData("\"input\":[[1],[]]", "input: a list of tokens is empty")]
    [InlineData("\"input\":{}", "input: must be a text, or an array of texts or of tokens (found an object)")]
    [InlineData("\"input\":\"a\",\"encoding_format\":\"hex\"", "encoding_format: must be float or base64")]
    [InlineData("\"input\":\"a\",\"dimensions\":-42", "dimensions: must be a whole number of at least 1")]
    [InlineData("\"x\":1", "input: is required; send a text, or an array of texts or of tokens.")]
    public async Task What_no_upstream_takes_is_refused(string members, string message)
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Embeds);

        using HttpResponseMessage response = await gateway.Client.SendAsync(Raw(members));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(
            message,
            JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!["message"]!.GetValue<string>());
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task A_batch_of_more_texts_than_may_be_is_refused()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Embeds);

        using HttpResponseMessage most = await gateway.Client.SendAsync(
            Raw($"\"input\":[{string.Join(",", Enumerable.Repeat("\"a\"", 2048))}]"));
        using HttpResponseMessage more = await gateway.Client.SendAsync(
            Raw($"\"input\":[{string.Join(",", Enumerable.Repeat("\"a\"", 2049))}]"));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.BadRequest), (most.StatusCode, more.StatusCode));
    }

    [Fact]
    public async Task A_model_that_embeds_answers_nothing_and_one_that_answers_embeds_nothing()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness embeds = await GatewayHarness.StartAsync([upstream.Address], Embeds);
        await using GatewayHarness answers = await GatewayHarness.StartAsync([upstream.Address]);

        using HttpResponseMessage chat = await embeds.Client.SendAsync(
            GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false)));
        using HttpResponseMessage embedding = await answers.Client.SendAsync(Raw("\"input\":\"a\""));

        foreach (HttpResponseMessage refused in (HttpResponseMessage[])[chat, embedding])
        {
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Equal("capability", refused.Headers.GetValues("x-forebay-reason").Single());
        }

        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task Input_counts_towards_the_tenants_limit()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync(
            Answer.Replace("\"prompt_tokens\":7", "\"prompt_tokens\":90", StringComparison.Ordinal));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address],
            config => Embeds(config) with
            {
                Tiers = [new TierConfig { Id = "scale", InputTokensPerMinute = 100 }, config.Tiers[1]],
            });

        using HttpResponseMessage first = await gateway.Client.SendAsync(Raw("\"input\":\"a\""));
        using HttpResponseMessage second = await gateway.Client.SendAsync(Raw($"\"input\":\"{new string('x', 100)}\""));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (first.StatusCode, second.StatusCode));
    }

    [Theory]
    [InlineData("{\"object\":\"list\"}", 200, HttpStatusCode.BadGateway)]
    [InlineData(
        """{"error":{"message":"too many dimensions","type":"invalid_request_error","param":null,"code":null}}""",
        400,
        HttpStatusCode.BadRequest)]
    public async Task Answers_that_are_none_and_refusals_are_told_apart(string answer, int status, HttpStatusCode expected)
    {
        await using ScriptedUpstream upstream = await UpstreamAsync(answer, status);
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], Embeds);

        using HttpResponseMessage response = await gateway.Client.SendAsync(Raw("\"input\":\"a\""));

        Assert.Equal(expected, response.StatusCode);
        Assert.Equal(status == 400, (await response.Content.ReadAsStringAsync()) == answer);
    }

    [Fact]
    public async Task Deployments_of_another_dialect_are_not_asked()
    {
        await using ScriptedUpstream upstream = await UpstreamAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address],
            config => Embeds(config) with
            {
                Deployments = [config.Deployments[0] with { Dialects = [Dialect.Anthropic] }],
            });

        using HttpResponseMessage response = await gateway.Client.SendAsync(Raw("\"input\":\"a\""));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Empty(upstream.Requests);
    }
}
