using System.Net;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Scenes;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>How every adapter takes what goes wrong at its provider: before the first byte it is tried elsewhere and
/// not noticed; where there is no elsewhere, the client gets one reason in its own dialect.</summary>
public abstract class ProviderFaultConformance<T>(T under) : IClassFixture<T>
    where T : ProviderUnderTest
{
    [Theory]
    [MemberData(nameof(ProviderFaults.Known), MemberType = typeof(ProviderFaults))]
    public async Task A_fault_before_the_first_byte_is_tried_elsewhere_and_not_noticed(string fault, bool stream)
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(2);
        under.Provider.FailNext(ProviderFaults.ByName[fault].Fault);

        using HttpResponseMessage response = await gateway.Client.SendAsync(Ask(stream));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("Hello", await response.Content.ReadAsStringAsync());
        Assert.Equal(2, under.Provider.Calls.Count);
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((UsageOutcome.Completed, new TokenUsage(10, 3, 2, 7)), (usage.Outcome, usage.Tokens));
    }

    [Theory]
    [MemberData(nameof(ProviderFaults.Known), MemberType = typeof(ProviderFaults))]
    public async Task Where_there_is_no_elsewhere_the_client_gets_one_reason_in_its_dialect(string fault, bool stream)
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(1);
        under.Provider.FailAlways(ProviderFaults.ByName[fault].Fault);

        using HttpResponseMessage response = await gateway.Client.SendAsync(Ask(stream));

        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal(ProviderFaults.ByName[fault].Reason, usage.Reason);
        Assert.Equal((int)response.StatusCode, usage.Status);
        ReasonRow row = ReasonTable.For(usage.Reason);
        Assert.Equal(under.IsAnthropic ? row.AnthropicStatus : row.OpenAiStatus, usage.Status);
        Assert.Equal(row.Label, response.Headers.GetValues("x-forebay-reason").Single());
        string body = await response.Content.ReadAsStringAsync();
        Assert.DoesNotContain("told to fail", body);
        Assert.Contains(under.IsAnthropic ? "\"type\":\"error\"" : "\"code\":", body);
    }

    [Theory]
    [InlineData("error inside", Reason.UpstreamProtocol)]
    [InlineData("ends early", Reason.UpstreamProtocol)]
    public async Task A_whole_answer_that_is_none_is_tried_elsewhere(string fault, Reason reason)
    {
        ProviderFault played = fault == "error inside" ? new ProviderFault.ErrorInside() : new ProviderFault.EndsEarly();
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(2);
        under.Provider.FailNext(played, played);

        using HttpResponseMessage failed = await gateway.Client.SendAsync(Ask(stream: false));
        using HttpResponseMessage served = await gateway.Client.SendAsync(Ask(stream: false));

        Assert.Equal((HttpStatusCode.BadGateway, reason), (failed.StatusCode, gateway.Journal.Settled[0].Reason));
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Fact]
    public async Task A_stream_whose_first_event_is_an_error_is_tried_elsewhere()
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(2);
        under.Provider.FailNext(new ProviderFault.ErrorInside());

        using HttpResponseMessage response = await gateway.Client.SendAsync(Ask(stream: true));

        Assert.Contains("Hello", await response.Content.ReadAsStringAsync());
        Assert.Equal(2, under.Provider.Calls.Count);
        Assert.Equal(UsageOutcome.Completed, Assert.Single(gateway.Journal.Settled).Outcome);
    }

    [Theory]
    [InlineData("ends early", Reason.UpstreamCut)]
    [InlineData("cut", Reason.UpstreamCut)]
    [InlineData("error midway", Reason.UpstreamOverloaded)]
    public async Task A_stream_that_breaks_off_ends_in_an_error_of_the_clients_dialect_and_is_not_charged(
        string fault, Reason reason)
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(1);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        under.Provider.FailNext(fault switch
        {
            "cut" => new ProviderFault.Cut(arrived.Task),
            "ends early" => new ProviderFault.EndsEarly(),
            _ => new ProviderFault.ErrorMidway(),
        });

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            Ask(stream: true), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        string body = "";
        while (await reader.ReadLineAsync() is { } line)
        {
            body += line + "\n";
            if (body.Contains("Hello", StringComparison.Ordinal))
            {
                arrived.TrySetResult();
            }
        }

        Assert.Contains("Hello", body);
        Assert.Contains(under.IsAnthropic ? "event: error\n" : "data: {\"error\":", body);
        Assert.DoesNotContain(under.IsAnthropic ? "message_stop" : "[DONE]", body);
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((UsageOutcome.Failed, 0L), (usage.Outcome, usage.CustomerPriceMicros));
        Assert.Contains(usage.Reason, (Reason[])[reason, Reason.UpstreamUnavailable]);
    }

    [Theory]
    [InlineData("duplicate-message-start", 17, 227)]
    [InlineData("spliced-message-start", 17, 65)]
    public async Task A_message_that_begins_again_is_relayed_and_counted_once(string recording, int input, int output)
    {
        Assert.SkipUnless(under.IsAnthropic, "Chunks of the OpenAI dialect have no beginning to repeat.");
        string path = $"api/data/ai-sdk-fixtures/anthropic__src____fixtures____{recording}.chunks.txt";
        string? file = SharedFiles.Find(path);
        Assert.SkipWhen(file is null, SharedFiles.SkipReason(path));
        string[] events = [.. File.ReadAllLines(file!).Where(l => l.Length > 0)];
        under.Play(Scene.Text);
        under.Provider.FailNext(new ProviderFault.Says(events));

        using HttpResponseMessage response = await under.Gateway.Client.SendAsync(Ask(stream: true));

        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(2, body.Split("event: message_start").Length - 1);
        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", body);
        Assert.Equal(new TokenUsage(input, 0, 0, output), under.Recorded.Tokens);
        Assert.Equal(UsageOutcome.Completed, under.Recorded.Outcome);
    }

    private HttpRequestMessage Ask(bool stream) => under.IsAnthropic
        ? GatewayHarness.Messages(GatewayHarness.MessagesBody(stream))
        : GatewayHarness.Chat(GatewayHarness.ChatBody(stream));
}
