using System.Collections.Concurrent;
using Forebay.Core.Access;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Queue;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.FunctionalTests.Gateway;

/// <summary>Waiting over real sockets: whose turn it is, what those hear who wait, and what those hear who are refused.
/// </summary>
public sealed class FairQueueTests : IAsyncLifetime
{
    private const string Flood = "fb-flood-secret-0123456789";
    private const string Quiet = "fb-quiet-secret-0123456789";
    private const string Bulk = "fb-bulk-secret-0123456789";
    private const string Urgent = "fb-urgent-secret-0123456789";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _arrived = new(0);
    private readonly SemaphoreSlim _go = new(0);
    private readonly ConcurrentQueue<string> _order = new();
    private ScriptedUpstream _upstream = null!;

    public async ValueTask InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync(async (http, request) =>
    {
        // The user field of the body says whose it is.
        _order.Enqueue(request.Text[(request.Text.IndexOf("who:", StringComparison.Ordinal) + 4)..].Split('"')[0]);
        _arrived.Release();
        await Task.WhenAny(_go.WaitAsync(), request.Aborted);
        bool stream = request.Text.Contains("\"stream\":true", StringComparison.Ordinal);
        if (request.Path == "/v1/messages")
        {
            await (stream
                ? ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream)
                : ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        }
        else
        {
            await (stream
                ? ScriptedUpstream.StreamAsync(http, Answers.OpenAiStream(true))
                : ScriptedUpstream.JsonAsync(http, 200, Answers.OpenAiCompletion));
        }
    });

    [Fact]
    public async Task One_that_floods_does_not_make_another_wait_and_a_class_above_goes_first()
    {
        await using GatewayHarness gateway = await StartAsync();
        var all = new List<Task<int>> { AskAsync(gateway, Flood, "flood") };
        await _arrived.WaitAsync(Patience);
        for (int i = 0; i < 8; i++)
        {
            all.Add(await WaitingAsync(gateway, AskAsync(gateway, Flood, "flood"), i + 1));
        }

        all.Add(await WaitingAsync(gateway, AskAsync(gateway, Bulk, "bulk"), 9));
        all.Add(await WaitingAsync(gateway, AskAsync(gateway, Quiet, "quiet"), 10));
        all.Add(await WaitingAsync(gateway, AskAsync(gateway, Urgent, "urgent"), 11));
        for (int i = 0; i < all.Count; i++)
        {
            _go.Release();
        }

        Assert.All(await Task.WhenAll(all).WaitAsync(Patience), s => Assert.Equal(200, s));
        string[] order = [.. _order];
        // The flood's first was served before; the urgent one comes next, then whoever got less than the flood.
        Assert.Equal(["flood", "urgent", "quiet"], order[..3]);
        Assert.Equal("bulk", order[^1]);
        ModelQueue queue = gateway.State.QueueOf(gateway.State.Model.Models[0]);
        Assert.Equal(
            [1, 9, 1],
            ((PriorityClass[])[PriorityClass.Interactive, PriorityClass.Standard, PriorityClass.Batch])
                .Select(c => queue.TallyOf(c).Granted));
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Fact]
    public async Task A_batch_request_waits_behind_others_but_not_for_ever()
    {
        await using GatewayHarness gateway = await StartAsync(g => g with { Queue = new QueueConfig { BatchOneIn = 4 } });
        var all = new List<Task<int>> { AskAsync(gateway, Urgent, "urgent") };
        await _arrived.WaitAsync(Patience);
        all.Add(await WaitingAsync(gateway, AskAsync(gateway, Bulk, "bulk"), 1));
        for (int i = 0; i < 8; i++)
        {
            all.Add(await WaitingAsync(gateway, AskAsync(gateway, Urgent, "urgent"), i + 2));
        }

        _go.Release(all.Count);

        Assert.All(await Task.WhenAll(all).WaitAsync(Patience), s => Assert.Equal(200, s));
        Assert.Equal(4, Array.IndexOf([.. _order], "bulk"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_deadline_that_the_client_names_ends_the_wait_in_its_dialect(bool anthropic)
    {
        await using GatewayHarness gateway = await StartAsync();
        Task<int> holds = AskAsync(gateway, Flood, "flood");
        await _arrived.WaitAsync(Patience);

        HttpRequestMessage request = Request(anthropic, Quiet, "quiet", stream: false);
        request.Headers.Add(anthropic ? "x-forebay-deadline-ms" : "x-stainless-timeout", anthropic ? "150" : "0.15");
        using HttpResponseMessage late = await gateway.Client.SendAsync(request).WaitAsync(Patience);

        Assert.Equal(anthropic ? 529 : 503, (int)late.StatusCode);
        Assert.Equal("queue_timeout", late.Headers.GetValues("x-forebay-reason").Single());
        Assert.InRange(late.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        string body = await late.Content.ReadAsStringAsync();
        Assert.Contains(anthropic ? "overloaded_error" : "\"queue_timeout\"", body);
        _go.Release();
        Assert.Equal(200, await holds);
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-5")]
    [InlineData("soon")]
    [InlineData("1.5")]
    [InlineData("99999999999999999999")]
    public async Task A_deadline_that_makes_no_sense_is_refused(string value)
    {
        await using GatewayHarness gateway = await StartAsync();
        HttpRequestMessage request = Request(true, Quiet, "quiet", stream: false);
        request.Headers.Add("x-forebay-deadline-ms", value);

        using HttpResponseMessage refused = await gateway.Client.SendAsync(request);

        Assert.Equal(400, (int)refused.StatusCode);
        Assert.Contains("x-forebay-deadline-ms", await refused.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_would_wait_past_its_deadline_is_refused_when_it_comes(bool anthropic)
    {
        await using GatewayHarness gateway = await StartAsync();
        // So that it is known how long a place is held.
        _go.Release();
        Assert.Equal(200, await AskAsync(gateway, Flood, "flood"));
        await _arrived.WaitAsync(Patience);
        ModelQueue queue = gateway.State.QueueOf(gateway.State.Model.Models[0]);
        for (int i = 0; i < 200; i++)
        {
            queue.Served(gateway.State.Model.Deployments[0], 20_000_000_000, 0);
        }

        Task<int> holds = AskAsync(gateway, Flood, "flood");
        await _arrived.WaitAsync(Patience);
        Task<int> waits = await WaitingAsync(gateway, AskAsync(gateway, Quiet, "quiet"), 1);
        HttpRequestMessage request = Request(anthropic, Quiet, "quiet", stream: true);
        request.Headers.Add("x-forebay-deadline-ms", "10000");
        using HttpResponseMessage refused = await gateway.Client.SendAsync(request).WaitAsync(Patience);

        Assert.Equal(anthropic ? 529 : 503, (int)refused.StatusCode);
        Assert.Equal("overloaded", refused.Headers.GetValues("x-forebay-reason").Single());
        // Its turn would come in forty seconds, thirty past its patience.
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 25, 35);
        Assert.Equal("true", refused.Headers.GetValues("x-should-retry").Single());
        _go.Release(2);
        Assert.Equal((200, 200), (await holds, await waits));
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Fact]
    public async Task In_a_full_room_the_flood_gives_way()
    {
        await using GatewayHarness gateway = await StartAsync(g => g with { MaxWaiting = 3 });
        Task<int> holds = AskAsync(gateway, Flood, "flood");
        await _arrived.WaitAsync(Patience);
        var flood = new List<Task<int>>();
        for (int i = 0; i < 3; i++)
        {
            flood.Add(await WaitingAsync(gateway, AskAsync(gateway, Flood, "flood"), i + 1));
        }

        Task<int> quiet = AskAsync(gateway, Quiet, "quiet");

        Assert.Equal(529, await flood[2].WaitAsync(Patience));
        Assert.Equal(3, gateway.State.Waiting);
        _go.Release(4);
        Assert.All(
            await Task.WhenAll(holds, quiet, flood[0], flood[1]).WaitAsync(Patience), s => Assert.Equal(200, s));
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_that_waits_is_kept_alive_and_what_fails_then_is_told_in_the_stream(bool anthropic)
    {
        await using GatewayHarness gateway = await StartAsync(g => g with { KeepAliveSeconds = 0.01, MaxWaitSeconds = 1 });
        Task<int> holds = AskAsync(gateway, Flood, "flood");
        await _arrived.WaitAsync(Patience);
        using HttpResponseMessage response = await gateway.Client.SendAsync(
            Request(anthropic, Quiet, "quiet", stream: true), HttpCompletionOption.ResponseHeadersRead).WaitAsync(Patience);

        Assert.Equal(200, (int)response.StatusCode);
        string body = await response.Content.ReadAsStringAsync().WaitAsync(Patience);
        Assert.StartsWith(":", body);
        Assert.Contains(anthropic ? "event: error\n" : "\"error\":", body);
        Assert.Contains(anthropic ? "overloaded_error" : "queue_timeout", body);
        _go.Release();
        Assert.Equal(200, await holds);
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Fact]
    public async Task One_that_goes_away_while_it_waits_takes_no_place()
    {
        await using GatewayHarness gateway = await StartAsync();
        Task<int> holds = AskAsync(gateway, Flood, "flood");
        await _arrived.WaitAsync(Patience);
        using var leave = new CancellationTokenSource();
        Task<HttpResponseMessage> gone = gateway.Client.SendAsync(Request(true, Quiet, "gone", stream: false), leave.Token);
        await WaitingAsync(gateway, gone, 1);
        Task<int> stays = await WaitingAsync(gateway, AskAsync(gateway, Quiet, "stays"), 2);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        await WaitingAsync(gateway, gone, 1);

        _go.Release(2);
        Assert.Equal((200, 200), (await holds.WaitAsync(Patience), await stays.WaitAsync(Patience)));
        Assert.DoesNotContain("gone", _order);
        await GatewayHealth.IsIdleAsync(gateway);
    }

    [Fact]
    public async Task A_storm_with_reloads_and_departures_loses_nobody()
    {
        FleetConfig? config = null;
        await using GatewayHarness gateway = await StartAsync(change: c => config = c);
        _go.Release(100_000);
        string[] keys = [Flood, Quiet, Bulk, Urgent];
        using var stop = new CancellationTokenSource();
        Task reloads = ReloadAsync(gateway, config!, stop.Token);

        int[] ends = await Task.WhenAll(Enumerable.Range(0, 300).Select(async i =>
        {
            using var leave = new CancellationTokenSource();
            if (i % 10 == 0)
            {
                leave.CancelAfter(i % 7);
            }

            try
            {
                using HttpResponseMessage response = await gateway.Client.SendAsync(
                    Request(i % 2 == 0, keys[i % 4], keys[i % 4], i % 3 == 0), leave.Token);
                _ = await response.Content.ReadAsStringAsync(leave.Token);
                return (int)response.StatusCode;
            }
            catch (OperationCanceledException)
            {
                return 0;
            }
        })).WaitAsync(Patience);

        await stop.CancelAsync();
        await reloads;
        Assert.All(ends, e => Assert.Contains(e, (int[])[0, 200]));
        Assert.True(ends.Count(e => e == 200) >= 270);
        await GatewayHealth.IsIdleAsync(gateway);
        gateway.State.QueueOf(gateway.State.Model.Models[0]).Check();
    }

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        _arrived.Dispose();
        _go.Dispose();
    }

    private static async Task ReloadAsync(GatewayHarness gateway, FleetConfig config, CancellationToken stop)
    {
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            DeploymentConfig deployment = config.Deployments[0] with { MaxConcurrency = 1 + i % 3 };
            Assert.Empty(gateway.Reload(config with { Deployments = [deployment] }));
            await Task.Yield();
        }
    }

    /// <summary>The task, once so many wait.</summary>
    private static async Task<T> WaitingAsync<T>(GatewayHarness gateway, T task, int waiting)
        where T : Task
    {
        long started = TimeProvider.System.GetTimestamp();
        while (gateway.State.Waiting != waiting)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, $"{gateway.State.Waiting} wait");
            await Task.Yield();
        }

        return task;
    }

    private static async Task<int> AskAsync(GatewayHarness gateway, string key, string who)
    {
        using HttpResponseMessage response = await gateway.Client.SendAsync(Request(true, key, who, stream: false));
        _ = await response.Content.ReadAsStringAsync();
        return (int)response.StatusCode;
    }

    private static HttpRequestMessage Request(bool anthropic, string key, string who, bool stream)
    {
        string body = $$"""
            {"model":"{{GatewayHarness.Model}}","max_tokens":64,"stream":{{(stream ? "true" : "false")}},
            "messages":[{"role":"user","content":"who:{{who}}"}]}
            """;
        return anthropic ? GatewayHarness.Messages(body, key) : GatewayHarness.Chat(body, key);
    }

    private Task<GatewayHarness> StartAsync(
        Func<GatewayConfig, GatewayConfig>? settings = null, Func<FleetConfig, FleetConfig>? change = null)
    {
        static TierConfig Tier(string id, PriorityClass priority) => new() { Id = id, Priority = priority };
        static ApiKey Key(string tenant, string secret) => GatewayHarness.KeyOf("key_" + tenant, tenant, secret);
        return GatewayHarness.StartAsync(
            [_upstream.Address],
            c =>
            {
                FleetConfig made = c with
                {
                    Deployments =
                    [
                        c.Deployments[0] with
                        {
                            MaxConcurrency = 1,
                            Timeouts = c.Deployments[0].Timeouts with { FirstByteSeconds = 600, TotalSeconds = 600 },
                        },
                    ],
                    Tiers =
                    [
                        .. c.Tiers, Tier("std", PriorityClass.Standard), Tier("batch", PriorityClass.Batch),
                        Tier("now", PriorityClass.Interactive),
                    ],
                    Tenants =
                    [
                        .. c.Tenants, new() { Id = "flood", Tier = "std" }, new() { Id = "quiet", Tier = "std" },
                        new() { Id = "bulk", Tier = "batch" }, new() { Id = "urgent", Tier = "now" },
                    ],
                    Server = c.Server with { Gateway = settings?.Invoke(c.Server.Gateway) ?? c.Server.Gateway },
                };
                return change?.Invoke(made) ?? made;
            },
            Key("flood", Flood),
            Key("quiet", Quiet),
            Key("bulk", Bulk),
            Key("urgent", Urgent));
    }
}
