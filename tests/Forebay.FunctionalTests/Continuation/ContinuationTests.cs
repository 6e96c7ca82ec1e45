using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Tls;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Continuation;

/// <summary>Answers that break off after their client was sent some, over real sockets and emulated engines.</summary>
public sealed class ContinuationTests
{
    public static TheoryData<Dialect, string> Cuts => new()
    {
        { Dialect.Anthropic, "cut=14" },
        { Dialect.OpenAi, "cut=14" },
        { Dialect.Anthropic, "half-event=9" },
        { Dialect.OpenAi, "garbage=9" },
        // Before the first token: only the head reached the client.
        { Dialect.Anthropic, "cut=1" },
        { Dialect.Anthropic, "cut=2" },
        { Dialect.OpenAi, "cut=1" },
        // After the last token, before, within and after what says that it was the last.
        { Dialect.Anthropic, "cut=43" },
        { Dialect.Anthropic, "cut=44" },
        { Dialect.Anthropic, "cut=45" },
        { Dialect.OpenAi, "cut=41" },
    };

    private static string Body(Dialect dialect, string prompt, string extra = "") =>
        $$"""{"model":"{{GatewayHarness.Model}}","max_tokens":400,"stream":true{{extra}}{{(dialect == Dialect.OpenAi
            ? ",\"stream_options\":{\"include_usage\":true}" : "")}},"messages":[{"role":"user","content":{{JsonSerializer.Serialize(prompt)}}}]}""";

    private static HttpRequestMessage Request(Dialect dialect, string body) =>
        dialect == Dialect.Anthropic ? GatewayHarness.Messages(body) : GatewayHarness.Chat(body);

    private static ContinuationManner MannerOf(Dialect dialect) => dialect == Dialect.Anthropic
        ? ContinuationManner.AssistantPrefill
        : ContinuationManner.ContinueFinalMessage;

    private static void Same(StreamedText expected, StreamedText got)
    {
        Assert.Equal(expected.Text, got.Text);
        Assert.Equal(expected.Kinds, got.Kinds);
        Assert.Single(got.Ids);
        Assert.Equal(GatewayHarness.Model, Assert.Single(got.Models));
        Assert.Equal(expected.Stop, got.Stop);
        Assert.Equal(expected.Usage!.Value.GetRawText(), got.Usage!.Value.GetRawText());
    }

    [Theory]
    [MemberData(nameof(Cuts))]
    public async Task A_cut_answer_is_gone_on_with_and_nothing_is_repeated_or_lost(Dialect dialect, string fault)
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(MannerOf(dialect), [fault]);
        using HttpRequestMessage request = Request(dialect, Body(dialect, "Tell me of rivers."));
        StreamedText expected = await fixture.UninterruptedAsync(request, 40);

        using HttpResponseMessage response = await fixture.SendAsync(request, 40);
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Same(expected, got);
        UsageRecord record = Assert.Single(fixture.Gateway.Journal.Settled);
        Assert.Equal(UsageOutcome.Completed, record.Outcome);
        Assert.Equal(40, record.Tokens.Output);
        Assert.Equal(expected.Tokens(dialect == Dialect.Anthropic ? "input_tokens" : "prompt_tokens"), record.Tokens.Prompt);
        Assert.Equal(1, fixture.Gateway.State.Of(fixture.Gateway.State.Model.Deployments[0]).Failed);
    }

    [Theory]
    [InlineData(Dialect.Anthropic)]
    [InlineData(Dialect.OpenAi)]
    public async Task An_answer_cut_twice_is_one_answer_and_costs_what_each_part_cost(Dialect dialect)
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            MannerOf(dialect), ["cut=12", "cut=12"]);
        using HttpRequestMessage request = Request(dialect, Body(dialect, "Tell me of lakes."));
        StreamedText expected = await fixture.UninterruptedAsync(request, 50);

        using HttpResponseMessage response = await fixture.SendAsync(request, 50);
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Same(expected, got);
        UsageRecord record = Assert.Single(fixture.Gateway.Journal.Settled);
        Assert.Equal(3, record.Attempts);
        Assert.Equal("d2", record.Deployment);
        Assert.Equal(50, record.Tokens.Output);
        // A prompt for each part, and what was made of it, for 1 and for 5, 6 and 7 micro-dollars a token: about 9 or 12
        // tokens by the first two, whose cut came after so many events, and again their text as a prompt of the others.
        long prompt = record.Tokens.Prompt;
        Assert.InRange(
            record.ProviderCostMicros, 2 * prompt + 9 * 5 + 9 * 6 + 26 * 7, 3 * prompt + 12 * (5 + 6) + 32 * 7 + 3 * 24);
        Assert.Equal(3 * record.Tokens.Input + 15 * 50, record.CustomerPriceMicros - 3 * record.Tokens.CacheRead / 10);
    }

    [Fact]
    public async Task How_often_is_told_in_a_trailer_where_the_protocol_has_them()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        (string pem, string key) = TestCertificate.Create("localhost", now.AddDays(-1), now.AddDays(1));
        using X509Certificate2 ephemeral = X509Certificate2.CreateFromPem(pem, key);
        using X509Certificate2 certificate = X509CertificateLoader.LoadPkcs12(ephemeral.Export(X509ContentType.Pfx), null);
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            ContinuationManner.AssistantPrefill, ["cut=12"], certificate);
        using HttpRequestMessage request = Request(Dialect.Anthropic, Body(Dialect.Anthropic, "Tell me of seas."));
        request.Version = HttpVersion.Version20;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;

        using HttpResponseMessage response = await fixture.SendAsync(request, 30);
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Assert.False(got.HasError);
        Assert.Contains("x-forebay-continued", response.Headers.Trailer);
        Assert.Equal("1", response.TrailingHeaders.GetValues("x-forebay-continued").Single());
    }

    [Theory]
    [InlineData(Dialect.Anthropic)]
    [InlineData(Dialect.OpenAi)]
    public async Task The_limit_on_tokens_holds_over_both_parts(Dialect dialect)
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(MannerOf(dialect), ["cut=12"]);
        string body = Body(dialect, "Tell me of ponds.").Replace("\"max_tokens\":400", "\"max_tokens\":21");
        using HttpRequestMessage request = Request(dialect, body);
        StreamedText expected = await fixture.UninterruptedAsync(request, 50);

        using HttpResponseMessage response = await fixture.SendAsync(request, 50);

        Same(expected, await ContinuationFixture.ReadAsync(response));
        Assert.Equal(dialect == Dialect.Anthropic ? "max_tokens" : "length", expected.Stop);
    }

    [Theory]
    [InlineData(Dialect.Anthropic)]
    [InlineData(Dialect.OpenAi)]
    public async Task An_answer_with_no_token_left_ends_as_one_that_used_them_up(Dialect dialect)
    {
        // Twelve tokens sent, twelve allowed; the cut comes before the events that say so.
        string fault = dialect == Dialect.Anthropic ? "cut=15" : "cut=13";
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(MannerOf(dialect), [fault]);
        string prompt = await PromptWhoseAnswerEndsInInkAsync(fixture, dialect, 12);
        string body = Body(dialect, prompt).Replace("\"max_tokens\":400", "\"max_tokens\":12");
        using HttpRequestMessage request = Request(dialect, body);
        StreamedText expected = await fixture.UninterruptedAsync(request, 50);

        using HttpResponseMessage response = await fixture.SendAsync(request, 50);
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Assert.Equal(expected.Text, got.Text);
        Assert.Equal(expected.Kinds, got.Kinds);
        Assert.Equal(expected.Stop, got.Stop);
        Assert.Equal(12, got.Tokens(dialect == Dialect.Anthropic ? "output_tokens" : "completion_tokens"));
        UsageRecord record = Assert.Single(fixture.Gateway.Journal.Settled);
        Assert.Equal(1, record.Attempts);
        Assert.Equal(UsageOutcome.Completed, record.Outcome);
    }

    [Fact]
    public async Task What_the_client_began_itself_is_added_to()
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            ContinuationManner.AssistantPrefill, ["cut=12"]);
        using HttpRequestMessage request = GatewayHarness.Messages(
            $$"""
            {"model":"{{GatewayHarness.Model}}","max_tokens":400,"stream":true,"messages":[{"role":"user","content":"Hi"},
              {"role":"assistant","content":[{"type":"text","text":"Once upon"}]}]}
            """);
        StreamedText expected = await fixture.UninterruptedAsync(request, 30);

        using HttpResponseMessage response = await fixture.SendAsync(request, 30);

        Same(expected, await ContinuationFixture.ReadAsync(response));
    }

    [Fact]
    public async Task An_answer_begun_in_another_dialect_is_gone_on_with_in_the_clients()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream foreign = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            await ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(true).Take(2));
            await go.WaitAsync();
            http.Abort();
        });
        string[] rest = [.. Answers.AnthropicStream.Where(e => !e.Contains("\"Hello\"", StringComparison.Ordinal))];
        await using ScriptedUpstream native = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, rest));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([foreign.Address, native.Address], c => c with
        {
            Models = [c.Models[0] with { Continuation = ContinuationManner.AssistantPrefill }],
            Deployments =
            [
                c.Deployments[0] with { Dialects = [Dialect.OpenAi] },
                c.Deployments[1] with { Dialects = [Dialect.Anthropic], MaxConcurrency = 1 },
            ],
        });
        // The one that speaks the client's dialect has no place until the other one has begun.
        DeploymentState full = gateway.State.Of(gateway.State.Model.Deployments[1]);
        Assert.True(full.TryEnter(1));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        full.Leave();
        go.Release();
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Assert.Equal("Hello there", got.Text);
        Assert.Equal(
            ["message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
                "message_delta", "message_stop"],
            got.Kinds);
        Assert.EndsWith("{\"role\":\"assistant\",\"content\":\"Hello\"}]}", Assert.Single(native.Requests).Text);
    }

    [Fact]
    public async Task After_a_reload_too_only_one_that_speaks_the_clients_dialect_goes_on()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream cuts = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(4));
            await go.WaitAsync();
            http.Abort();
        });
        await using ScriptedUpstream foreign = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(true)));
        string[] rest = [.. Answers.AnthropicStream.Where(e => !e.Contains("\"Hello\"", StringComparison.Ordinal))];
        await using ScriptedUpstream native = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, rest));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [cuts.Address, foreign.Address, native.Address],
            c => c with
            {
                Models = [c.Models[0] with { Continuation = ContinuationManner.AssistantPrefill }],
                Deployments =
                [
                    c.Deployments[0],
                    c.Deployments[1] with { Dialects = [Dialect.OpenAi] },
                    c.Deployments[2] with { MaxConcurrency = 1 },
                ],
            });
        DeploymentState full = gateway.State.Of(gateway.State.Model.Deployments[2]);
        Assert.True(full.TryEnter(1));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        Assert.Empty(gateway.Reload(gateway.State.Model.Config with { Version = 1 }));
        go.Release();
        while (gateway.State.Waiting == 0 && foreign.Requests.Count == 0)
        {
            await Task.Yield();
        }

        full.Leave();
        gateway.State.WakeWaiters();

        Assert.Equal("Hello there", (await ContinuationFixture.ReadAsync(response)).Text);
        Assert.Empty(foreign.Requests);
    }

    public static TheoryData<Dialect, string> Refused => new()
    {
        { Dialect.Anthropic, ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}" },
        { Dialect.Anthropic, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}" },
        { Dialect.OpenAi, ",\"response_format\":{\"type\":\"json_object\"}" },
        { Dialect.OpenAi, ",\"reasoning_effort\":\"high\"" },
        { Dialect.OpenAi, ",\"logprobs\":true" },
        { Dialect.OpenAi, ",\"n\":2" },
        { Dialect.OpenAi, ",\"min_tokens\":5" },
        { Dialect.OpenAi, ",\"guided_regex\":\"a*\"" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task What_cannot_be_gone_on_with_exactly_ends_with_a_retriable_error(Dialect dialect, string extra)
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(MannerOf(dialect), ["cut=14"]);
        using HttpRequestMessage request = Request(dialect, Body(dialect, "Tell me of dams.", extra));

        using HttpResponseMessage response = await fixture.SendAsync(request, 40);
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Assert.True(got.HasError);
        UsageRecord record = Assert.Single(fixture.Gateway.Journal.Settled);
        Assert.Equal(UsageOutcome.Failed, record.Outcome);
        Assert.Equal(Reason.UpstreamCut, record.Reason);
        Assert.Equal(1, record.Attempts);
        Assert.Equal(0, record.CustomerPriceMicros);
    }

    [Theory]
    [InlineData("model")]
    [InlineData("tenant")]
    [InlineData("request")]
    [InlineData("version")]
    [InlineData("bound")]
    public async Task Model_tenant_request_and_version_each_can_forbid_it(string who)
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            who == "model" ? ContinuationManner.None : ContinuationManner.AssistantPrefill,
            ["cut=14"],
            c => who switch
            {
                "tenant" => c with { Tenants = [.. c.Tenants.Select(t => t with { Continuation = false })] },
                "version" => c with { Deployments = [c.Deployments[0] with { ModelVersion = "2" }, c.Deployments[1]] },
                "bound" => c with
                {
                    Server = c.Server with { Gateway = c.Server.Gateway with { ContinuationBytes = 16 } },
                },
                _ => c,
            });
        using HttpRequestMessage request = Request(Dialect.Anthropic, Body(Dialect.Anthropic, "Tell me of wells."));
        if (who == "request")
        {
            request.Headers.Add("x-forebay-continuation", "never");
        }

        using HttpResponseMessage response = await fixture.SendAsync(request, 40);

        Assert.True((await ContinuationFixture.ReadAsync(response)).HasError);
        Assert.Equal(1, Assert.Single(fixture.Gateway.Journal.Settled).Attempts);
    }

    [Fact]
    public async Task Another_version_is_passed_over()
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            ContinuationManner.AssistantPrefill,
            ["cut=14", ""],
            c => c with
            {
                Deployments = [.. c.Deployments.Select((d, i) => d with { ModelVersion = i == 1 ? "1" : "2" })],
            });
        using HttpRequestMessage request = Request(Dialect.Anthropic, Body(Dialect.Anthropic, "Tell me of fords."));
        StreamedText expected = await fixture.UninterruptedAsync(request, 40);

        using HttpResponseMessage response = await fixture.SendAsync(request, 40);

        Same(expected, await ContinuationFixture.ReadAsync(response));
        Assert.Equal("d2", Assert.Single(fixture.Gateway.Journal.Settled).Deployment);
    }

    [Fact]
    public async Task A_word_about_it_that_is_not_known_is_refused()
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            ContinuationManner.AssistantPrefill, [""]);
        using HttpRequestMessage request = Request(Dialect.Anthropic, Body(Dialect.Anthropic, "Hi"));
        request.Headers.Add("x-forebay-continuation", "no");

        using HttpResponseMessage response = await fixture.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("x-forebay-continuation", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_residency_rule_that_came_into_force_meanwhile_holds_for_the_rest()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream first = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(4));
            await go.WaitAsync();
            http.Abort();
        });
        await using ScriptedUpstream second = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream));
        FleetConfig config = null!;
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [first.Address, second.Address],
            c => config = ContinuationFixture.InOrder(c with
            {
                Models = [c.Models[0] with { Continuation = ContinuationManner.AssistantPrefill }],
            }));

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(true)), HttpCompletionOption.ResponseHeadersRead);
        Assert.Empty(gateway.Reload(config with
        {
            ResidencyPolicies = [new ResidencyPolicyConfig { Id = "us-only", Jurisdictions = ["us"] }],
            Tenants = [.. config.Tenants.Select(t => t with { Residency = "us-only" })],
        }));
        go.Release();
        StreamedText got = await ContinuationFixture.ReadAsync(response);

        Assert.True(got.HasError);
        Assert.Empty(second.Requests);
        Assert.Equal(UsageOutcome.Failed, Assert.Single(gateway.Journal.Settled).Outcome);
    }

    /// <summary>A prompt whose answer does not end in white space after so many tokens.</summary>
    private static async Task<string> PromptWhoseAnswerEndsInInkAsync(
        ContinuationFixture fixture, Dialect dialect, int tokens)
    {
        for (int i = 0; ; i++)
        {
            string prompt = $"Tell me of ink {i}.";
            using HttpRequestMessage request = Request(dialect, Body(dialect, prompt));
            if (!(await fixture.UninterruptedAsync(request, tokens)).Text.EndsWith(' '))
            {
                return prompt;
            }
        }
    }
}
