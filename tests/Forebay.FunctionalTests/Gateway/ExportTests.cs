using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Capacity;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Export masks that flip while requests wait, are retried, are in flight and come in by the hundred.</summary>
public sealed partial class ExportTests
{
    [Fact]
    public async Task A_waiting_request_is_refused_at_once_and_one_in_flight_ends_where_it_is()
    {
        using var go = new SemaphoreSlim(0);
        using var arrived = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            arrived.Release();
            await go.WaitAsync();
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], c => c with
        {
            Deployments = [c.Deployments[0] with { MaxConcurrency = 1 }],
        });
        Task<HttpResponseMessage> inFlight = SendAsync(gateway);
        await arrived.WaitAsync();
        Task<HttpResponseMessage> waiting = SendAsync(gateway);
        while (gateway.State.Waiting == 0)
        {
            await Task.Yield();
        }

        Flip(gateway, Deny(1, "us"));
        using HttpResponseMessage refused = await waiting;
        go.Release();
        using HttpResponseMessage served = await inFlight;

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("export_control", refused.Headers.GetValues("x-forebay-reason").Single());
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        Assert.Single(upstream.Requests);
        Flip(gateway, Deny(2));
        Task<HttpResponseMessage> again = SendAsync(gateway);
        await arrived.WaitAsync();
        go.Release();
        Assert.Equal(HttpStatusCode.OK, (await again).StatusCode);
    }

    [Fact]
    public async Task A_retry_never_goes_where_the_mask_flipped_meanwhile()
    {
        // Whoever is asked first fails, and the other one is denied before that is known.
        GatewayHarness? gateway = null;
        var asked = new ConcurrentQueue<string>();
        Task FailAsync(HttpContext http, string own, string other)
        {
            asked.Enqueue(own);
            Flip(gateway!, Deny(1, other));
            return ScriptedUpstream.JsonAsync(http, 500, "{}");
        }

        await using ScriptedUpstream us = await ScriptedUpstream.StartAsync((http, _) => FailAsync(http, "us", "eu"));
        await using ScriptedUpstream eu = await ScriptedUpstream.StartAsync((http, _) => FailAsync(http, "eu", "us"));
        await using GatewayHarness started = gateway = await GatewayHarness.StartAsync([us.Address, eu.Address]);

        using HttpResponseMessage response = await gateway.Client.SendAsync(
            GatewayHarness.Messages(GatewayHarness.MessagesBody(false)));

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        UsageRecord usage = Assert.Single(gateway.Journal.Settled);
        Assert.Equal((Assert.Single(asked), 1), (usage.Place.Jurisdiction, usage.Attempts));
    }

    /// <summary>Under load, with masks and reloads by turns: what came after a flip never goes where it denies, whatever
    /// failed and was tried again; and every place in the records is one that its rules allow.</summary>
    [Fact]
    public async Task No_request_that_came_after_a_flip_goes_where_it_denies()
    {
        var seen = new ConcurrentQueue<(int Upstream, int Epoch)>();
        int number = 0;
        ScriptedUpstream[] upstreams = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => ScriptedUpstream.StartAsync(
            (http, request) =>
            {
                seen.Enqueue((i, int.Parse(Epoch().Match(request.Text).Groups[1].Value, CultureInfo.InvariantCulture)));
                return Interlocked.Increment(ref number) % 5 == 0
                    ? ScriptedUpstream.JsonAsync(http, 503, "{}")
                    : ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
            })));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([.. upstreams.Select(u => u.Address)], c => c with
        {
            Deployments = [.. c.Deployments.Select(d => d with { MaxConcurrency = 2 })],
            Server = c.Server with { Gateway = c.Server.Gateway with { RetryBudgetRatio = 10 } },
        });
        var random = new Random(20261122);
        var denied = new Dictionary<int, string[]>();
        for (int epoch = 0; epoch < 40; epoch++)
        {
            denied[epoch] = random.Next(4) switch { 0 => [], 1 => ["us"], 2 => ["eu"], _ => ["us", "eu"] };
            Task<HttpResponseMessage>[] before = [.. Enumerable.Range(0, 12).Select(_ => SendAsync(gateway, epoch: -1))];
            Flip(gateway, Deny(epoch + 1, denied[epoch]));
            Task<HttpResponseMessage>[] after = [.. Enumerable.Range(0, 12).Select(_ => SendAsync(gateway, epoch: epoch))];
            if (epoch % 4 == 0)
            {
                gateway.Reload(gateway.State.Model.Config with { Version = 1 });
            }

            foreach (HttpResponseMessage response in await Task.WhenAll([.. before, .. after]))
            {
                Assert.True(
                    response.StatusCode is HttpStatusCode.OK or HttpStatusCode.Forbidden or HttpStatusCode.BadGateway
                        || (int)response.StatusCode == 529,
                    await response.Content.ReadAsStringAsync());
                response.Dispose();
            }
        }

        Assert.DoesNotContain(seen, s => s.Epoch >= 0 && denied[s.Epoch].Contains(s.Upstream % 2 == 0 ? "us" : "eu"));
        Assert.Contains(seen, s => s.Epoch >= 0);
        Assert.All(gateway.Journal.Settled, r => Assert.All(
            r.EarlierPlaces.Append(r.Place).Where(p => p.Context is not null),
            p => Assert.Empty(PlaceCheck.Broken(EvidenceOf(r, p))!)));
        Assert.Contains(gateway.Journal.Settled, r => r.EarlierPlaces.Count > 0);
        Assert.All(gateway.State.Model.Deployments, d => Assert.Equal(0, gateway.State.Of(d).InFlight));
        await Task.WhenAll(upstreams.Select(u => u.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task Counting_tokens_sends_nothing_where_a_model_is_denied()
    {
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, """{"input_tokens":5}"""));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address]);
        Flip(gateway, Deny(1) with { Everywhere = true });
        HttpRequestMessage request = GatewayHarness.Messages(GatewayHarness.MessagesBody(false));
        request.RequestUri = new Uri("/v1/messages/count_tokens", UriKind.Relative);

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task The_fleet_files_rule_holds_beside_the_mask_and_is_not_lifted_with_it()
    {
        await using ScriptedUpstream us = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([us.Address], c => c with
        {
            Models = [c.Models[0] with { Export = new ExportRuleConfig { DenyCountries = ["US"] } }],
        });
        Flip(gateway, Deny(1, "us"));
        Flip(gateway, Deny(2));

        using HttpResponseMessage response = await SendAsync(gateway);

        Assert.Equal("export_control", response.Headers.GetValues("x-forebay-reason").Single());
        Assert.Empty(us.Requests);
    }

    private static ExportDenials Deny(long version, params string[] jurisdictions) =>
        new(GatewayHarness.Model, version, 0, "test", false, jurisdictions, [], []);

    private static void Flip(GatewayHarness gateway, ExportDenials mask)
    {
        gateway.State.Exports = gateway.State.Exports.With(mask);
        gateway.State.WakeWaiters();
    }

    private static Task<HttpResponseMessage> SendAsync(GatewayHarness gateway, int epoch = -1) =>
        gateway.Client.SendAsync(GatewayHarness.Messages(
            GatewayHarness.MessagesBody(false, $",\"metadata\":{{\"user_id\":\"epoch {epoch}.\"}}")));

    private static PlaceEvidence EvidenceOf(UsageRecord r, ServedPlace p) => new(
        r.Tenant, r.Model, PlaceRole.Last, p.Context!.Hash, p.Context.Content, p.Site, p.Jurisdiction, p.Country,
        p.Kind.Word(), 1, default, default);

    [GeneratedRegex(@"epoch (-?\d+)\.")]
    private static partial Regex Epoch();
}
