using System.Collections.Concurrent;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Errors;
using Forebay.Core.Usage;
using Forebay.TestKit;
using Xunit;

namespace Forebay.FunctionalTests.Server;

/// <summary>kill -9 in the middle of traffic: no usage is lost, none is counted twice.</summary>
public sealed class KillTests
{
    private const int Callers = 8;
    private const int Hanging = 4;
    private const int EnoughAnswers = 100;

    [Fact]
    public async Task Usage_survives_kill_9_and_each_accepted_request_is_recorded_once()
    {
        using var folder = new TemporaryFolder();
        string data = folder.File("data");
        Seen seen = await ServeUntilKilledAsync(data);

        // The next process finds what the killed one left, and the key of the one before goes on.
        long served;
        IReadOnlyDictionary<string, UsageRowView> byOutcome;
        await using (ForebayProcess second = await ForebayProcess.UpAsync(data))
        {
            Answer again = await second.Api.AskAsync(Calls.Messages("atlas-small", key: seen.Key));
            Assert.True(again.IsComplete, again.Text);
            served = 1;
            UsageView usage = await Cli.JsonAsync(data, AdminJson.Default.UsageView, "usage", "--by", "outcome");
            byOutcome = usage.Rows.ToDictionary(r => r.Group["outcome"]);
            await second.StopAsync();
        }

        IReadOnlyList<UsageRecord> records = await ServerRecords.ReadAsync(data);
        var found = new Dictionary<string, UsageRecord>();
        Assert.All(records, r => Assert.True(found.TryAdd(r.IdText(), r), $"{r.IdText()} is recorded twice"));
        Assert.All(seen.Complete, id => Assert.Equal(UsageOutcome.Completed, found[id].Outcome));
        Assert.All(seen.Begun, id => Assert.Contains(id, found));
        Assert.All(
            records.Where(r => r.Outcome == UsageOutcome.Interrupted),
            r => Assert.Equal((Reason.Internal, 0L), (r.Reason, r.CustomerPriceMicros)));
        Assert.InRange(
            records.Count(r => r.Outcome == UsageOutcome.Interrupted), Hanging, Hanging + Callers);
        Assert.True(records.Count >= seen.Complete.Count + Hanging + served);

        // What the command says is the sum of the records.
        Assert.Equal(
            records.GroupBy(r => Words(r.Outcome)).ToDictionary(
                g => g.Key,
                g => (g.LongCount(), g.Sum(r => r.Tokens.Output), g.Sum(r => r.CustomerPriceMicros))),
            byOutcome.ToDictionary(
                r => r.Key, r => (r.Value.Requests, r.Value.OutputTokens, r.Value.CustomerPriceMicros)));
    }

    private static async Task<Seen> ServeUntilKilledAsync(string data)
    {
        await using ForebayProcess first = await ForebayProcess.UpAsync(data);
        Assert.Single(first.Children);
        var seen = new Seen(first.Ready.ApiKey!);
        var begun = new CountdownEvent(Hanging);
        var enough = new TaskCompletionSource();
        Task[] work =
        [
            .. Enumerable.Range(0, Hanging).Select(_ => HangAsync(first, seen, begun)),
            .. Enumerable.Range(0, Callers).Select(i => CallAsync(first, seen, i, enough)),
        ];
        await Eventually.Within(enough.Task);
        await Eventually.TrueAsync(() => begun.IsSet, () => "No stream began");
        first.Signal(ProcessSignal.Kill);
        Ended ended = await first.EndedAsync();
        Assert.Equal(128 + (int)ProcessSignal.Kill, ended.Code);
        await Eventually.Within(Task.WhenAll(work));
        return seen;
    }

    /// <summary>A stream that never ends: in flight whenever the process dies.</summary>
    private static async Task HangAsync(ForebayProcess server, Seen seen, CountdownEvent begun)
    {
        try
        {
            using HttpResponseMessage response = await server.Api.SendAsync(
                Calls.Messages("atlas-small", stream: true, maxTokens: 64, fault: "stall=2"),
                HttpCompletionOption.ResponseHeadersRead);
            seen.Begun.Add(response.Headers.GetValues("request-id").First());
            begun.Signal();
            await response.Content.ReadAsStringAsync();
        }
        catch (HttpRequestException)
        {
            // Killed.
        }
    }

    private static async Task CallAsync(ForebayProcess server, Seen seen, int number, TaskCompletionSource enough)
    {
        try
        {
            for (int i = number; ; i++)
            {
                using HttpRequestMessage request = i % 2 == 0
                    ? Calls.Messages("atlas-small", stream: i % 4 == 0)
                    : Calls.Chat("atlas-small", stream: i % 4 == 1);
                using HttpResponseMessage response = await server.Api.SendAsync(
                    request, HttpCompletionOption.ResponseHeadersRead);
                string id = response.Headers.GetValues("request-id").First();
                seen.Begun.Add(id);
                Answer answer = await response.ReadAsync();
                Assert.True(answer.IsComplete, answer.Text);
                seen.Complete.Add(id);
                if (seen.Complete.Count == EnoughAnswers)
                {
                    enough.TrySetResult();
                }
            }
        }
        catch (HttpRequestException)
        {
            // Killed.
        }
    }

    private static string Words(UsageOutcome outcome) => outcome switch
    {
        UsageOutcome.ClientGone => "client_gone",
        _ => outcome.ToString().ToLowerInvariant(),
    };

    /// <summary>What clients saw.</summary>
    private sealed record Seen(string Key)
    {
        /// <summary>Ids of requests whose answer began.</summary>
        public ConcurrentBag<string> Begun { get; } = [];

        /// <summary>Ids of requests whose answer came whole.</summary>
        public ConcurrentBag<string> Complete { get; } = [];
    }
}
