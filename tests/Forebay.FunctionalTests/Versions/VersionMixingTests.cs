using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Rollout;
using Forebay.Core.Usage;
using Forebay.FunctionalTests.Continuation;
using Forebay.FunctionalTests.Gateway;
using Xunit;

namespace Forebay.FunctionalTests.Versions;

/// <summary>Answers that break off while a model is rolled out, at engines of either version in any order: what goes on with
/// one is of the version that began it, or nothing does.</summary>
public sealed class VersionMixingTests
{
    [Fact]
    public async Task No_answer_is_of_two_versions()
    {
        int continued = 0;
        for (int seed = 0; seed < 12; seed++)
        {
            var random = new Random(seed);
            string[] versions = ["a", "b", random.Next(2) == 0 ? "a" : "b", random.Next(2) == 0 ? "a" : "b"];
            random.Shuffle(versions);
            continued += await RunAsync(versions, random.NextDouble(), seed);
        }

        Assert.True(continued >= 12, $"only {continued} answers were gone on with");
    }

    private static async Task<int> RunAsync(string[] versions, double share, int seed)
    {
        await using ContinuationFixture fixture = await ContinuationFixture.StartAsync(
            ContinuationManner.AssistantPrefill, ["cut=8", "cut=12", "cut=5"], c => c with
            {
                Deployments = [.. c.Deployments.Select((d, i) => d with { ModelVersion = versions[i] })],
            });
        FleetState state = fixture.Gateway.State;
        state.Splits = new VersionSplits(
            [new VersionSplit(1, GatewayHarness.Model, "a", "b", share, IsOpen: true, new VersionTally())]);
        int continued = 0;
        for (int i = 0; i < 6; i++)
        {
            using HttpRequestMessage request = GatewayHarness.Messages(
                $$"""{"model":"{{GatewayHarness.Model}}","max_tokens":400,"stream":true,"messages":[{"role":"user","content":"Conversation {{seed}}-{{i}}."}]}""");
            using HttpResponseMessage response = await fixture.SendAsync(request, 40);
            string first = response.Headers.GetValues("x-forebay-deployment").Single();

            // A change of share in the middle of an answer moves nothing that is under way.
            state.Splits = new VersionSplits(
                [new VersionSplit(1, GatewayHarness.Model, "a", "b", i % 2 == 0 ? 1 : share, IsOpen: true, new VersionTally())]);
            _ = await response.Content.ReadAsStringAsync();
            await GatewayHealth.IsIdleAsync(fixture.Gateway);
            UsageRecord record = fixture.Gateway.Journal.Settled[^1];
            Assert.Equal(VersionOf(state, first), VersionOf(state, record.Deployment));
            continued += record.Deployment == first ? 0 : 1;
        }

        return continued;
    }

    private static string? VersionOf(FleetState state, string deployment) =>
        state.Model.Deployments.Single(d => d.Id == deployment).Config.ModelVersion;
}
