using System.Net;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Bedrock;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Bedrock;

/// <summary>Streams of Bedrock that go wrong in their frames.</summary>
public sealed class BedrockStreamFaultTests
{
    /// <summary>A frame spoilt as the first of a stream is tried elsewhere; one spoilt later ends the answer with an
    /// error, after all that came whole before it.</summary>
    [Theory]
    [InlineData(FrameFault.Payload, Reason.UpstreamProtocol)]
    [InlineData(FrameFault.Length, Reason.UpstreamProtocol)]
    [InlineData(FrameFault.Cut, Reason.UpstreamCut)]
    public async Task A_spoilt_frame_is_never_passed_on(FrameFault fault, Reason reason)
    {
        int calls = 0;
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(
            account => new Spoiling(account, http => Interlocked.Increment(ref calls) switch
            {
                1 => (1, fault),
                3 => (5, fault),
                _ => null,
            }),
            deployments: 2);

        using HttpResponseMessage elsewhere = await bedrock.AskAsync(stream: true);
        using HttpResponseMessage begun = await bedrock.AskAsync(stream: true);

        Assert.EndsWith("{\"type\":\"message_stop\"}\n\n", await elsewhere.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        string body = await begun.Content.ReadAsStringAsync();
        Assert.Contains("text_delta", body, StringComparison.Ordinal);
        Assert.Contains("event: error\n", body, StringComparison.Ordinal);
        Assert.DoesNotContain("message_stop", body, StringComparison.Ordinal);
        UsageRecord failed = bedrock.Gateway.Journal.Settled[^1];
        Assert.Equal((UsageOutcome.Failed, reason), (failed.Outcome, failed.Reason));
    }

    [Theory]
    [InlineData("throttlingException")]
    [InlineData("modelStreamErrorException")]
    [InlineData("modelTimeoutException")]
    public async Task An_exception_before_any_event_is_tried_elsewhere(string type)
    {
        int calls = 0;
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(
            account => new Excepting(account, () => Interlocked.Increment(ref calls) == 1 ? type : null), deployments: 2);

        using HttpResponseMessage response = await bedrock.AskAsync(stream: true);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("message_stop", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(UsageOutcome.Completed, Assert.Single(bedrock.Gateway.Journal.Settled).Outcome);
    }

    /// <summary>Spoils the frame at a place.</summary>
    private sealed class Spoiling(BedrockAccount account, Func<HttpContext, (int Frames, FrameFault Fault)?> next)
        : Wrapped(account)
    {
        public override Task StreamAsync(HttpContext http, IEnumerable<string> events) => next(http) is { } spoil
            ? BedrockFrames.SendAsync(http, events.Select(BedrockShape.FrameOf).Take(spoil.Frames), spoil.Fault)
            : base.StreamAsync(http, events);
    }

    /// <summary>Says an exception in place of the events.</summary>
    private sealed class Excepting(BedrockAccount account, Func<string?> next) : Wrapped(account)
    {
        public override Task StreamAsync(HttpContext http, IEnumerable<string> events) => next() is { } type
            ? BedrockFrames.SendAsync(http, [BedrockFrames.Exception(type, "{\"message\":\"x\"}")])
            : base.StreamAsync(http, events);
    }

    private abstract class Wrapped(BedrockAccount account) : ProviderShape
    {
        private readonly BedrockShape _inner = new(account);

        public override string Name => _inner.Name;

        public override Forebay.Protocols.WireDialect Dialect => _inner.Dialect;

        public override ProviderCall? Read(ReceivedRequest request, System.Text.Json.JsonElement body) =>
            _inner.Read(request, body);

        public override ProviderRefusal? Check(ProviderCall call) => _inner.Check(call);

        public override string ErrorBody(ProviderRefusal refusal) => _inner.ErrorBody(refusal);

        public override Task StreamAsync(HttpContext http, IEnumerable<string> events) => _inner.StreamAsync(http, events);
    }
}
