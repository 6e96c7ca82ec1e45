using System.Net;
using System.Net.Sockets;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>Each deadline towards an upstream, told apart and recorded.</summary>
public sealed class UpstreamTimeoutTests
{
    private static readonly IReadOnlyList<string> Begun = [.. Answers.AnthropicStream.Take(4)];

    [Fact]
    public async Task Every_deadline_ends_its_request_with_its_own_words_and_a_record()
    {
        using var folder = new TemporaryFolder();
        using var mute = new TcpListener(IPAddress.Loopback, 0);
        mute.Start();
        await using ScriptedUpstream silent = await ScriptedUpstream.StartAsync(StaySilentAsync);
        await using ScriptedUpstream stalling = await ScriptedUpstream.StartAsync(StallAsync);
        await using ScriptedUpstream endless = await ScriptedUpstream.StartAsync(GoOnAsync);
        string file = new TestFleet(
            // It accepts and never says a word of TLS: no connection comes about.
            new TestDeployment(
                "mute", "connect", new Uri($"https://{mute.LocalEndpoint}"), Timeouts("connect_seconds: 0.25")),
            new TestDeployment("silent", "first-byte", silent.Address, Timeouts("first_byte_seconds: 0.3")),
            new TestDeployment("stalling", "idle", stalling.Address, Timeouts("idle_seconds: 0.35")),
            new TestDeployment(
                "endless",
                "total",
                endless.Address,
                Timeouts("connect_seconds: 0.4, first_byte_seconds: 0.4, idle_seconds: 0.4, total_seconds: 0.4")))
            .Write(folder.File("forebay.yaml"));
        await using ForebayProcess server = await ForebayProcess.ServeAsync(file, folder.File("data"));
        string key = await Cli.NewKeyAsync(folder.File("data"), "acme");

        (string Model, bool Stream, int Status, string Words)[] cases =
        [
            ("connect", false, 504, "no connection within 0.25 s"),
            ("connect", true, 504, "no connection within 0.25 s"),
            ("first-byte", false, 504, "no first byte within 0.3 s"),
            ("first-byte", true, 504, "no first byte within 0.3 s"),
            ("idle", true, 200, "no byte for 0.35 s"),
            ("total", true, 200, "not finished within 0.4 s"),
        ];
        Answer[] answers = await Task.WhenAll(cases.Select(
            c => server.Api.AskAsync(Calls.Messages(c.Model, c.Stream, key: key))));
        await server.StopAsync();

        var records = (await ServerRecords.ReadAsync(folder.File("data"))).ToDictionary(r => r.IdText());
        Assert.Equal(cases.Length, records.Count);
        foreach (((string Model, bool Stream, int Status, string Words) expected, Answer answer) in cases.Zip(answers))
        {
            Assert.Equal(expected.Status, answer.Status);
            Assert.Contains(expected.Words, answer.Text, StringComparison.Ordinal);
            Assert.Contains("timeout_error", answer.Text, StringComparison.Ordinal);
            UsageRecord record = records[answer.RequestId];
            Assert.Equal(
                (UsageOutcome.Failed, Reason.UpstreamTimeout, expected.Status, 1),
                (record.Outcome, record.Reason, record.Status, record.Attempts));
        }
    }

    private static string Timeouts(string keys) => $", timeouts: {{{keys}}}";

    private static Task StaySilentAsync(HttpContext http, ReceivedRequest request) => request.Aborted;

    private static async Task StallAsync(HttpContext http, ReceivedRequest request)
    {
        await ScriptedUpstream.StreamAsync(http, Begun);
        await request.Aborted;
    }

    private static async Task GoOnAsync(HttpContext http, ReceivedRequest request)
    {
        await ScriptedUpstream.StreamAsync(http, Begun);
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        while (!request.Aborted.IsCompleted && await beat.WaitForNextTickAsync())
        {
            await ScriptedUpstream.StreamAsync(http, [Begun[^1]]);
        }
    }
}
