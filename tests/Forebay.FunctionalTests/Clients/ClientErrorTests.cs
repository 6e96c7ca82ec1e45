using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using Forebay.Core.Fleet;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Emulator;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using OpenAI;
using OpenAI.Chat;
using Xunit;
using static Forebay.FunctionalTests.Clients.ClientFixture;

namespace Forebay.FunctionalTests.Clients;

/// <summary>Failures reach the vendors' clients as their own typed exceptions; a client's retry and a client's
/// departure do what they should.</summary>
public sealed class ClientErrorTests : IAsyncLifetime
{
    private ScriptedUpstream _upstream = null!;
    private int _failuresLeft;

    public async ValueTask InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync(AnswerAsync);

    public ValueTask DisposeAsync() => _upstream.DisposeAsync();

    [Fact]
    public async Task An_unknown_key_and_an_unknown_model_are_told_apart()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_upstream.Address]);
        using var stranger = new AnthropicClient
        {
            BaseUrl = gateway.Server.Address.ToString(), ApiKey = "fb-nobody", MaxRetries = 2,
        };
        using AnthropicClient client = AnthropicOf(gateway);

        var refused = await Assert.ThrowsAsync<AnthropicUnauthorizedException>(
            () => stranger.Messages.Create(Ask(Turn("x"))));
        var missing = await Assert.ThrowsAsync<AnthropicNotFoundException>(
            () => client.Messages.Create(new MessageCreateParams
            {
                Model = "nope", MaxTokens = 5, Messages = [new UserMessageParam { Content = "x" }],
            }));
        var openAi = await Assert.ThrowsAsync<ClientResultException>(
            () => OpenAiOf(gateway, secret: "fb-nobody").CompleteChatAsync([new UserChatMessage("x")]));

        Assert.StartsWith("req_", refused.RequestID);
        Assert.Equal("authentication_error", refused.Type!.Raw());
        Assert.Contains("model: nope", missing.ApiMessage);
        Assert.Contains(GatewayHarness.Model, missing.ApiMessage);
        Assert.Equal(401, openAi.Status);
        Assert.Empty(_upstream.Requests);
    }

    [Fact]
    public async Task A_limit_is_a_rate_limit_exception_with_the_time_to_come_back()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_upstream.Address], Limited);
        using AnthropicClient client = AnthropicOf(gateway);
        _ = await client.Messages.Create(Ask(Turn("one")));
        _ = await client.Messages.Create(Ask(Turn("two")));

        var limited = await Assert.ThrowsAsync<AnthropicRateLimitException>(
            () => client.Messages.Create(Ask(Turn("three"))));
        var openAi = await Assert.ThrowsAsync<ClientResultException>(
            () => OpenAiOf(gateway).CompleteChatAsync([new UserChatMessage("x")]));

        Assert.Equal("rate_limit_error", limited.Type!.Raw());
        Assert.Contains("2 requests per minute", limited.ApiMessage);
        Assert.Equal(429, openAi.Status);
        Assert.True(openAi.GetRawResponse()!.Headers.TryGetValue("retry-after", out string? seconds));
        Assert.InRange(int.Parse(seconds!), 1, 60);
    }

    [Fact]
    public async Task An_overloaded_provider_is_an_overloaded_exception()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_upstream.Address]);
        _failuresLeft = int.MaxValue;
        using AnthropicClient client = AnthropicOf(gateway);

        var overloaded = await Assert.ThrowsAsync<AnthropicOverloadedException>(
            () => client.Messages.Create(Ask(Turn("x"))));
        var openAi = await Assert.ThrowsAsync<ClientResultException>(
            () => OpenAiOf(gateway).CompleteChatAsync([new UserChatMessage("x")]));

        Assert.Equal((HttpStatusCode)529, overloaded.StatusCode);
        Assert.Equal("overloaded_error", overloaded.Type!.Raw());
        Assert.Equal(503, openAi.Status);
    }

    [Fact]
    public async Task An_upstream_that_fails_once_is_not_noticed_by_a_client_that_retries()
    {
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([_upstream.Address]);
        using AnthropicClient client = AnthropicOf(gateway, retries: 2);

        _failuresLeft = 1;
        Message message = await client.Messages.Create(Ask(Turn("x")));
        _failuresLeft = 1;
        ChatCompletion completion = await OpenAiOf(gateway, retries: 2).CompleteChatAsync([new UserChatMessage("x")]);

        Assert.Equal("Hello there", TextOf(message));
        Assert.Equal("Hello there", completion.Content[0].Text);
        Assert.Equal(4, _upstream.Requests.Count);
        Assert.Equal(
            [UsageOutcome.Failed, UsageOutcome.Completed, UsageOutcome.Failed, UsageOutcome.Completed],
            gateway.Journal.Settled.Select(u => u.Outcome));
    }

    [Fact]
    public async Task An_error_in_the_middle_of_a_stream_is_an_exception_after_the_events_before_it()
    {
        await using ScriptedUpstream broken = await ScriptedUpstream.StartAsync((http, _) => ScriptedUpstream.StreamAsync(
            http,
            [
                .. Answers.AnthropicStream.Take(4),
                Answers.Named("error", """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"""),
            ]));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([broken.Address]);
        using AnthropicClient client = AnthropicOf(gateway);
        int events = 0;

        var error = await Assert.ThrowsAsync<AnthropicSseException>(async () =>
        {
            await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(Ask(Turn("x"))))
            {
                events++;
            }
        });

        Assert.True(events >= 3);
        Assert.Equal("overloaded_error", error.Type!.Raw());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_that_the_client_gives_up_stops_the_engine(bool anthropic)
    {
        await using var emulator = await Forebay.Emulator.EmulatorHost.StartAsync(
            SlowEngine(), TimeProvider.System, CancellationToken.None);
        Uri engine = emulator.Endpoints["slow"];
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([engine]);
        using var give = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => anthropic ? ReadAnthropicAsync(gateway, give) : ReadOpenAiAsync(gateway, give));

        // The answer would take the engine minutes; it is idle as soon as the client's departure reached it.
        UsageRecord usage = await gateway.Journal.NextAsync();
        Assert.Equal(UsageOutcome.ClientGone, usage.Outcome);
        Assert.InRange(usage.Tokens.Output, 1, 1000);
        using var http = new HttpClient();
        while (await RunningAsync(http, engine) > 0)
        {
            await Task.Yield();
        }

        await GatewayHealth.IsIdleAsync(gateway);
    }

    private static Forebay.Emulator.EmulatorSpec SlowEngine()
    {
        Forebay.Emulator.EmulatorSpec spec = EmulatorFixture.Spec(1, "slow");
        return spec with { Deployments = [spec.Deployments[0] with { Model = "upstream-model" }] };
    }

    private static async Task ReadAnthropicAsync(GatewayHarness gateway, CancellationTokenSource give)
    {
        using AnthropicClient client = AnthropicOf(gateway);
        int events = 0;
        await foreach (RawMessageStreamEvent item in client.Messages.CreateStreaming(
            Ask(Turn("Very long."), outputTokens: 8000), give.Token))
        {
            if (++events == 5)
            {
                await give.CancelAsync();
            }
        }
    }

    private static async Task ReadOpenAiAsync(GatewayHarness gateway, CancellationTokenSource give)
    {
        OpenAIClientOptions options = OpenAiOptions(gateway);
        options.AddPolicy(new HeaderPolicy("x-emulator-output-tokens", "8000"), PipelinePosition.PerCall);
        var client = new ChatClient(GatewayHarness.Model, new ApiKeyCredential(GatewayHarness.Secret), options);
        int events = 0;
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(
            [new UserChatMessage("Very long.")], cancellationToken: give.Token))
        {
            if (++events == 3)
            {
                await give.CancelAsync();
            }
        }
    }

    private static async Task<double> RunningAsync(HttpClient http, Uri engine)
    {
        string page = await http.GetStringAsync(new Uri(engine, "/metrics"));
        return page.Split('\n').Where(l => l.StartsWith("vllm:num_requests_running{", StringComparison.Ordinal))
            .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..]));
    }

    private static FleetConfig Limited(FleetConfig c) =>
        c with { Tenants = [c.Tenants[0] with { Tier = "small" }, c.Tenants[1]], Tiers = [.. c.Tiers.Select(t =>
            t with { InputTokensPerMinute = null, OutputTokensPerMinute = null })] };

    private Task AnswerAsync(HttpContext http, ReceivedRequest request)
    {
        if (Interlocked.Decrement(ref _failuresLeft) >= 0)
        {
            return ScriptedUpstream.JsonAsync(
                http, 529, """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""");
        }

        return ScriptedUpstream.JsonAsync(
            http, 200, request.Path == "/v1/messages" ? Answers.AnthropicMessage : Answers.OpenAiCompletion);
    }
}
