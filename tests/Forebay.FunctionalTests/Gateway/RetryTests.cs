using System.Net;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Failures before the first byte go elsewhere and stay unnoticed; afterwards they are said
/// correctly.</summary>
public sealed class RetryTests
{
    public static TheoryData<string> Faults =>
    [
        "429", "401", "402", "500", "503", "529", "redirect", "garbage", "error-in-200", "cut", "wrong-length", "empty",
        "no-stream",
    ];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_failure_before_the_first_byte_is_tried_elsewhere_and_not_noticed(string fault)
    {
        foreach (bool stream in (bool[])[false, true])
        {
            await using ScriptedUpstream bad = await ScriptedUpstream.StartAsync((http, _) => FailAsync(http, fault, stream));
            await using ScriptedUpstream good = await ScriptedUpstream.StartAsync((http, _) => stream
                ? ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream)
                : ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
            await using GatewayHarness gateway = await GatewayHarness.StartAsync([bad.Address, good.Address]);

            // Ties are broken by request number, so a few requests meet the bad one first.
            for (int i = 0; i < 6; i++)
            {
                using HttpResponseMessage response = await gateway.Client.SendAsync(
                    GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Assert.Contains("Hello", await response.Content.ReadAsStringAsync());
                Assert.Equal("d1", response.Headers.GetValues("x-forebay-deployment").Single());
            }

            Assert.Equal(6, gateway.Journal.Settled.Count);
            Assert.All(gateway.Journal.Settled, u => Assert.Equal(UsageOutcome.Completed, u.Outcome));
            Assert.Equal(0, gateway.State.Of(gateway.State.Model.Deployments[0]).InFlight);
        }
    }

    [Theory]
    [InlineData("429", 529, Reason.UpstreamAccount)]
    [InlineData("401", 529, Reason.UpstreamAccount)]
    [InlineData("529", 529, Reason.UpstreamOverloaded)]
    [InlineData("500", 502, Reason.UpstreamUnavailable)]
    [InlineData("garbage", 502, Reason.UpstreamProtocol)]
    [InlineData("cut", 502, Reason.UpstreamCut)]
    public async Task When_every_deployment_fails_the_answer_is_ours_and_has_one_reason(
        string fault, int status, Reason reason)
    {
        foreach (bool stream in (bool[])[false, true])
        {
            await AssertOursAsync(fault, status, reason, stream);
        }
    }

    private static async Task AssertOursAsync(string fault, int status, Reason reason, bool stream)
    {
        await using ScriptedUpstream bad = await ScriptedUpstream.StartAsync(
            (http, _) => FailAsync(http, fault, stream));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([bad.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream)));

        Assert.Equal(status, (int)response.StatusCode);
        string body = await response.Content.ReadAsStringAsync();
        Assert.Contains("\"type\":\"error\"", body);
        Assert.DoesNotContain("secret", body);
        Assert.Equal("true", response.Headers.GetValues("x-should-retry").Single());
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((reason, status), (usage.Reason, usage.Status));
    }

    [Fact]
    public async Task A_stream_cut_after_the_first_token_ends_in_an_error_event_and_is_metered_as_failed()
    {
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream bad = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(5).Append("event: content_block_de"));
            await go.WaitAsync();
            http.Abort();
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([bad.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: true)), HttpCompletionOption.ResponseHeadersRead);
        go.Release();
        string body = await response.Content.ReadAsStringAsync();

        Assert.StartsWith("event: message_start", body);
        Assert.Contains("event: error\n", body);
        Assert.DoesNotContain("content_block_de\n", body);
        Assert.EndsWith("\n\n", body);
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal(UsageOutcome.Failed, usage.Outcome);
        Assert.Equal(Reason.UpstreamCut, usage.Reason);
        Assert.Equal(0, usage.CustomerPriceMicros);
        Assert.True(usage.ProviderCostMicros > 0);
    }

    private static async Task FailAsync(HttpContext http, string fault, bool stream)
    {
        switch (fault)
        {
            case "redirect":
                http.Response.StatusCode = 302;
                http.Response.Headers.Location = "http://127.0.0.1:1/";
                return;
            case "garbage":
                http.Response.ContentType = stream ? "text/event-stream" : "application/json";
                await http.Response.WriteAsync("<html>not what was asked for</html>\n\n");
                return;
            case "error-in-200" when stream:
                await ScriptedUpstream.StreamAsync(
                    http, [Answers.Named("error", """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""")]);
                return;
            case "error-in-200":
                await ScriptedUpstream.JsonAsync(http, 200, """{"type":"error","error":{"type":"api_error","message":"x"}}""");
                return;
            case "cut":
                http.Response.ContentType = stream ? "text/event-stream" : "application/json";
                await http.Response.WriteAsync("{\"id\":");
                await http.Response.Body.FlushAsync();
                http.Abort();
                return;
            case "wrong-length":
                http.Response.ContentType = stream ? "text/event-stream" : "application/json";
                http.Response.ContentLength = 5000;
                await http.Response.WriteAsync("{\"id\":");
                await http.Response.Body.FlushAsync();
                http.Abort();
                return;
            case "empty":
                http.Response.ContentType = stream ? "text/event-stream" : "application/json";
                return;
            case "no-stream":
                await ScriptedUpstream.JsonAsync(http, 200, stream ? Answers.AnthropicMessage : "[]");
                return;
            default:
                await ScriptedUpstream.JsonAsync(
                    http, int.Parse(fault), """{"type":"error","error":{"type":"api_error","message":"our account secret"}}""");
                return;
        }
    }
}
