using System.Net;
using Forebay.Core.Errors;
using Forebay.Core.Serving.Health;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Gateway;
using Forebay.FunctionalTests.Hostile;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit.Providers;
using Forebay.TestKit.Providers.Scenes;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>What every adapter does whose credential is a token: it is asked for once for all, taken anew once where
/// the provider refuses it, and where none is to be had the operator is told why, and the client is not.</summary>
public abstract class CredentialConformance<T>(T under) : IClassFixture<T>
    where T : ProviderUnderTest
{
    private const string Revoked = """{"error":"invalid_grant","error_description":"AADSTS700082: revoked by a test."}""";

    [Fact]
    public async Task One_token_serves_many_requests()
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(1);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
            Assert.Equal(HttpStatusCode.OK, (await gateway.Client.SendAsync(Ask())).StatusCode)));

        Assert.Single(under.Provider.Calls.Select(c => c.Header("authorization")).Distinct());
        Assert.Empty(under.Provider.Complaints);
        Assert.Empty(under.Tokens.Complaints);
    }

    [Fact]
    public async Task A_token_that_was_revoked_is_renewed_once_and_the_client_does_not_notice()
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(1);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Client.SendAsync(Ask())).StatusCode);
        int before = under.Tokens.Issued;
        under.Tokens.RevokeAll();

        HttpResponseMessage[] responses = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => gateway.Client.SendAsync(Ask())));

        Assert.All(responses, r => Assert.Equal(HttpStatusCode.OK, r.StatusCode));
        Assert.All(responses, r => Assert.Equal("1", r.Headers.GetValues("x-forebay-attempts").Single()));
        Assert.Equal(1, under.Tokens.Issued - before);
        Assert.All(gateway.Journal.Settled, u => Assert.Equal(UsageOutcome.Completed, u.Outcome));
    }

    [Fact]
    public async Task One_refusal_is_mended_by_one_new_token()
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(1);
        under.Provider.FailNext(new ProviderFault.Status(401, "UNAUTHENTICATED", FaultEnvelope.Google));

        using HttpResponseMessage response = await gateway.Client.SendAsync(Ask());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string?[] sent = [.. under.Provider.Calls.Select(c => c.Header("authorization"))];
        Assert.Equal(2, sent.Length);
        Assert.NotEqual(sent[0], sent[1]);
    }

    [Fact]
    public async Task Refused_for_ever_it_is_asked_for_once_per_attempt_and_the_deployment_goes_down_for_its_account()
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(1);
        under.Provider.FailAlways(new ProviderFault.Status(401, "UNAUTHENTICATED", FaultEnvelope.Google));

        using HttpResponseMessage response = await gateway.Client.SendAsync(Ask());

        Assert.Equal(2, under.Provider.Calls.Count);
        AssertAccount(gateway, response);
        Assert.DoesNotContain("ya29", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_permission_that_is_missing_is_the_accounts_and_no_token_is_renewed_for_it()
    {
        under.Play(Scene.Text);
        await using GatewayHarness gateway = await under.StartGatewayAsync(1);
        under.Provider.FailAlways(new ProviderFault.Status(403, "PERMISSION_DENIED", FaultEnvelope.Google));

        using HttpResponseMessage response = await gateway.Client.SendAsync(Ask());

        Assert.Single(under.Provider.Calls);
        AssertAccount(gateway, response);
    }

    [Fact]
    public async Task Where_no_token_is_to_be_had_the_operator_is_told_why_and_the_client_is_not()
    {
        under.Play(Scene.Text);
        under.Tokens.FailAlways((400, Revoked));
        using var logs = new RecordingLogs();
        try
        {
            await using GatewayHarness gateway = await under.StartGatewayAsync(1, logs.CreateFactory());

            using HttpResponseMessage response = await gateway.Client.SendAsync(Ask());

            Assert.Empty(under.Provider.Calls);
            AssertAccount(gateway, response);
            Assert.DoesNotContain("AADSTS", await response.Content.ReadAsStringAsync());
            await Eventually.TrueAsync(
                () => logs.Lines.Any(l => l.Contains("revoked by a test", StringComparison.Ordinal)),
                () => string.Join("\n", logs.Lines));
        }
        finally
        {
            under.Tokens.FailAlways(null);
        }
    }

    [Fact]
    public async Task A_token_endpoint_that_fails_for_a_moment_is_asked_again_and_is_no_fault_of_the_account()
    {
        under.Play(Scene.Text);
        under.Tokens.FailAlways((503, "{}"));
        try
        {
            await using GatewayHarness gateway = await under.StartGatewayAsync(1);
            using HttpResponseMessage failed = await gateway.Client.SendAsync(Ask());
            Assert.Equal("upstream_unavailable", failed.Headers.GetValues("x-forebay-reason").Single());
            under.Tokens.FailAlways(null);

            await Eventually.TrueAsync(
                async () => (await gateway.Client.SendAsync(Ask())).StatusCode == HttpStatusCode.OK,
                () => "It never came back.");
        }
        finally
        {
            under.Tokens.FailAlways(null);
        }
    }

    private static void AssertAccount(GatewayHarness gateway, HttpResponseMessage response)
    {
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((UsageOutcome.Failed, Reason.UpstreamAccount), (usage.Outcome, usage.Reason));
        Assert.Equal("upstream_account", response.Headers.GetValues("x-forebay-reason").Single());

        // The deployment is out, and says why.
        Assert.Equal(
            1, gateway.State.Of(gateway.State.Model.Deployments[0]).Breaker.OpenedBy(OutCause.Account));
    }

    private HttpRequestMessage Ask() => under.IsAnthropic
        ? GatewayHarness.Messages(GatewayHarness.MessagesBody(stream: false))
        : GatewayHarness.Chat(GatewayHarness.ChatBody(stream: false));
}
