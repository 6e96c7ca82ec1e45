using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Xunit;

namespace Forebay.FunctionalTests.Continuation;

/// <summary>Answers that break off after their client was sent some, over real sockets and emulated engines.</summary>
public sealed class ContinuationTests
{
    private static string Body(Dialect dialect, string prompt, string extra = "") =>
        $$"""{"model":"{{GatewayHarness.Model}}","max_tokens":400,"stream":true{{extra}}{{(dialect == Dialect.OpenAi
            ? ",\"stream_options\":{\"include_usage\":true}" : "")}},"messages":[{"role":"user","content":{{JsonSerializer.Serialize(prompt)}}}]}""";

    private static HttpRequestMessage Request(Dialect dialect, string body) =>
        dialect == Dialect.Anthropic ? GatewayHarness.Messages(body) : GatewayHarness.Chat(body);

    private static ContinuationManner MannerOf(Dialect dialect) => dialect == Dialect.Anthropic
        ? ContinuationManner.AssistantPrefill
        : ContinuationManner.ContinueFinalMessage;

    [Theory]
    [InlineData(Dialect.Anthropic)]
    [InlineData(Dialect.OpenAi)]
    public async Task A_cut_answer_is_gone_on_with_and_nothing_is_repeated_or_lost(Dialect dialect)
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(MannerOf(dialect), ["cut=14"]);
        using HttpRequestMessage request = Request(dialect, Body(dialect, "Tell me of rivers."));
        StreamedText expected = await fixture.UninterruptedAsync(request, 40);

        using HttpResponseMessage response = await fixture.SendAsync(request, 40, trailers: true);
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Assert.Equal(expected.Text, got.Text);
        Assert.Equal(expected.Kinds, got.Kinds);
        Assert.Single(got.Ids);
        Assert.Equal(GatewayHarness.Model, Assert.Single(got.Models));
        Assert.Equal(expected.Stop, got.Stop);
        Assert.Equal(expected.Usage!.Value.GetRawText(), got.Usage!.Value.GetRawText());
        Assert.Equal("1", response.TrailingHeaders.GetValues("x-forebay-continued").Single());
        UsageRecord record = Assert.Single(fixture.Gateway.Journal.Settled);
        Assert.Equal(UsageOutcome.Completed, record.Outcome);
        Assert.Equal(2, record.Attempts);
        Assert.Equal("d1", record.Deployment);
        Assert.Equal(40, record.Tokens.Output);
        Assert.Equal(1, fixture.Gateway.State.Of(fixture.Gateway.State.Model.Deployments[0]).Failed);
    }
}
