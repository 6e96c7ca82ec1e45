using System.Net;
using System.Text.Json;
using Forebay.Core.Errors;
using Forebay.FunctionalTests.Hostile;
using Forebay.FunctionalTests.Server;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Bedrock;

/// <summary>Where credentials come from, and what happens when they are refused.</summary>
public sealed class BedrockCredentialTests
{
    [Fact]
    public async Task A_Bedrock_API_key_is_sent_as_it_is()
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(
            change: d => d with { Credential = "env:BEDROCK_KEY" });
        bedrock.Account.ApiKey = "secret-of-env:BEDROCK_KEY";

        using HttpResponseMessage response = await bedrock.AskAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("Bearer secret-of-env:BEDROCK_KEY", Assert.Single(bedrock.Provider.Calls).Header("authorization"));
    }

    [Fact]
    public async Task Expired_credentials_are_looked_for_once_more_and_the_client_does_not_notice()
    {
        (string reference, string file) = AwsProfiles.AddProcess();
        DateTimeOffset later = TimeProvider.System.GetUtcNow().AddHours(1);
        AwsProfiles.Print(file, "ASIAFIRST", "s1", "t1", later);
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(change: d => d with { Credential = reference });
        bedrock.Account.Allow("ASIAFIRST", "s1", "t1");
        bedrock.Account.Allow("ASIASECOND", "s2", "t2");
        Assert.Equal(HttpStatusCode.OK, (await bedrock.AskAsync()).StatusCode);
        bedrock.Account.Expire("ASIAFIRST");
        AwsProfiles.Print(file, "ASIASECOND", "s2", "t2", later);

        HttpResponseMessage[] responses = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => bedrock.AskAsync()));

        Assert.All(responses, r => Assert.Equal(HttpStatusCode.OK, r.StatusCode));
        Assert.All(responses, r => Assert.Equal("1", r.Headers.GetValues("x-forebay-attempts").Single()));
        string[] keys = [.. bedrock.Provider.Calls.Select(c => c.Header("authorization")!.Split('=', '/')[1])];
        Assert.Equal(4, keys.Count(k => k == "ASIASECOND"));
        Assert.InRange(keys.Count(k => k == "ASIAFIRST"), 2, 5);
        Assert.Equal("t2", bedrock.Provider.Calls[^1].Header("x-amz-security-token"));
    }

    [Theory]
    [InlineData("expired", "ExpiredTokenException")]
    [InlineData("revoked", "UnrecognizedClientException")]
    public async Task Credentials_that_stay_refused_take_the_deployment_down_and_tell_the_operator(string how, string told)
    {
        using var logs = new RecordingLogs();
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(loggers: logs.CreateFactory());
        if (how == "expired")
        {
            bedrock.Account.Expire(BedrockHarness.Key);
        }
        else
        {
            bedrock.Account.Revoke(BedrockHarness.Key);
        }

        using HttpResponseMessage response = await bedrock.AskAsync();

        Assert.Equal(Reason.UpstreamAccount, Assert.Single(bedrock.Gateway.Journal.Settled).Reason);
        Assert.Equal("upstream_account", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.DoesNotContain(told, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.InRange(bedrock.Provider.Calls.Count, 1, 2);
        await Eventually.TrueAsync(
            () => logs.Lines.Any(l => l.Contains(told, StringComparison.Ordinal)), () => string.Join("\n", logs.Lines));
        Assert.DoesNotContain(logs.Lines, l => l.Contains(BedrockHarness.Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_there_are_none_the_operator_is_told_why_and_nothing_is_sent()
    {
        using var logs = new RecordingLogs();
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(
            change: d => d with { Credential = "aws:profile/no-such-profile" }, loggers: logs.CreateFactory());

        using HttpResponseMessage response = await bedrock.AskAsync();

        Assert.Empty(bedrock.Provider.Calls);
        Assert.Equal(Reason.UpstreamAccount, Assert.Single(bedrock.Gateway.Journal.Settled).Reason);
        await Eventually.TrueAsync(
            () => logs.Lines.Any(l => l.Contains("no-such-profile", StringComparison.Ordinal)),
            () => string.Join("\n", logs.Lines));
        Assert.DoesNotContain("no-such-profile", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(47)]
    [InlineData(-47)]
    public async Task A_clock_that_is_off_is_learned_from_one_refusal(int minutes)
    {
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync();
        bedrock.Account.Ahead = TimeSpan.FromMinutes(minutes);

        using HttpResponseMessage first = await bedrock.AskAsync();
        using HttpResponseMessage second = await bedrock.AskAsync(stream: true);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, second.StatusCode));
        Assert.Contains("message_stop", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(3, bedrock.Provider.Calls.Count);
        Assert.Single(bedrock.Provider.Complaints, c => c.Contains("Signature", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_role_of_a_container_is_what_the_machine_has()
    {
        DateTimeOffset until = TimeProvider.System.GetUtcNow().AddHours(1);
        await using ScriptedUpstream agent = await ScriptedUpstream.StartAsync((http, _) => ScriptedUpstream.JsonAsync(
            http, 200, JsonSerializer.Serialize(new
            {
                AccessKeyId = "ASIACONTAINER",
                SecretAccessKey = "role-secret",
                Token = "role-token",
                Expiration = until.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ"),
            })));
        Environment.SetEnvironmentVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI", new Uri(agent.Address, "/role").ToString());
        await using BedrockHarness bedrock = await BedrockHarness.StartAsync(
            change: d => d with { Credential = "aws:default" });
        bedrock.Account.Allow("ASIACONTAINER", "role-secret", "role-token");

        HttpResponseMessage[] responses = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => bedrock.AskAsync()));

        Assert.All(responses, r => Assert.Equal(HttpStatusCode.OK, r.StatusCode));
        Assert.Single(agent.Requests);
        Assert.Empty(bedrock.Provider.Complaints);
    }
}
