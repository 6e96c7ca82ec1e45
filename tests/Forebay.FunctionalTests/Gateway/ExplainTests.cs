using System.Globalization;
using System.Net;
using Forebay.Core.Serving.Explain;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>The story of a request over real sockets: which are kept, and what they say.</summary>
public sealed class ExplainTests
{
    [Fact]
    public async Task A_request_that_asks_and_may_is_told_step_by_step()
    {
        await using ScriptedUpstream upstream = await AnsweringAsync();
        await using GatewayHarness gateway = await StartAsync([upstream.Address, upstream.Address], 0);
        gateway.State.Exports = gateway.State.Exports.With(
            new ExportDenials(GatewayHarness.Model, 1, 0, "test", false, ["eu"], [], []));
        HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(false));
        request.Headers.Add("x-forebay-explain", "1");

        Explanation story = (await StoryOfAsync(gateway, request))!;

        Assert.Equal(
            (ExplainCause.Asked, false, "acme", GatewayHarness.Model), (story.Cause, story.Late, story.Tenant, story.Model));
        Assert.Equal(["police", "limits", "route", "attempt", "end"], story.Steps.Select(s => s.Step));
        Assert.Equal(
            [("d0", null), ("d1", "export_api")], story.Steps[0].Policed!.Select(p => (p.Deployment, p.ExcludedBy)));
        Assert.Contains("\"export_version\":1", story.Steps[0].Rules, StringComparison.Ordinal);
        RouteDecision route = story.Steps[2].Route!;
        RouteCandidate candidate = Assert.Single(route.Candidates);
        Assert.Equal(("d0", "d0", null), (route.Chosen, candidate.Deployment, candidate.ExcludedBy));
        Assert.Equal("the only candidate with a place", route.Why);
        Assert.InRange(
            candidate.FirstTokenMs - candidate.LinkMs - candidate.QueueMs - candidate.PrefillMs, -0.001, 0.001);
        Assert.True(story.Steps.Zip(story.Steps.Skip(1)).All(p => p.First.AtMs <= p.Second.AtMs));
    }

    [Fact]
    public async Task One_that_may_not_ask_is_not_kept_and_neither_are_those_left_out_by_chance()
    {
        await using ScriptedUpstream upstream = await AnsweringAsync();
        await using GatewayHarness gateway = await StartAsync([upstream.Address], 0);
        HttpRequestMessage request = GatewayHarness.Messages(
            GatewayHarness.MessagesBody(false, "").Replace("\"max_tokens\":64", "\"max_tokens\":1"), GatewayHarness.Secret);
        gateway.Reload(gateway.State.Model.Config with
        {
            Tenants = [.. gateway.State.Model.Config.Tenants.Select(t => t with { Explain = false })],
        });
        request.Headers.Add("x-forebay-explain", "1");

        Assert.Null(await StoryOfAsync(gateway, request));
        Assert.Equal(0, gateway.State.Explanations.Count);
    }

    [Fact]
    public async Task A_watched_tenants_requests_are_kept_until_the_time_is_up()
    {
        await using ScriptedUpstream upstream = await AnsweringAsync();
        await using GatewayHarness gateway = await StartAsync([upstream.Address], 0);
        long now = Instant.MonotonicNsOf(TimeProvider.System);
        Assert.True(gateway.State.Explanations.Watch("acme", now + 3600 * Instant.NsPerSecond, now));

        Explanation? watched = await StoryOfAsync(gateway, GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));
        Assert.True(gateway.State.Explanations.Watch("acme", 0, now));
        Explanation? after = await StoryOfAsync(gateway, GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));

        Assert.Equal(ExplainCause.Tenant, watched!.Cause);
        Assert.Null(after);
    }

    [Fact]
    public async Task A_request_that_was_tried_again_is_kept_with_what_failed()
    {
        int calls = 0;
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync((http, _) =>
            Interlocked.Increment(ref calls) == 1
                ? ScriptedUpstream.JsonAsync(http, 503, "{}")
                : ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using GatewayHarness gateway = await StartAsync([upstream.Address, upstream.Address], 0);

        Explanation story = (await StoryOfAsync(gateway, GatewayHarness.Messages(GatewayHarness.MessagesBody(false))))!;

        Assert.Equal((ExplainCause.Retried, true), (story.Cause, story.Late));
        Assert.Equal(["police", "attempt", "route", "attempt", "end"], story.Steps.Select(s => s.Step));
        Assert.Contains("upstream_overloaded", story.Steps[1].Text, StringComparison.Ordinal);
        Assert.Contains("tried", story.Steps[2].Route!.Candidates.Select(c => c.ExcludedBy));
        Assert.Equal("status 200, 2 attempts", story.Steps[^1].Text);
    }

    [Fact]
    public async Task A_request_that_was_refused_is_kept_with_what_excluded_each_deployment()
    {
        await using ScriptedUpstream upstream = await AnsweringAsync();
        await using GatewayHarness gateway = await StartAsync([upstream.Address], 0);

        Explanation story = (await StoryOfAsync(
            gateway,
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false, ",\"inference_geo\":\"us\""), GatewayHarness.OtherSecret),
            HttpStatusCode.Forbidden))!;

        Assert.Equal(ExplainCause.Failed, story.Cause);
        Assert.Equal("tenant_residency", Assert.Single(story.Steps[0].Policed!).ExcludedBy);
        Assert.EndsWith("residency", story.Steps[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stories_stay_within_their_memory_and_the_oldest_go_first()
    {
        await using ScriptedUpstream upstream = await AnsweringAsync();
        const int bound = 65_536;
        await using GatewayHarness gateway = await StartAsync([upstream.Address], 1, bound);
        UInt128 first = 0;
        for (int i = 0; i < 100; i++)
        {
            Explanation story = (await StoryOfAsync(gateway, GatewayHarness.Messages(GatewayHarness.MessagesBody(false))))!;
            first = i == 0 ? story.RequestId : first;
            Assert.Equal(ExplainCause.Sampled, story.Cause);
            Assert.InRange(gateway.State.Explanations.Bytes, 1, bound);
        }

        Assert.Null(gateway.State.Explanations.Find(first));
        Assert.InRange(gateway.State.Explanations.Count, 5, 99);
    }

    private static Task<ScriptedUpstream> AnsweringAsync() => ScriptedUpstream.StartAsync(
        (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));

    private static Task<GatewayHarness> StartAsync(IReadOnlyList<Uri> upstreams, double share, long bytes = 1 << 20) =>
        GatewayHarness.StartAsync(upstreams, c => c with
        {
            Server = c.Server with
            {
                Gateway = c.Server.Gateway with { ExplainSampleShare = share, ExplainMemoryBytes = bytes },
            },
            Tenants = [.. c.Tenants.Select(t => t with { Explain = true })],
        });

    /// <summary>Sends, and finds the story once the request is settled: it may be kept a moment after the answer.</summary>
    private static async Task<Explanation?> StoryOfAsync(
        GatewayHarness gateway, HttpRequestMessage request, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        Assert.Equal(expected, response.StatusCode);
        while (gateway.Server.InFlight > 0)
        {
            await Task.Yield();
        }

        string id = response.Headers.GetValues("request-id").Single()["req_".Length..];
        return gateway.State.Explanations.Find(UInt128.Parse(id, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }
}
