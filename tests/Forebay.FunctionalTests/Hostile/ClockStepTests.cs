using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Time;
using Forebay.TestKit.Upstreams;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>The machine's clock is set an hour forward or back while requests come in. What counts time goes on; what is
/// a date follows the clock.</summary>
public sealed class ClockStepTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly ManualTime _time = new();

    public static TheoryData<int> Steps => [1, -1];

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task A_step_of_the_clock_neither_refills_nor_locks_limits(int hours)
    {
        await using ScriptedUpstream upstream = await AnsweringAsync();
        await using GatewayHarness gateway = await StartAsync(upstream, c => c with
        {
            Tiers = [.. c.Tiers.Where(t => t.Id != "scale"), new TierConfig { Id = "scale", RequestsPerMinute = 2 }],
        });
        Assert.Equal("200 200 429", await SendAsync(gateway, 3));

        _time.StepWall(hours * Hour);
        Assert.Equal("429", await SendAsync(gateway, 1));

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("200 429", await SendAsync(gateway, 2));

        _time.StepWall(-hours * Hour);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("200 429", await SendAsync(gateway, 2));
    }

    [Fact]
    public async Task A_key_expires_by_the_wall_clock()
    {
        long expires = (_time.GetUtcNow() + TimeSpan.FromMinutes(30)).ToUnixTimeMilliseconds();
        await using ScriptedUpstream upstream = await AnsweringAsync();
        await using GatewayHarness gateway = await GatewayHarness.StartAsync(
            [upstream.Address], _time, NullLoggerFactory.Instance, null,
            GatewayHarness.KeyOf("key_brief", "acme", "fb-brief-secret", expires: expires));

        Assert.Equal("200", await SendAsync(gateway, 1, "fb-brief-secret"));
        _time.StepWall(Hour);
        Assert.Equal("401", await SendAsync(gateway, 1, "fb-brief-secret"));
        _time.StepWall(-Hour);
        Assert.Equal("200", await SendAsync(gateway, 1, "fb-brief-secret"));
        _time.StepWall(-Hour);
        Assert.Equal("200", await SendAsync(gateway, 1, "fb-brief-secret"));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task Deadlines_and_durations_do_not_follow_the_wall_clock(int hours)
    {
        using var arrived = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, _) =>
        {
            arrived.Release();
            await go.WaitAsync();
            await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
        });
        await using GatewayHarness gateway = await StartAsync(upstream, c => c with
        {
            Deployments =
            [
                c.Deployments[0] with
                {
                    MaxConcurrency = 1,
                    Timeouts = c.Deployments[0].Timeouts with { FirstByteSeconds = 500, TotalSeconds = 600 },
                },
            ],
        });
        Task<string> first = SendAsync(gateway, 1);
        await arrived.WaitAsync();
        Task<string> second = SendAsync(gateway, 1);
        while (gateway.State.Waiting == 0)
        {
            await Task.Yield();
        }

        // Neither the one that waits for its provider nor the one that waits for a place is given up.
        _time.StepWall(hours * Hour);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal((1, 1), (gateway.State.Waiting, gateway.Server.InFlight - 1));

        // The second waits its sixty seconds, no more.
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal("529", await second);
        go.Release();
        Assert.Equal("200", await first);

        await GatewayHealth.IsIdleAsync(gateway);
        Assert.All(gateway.Journal.Settled, u => Assert.InRange(u.TotalMs, 0, 120_000));
    }

    private static Task<ScriptedUpstream> AnsweringAsync() => ScriptedUpstream.StartAsync(
        (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));

    private Task<GatewayHarness> StartAsync(ScriptedUpstream upstream, Func<FleetConfig, FleetConfig> change) =>
        GatewayHarness.StartAsync([upstream.Address], _time, NullLoggerFactory.Instance, change);

    private static async Task<string> SendAsync(
        GatewayHarness gateway, int count, string secret = GatewayHarness.Secret)
    {
        var statuses = new List<int>();
        for (int i = 0; i < count; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(
                GatewayHarness.Messages(GatewayHarness.MessagesBody(false), secret));
            statuses.Add((int)response.StatusCode);
        }

        return string.Join(' ', statuses);
    }
}
