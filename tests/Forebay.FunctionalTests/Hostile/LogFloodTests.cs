using Forebay.FunctionalTests.Gateway;
using Forebay.TestKit.Time;
using Forebay.TestKit.Upstreams;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Forebay.FunctionalTests.Hostile;

/// <summary>Requests that nobody speaks for must not fill the disk with log lines.</summary>
public sealed class LogFloodTests
{
    private const int LinesPerMinute = 600;

    [Fact]
    public async Task Strangers_get_so_many_lines_a_minute_and_keys_get_theirs()
    {
        var time = new ManualTime();
        using var logs = new RecordingLogs();
        using ILoggerFactory loggers = logs.CreateFactory();
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(
            (http, _) => ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage));
        await using GatewayHarness gateway = await GatewayHarness.StartAsync([upstream.Address], time, loggers);

        await SendAsync(gateway, LinesPerMinute + 100, "fb-nobody");
        Assert.Equal(LinesPerMinute, Count(logs));

        // What a key speaks for is told whatever strangers do.
        await SendAsync(gateway, 3, GatewayHarness.Secret);
        Assert.Equal(LinesPerMinute + 3, Count(logs));

        time.Advance(TimeSpan.FromSeconds(1));
        await SendAsync(gateway, 20, "fb-nobody");
        Assert.Equal(LinesPerMinute + 3 + LinesPerMinute / 60, Count(logs));
    }

    private static int Count(RecordingLogs logs) => logs.Lines.Count(l => l.Contains(" failed: ", StringComparison.Ordinal));

    private static async Task SendAsync(GatewayHarness gateway, int count, string secret)
    {
        for (int i = 0; i < count; i++)
        {
            using HttpResponseMessage response = await gateway.Client.SendAsync(GatewayHarness.Messages("{}", secret));
            Assert.True((int)response.StatusCode is 400 or 401);
        }
    }
}
