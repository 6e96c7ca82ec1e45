using Forebay.Core.Usage;
using Forebay.FunctionalTests.Server;
using Forebay.Storage;
using Forebay.Storage.Data;
using Forebay.TestKit;
using Forebay.TestKit.Upstreams;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Storage;

/// <summary>A file system that really fills up, and is cleared again under a running store.</summary>
public sealed class FullDiskTests
{
    [Fact(Timeout = 120_000)]
    public async Task A_full_disk_stops_acceptance_and_loses_nothing()
    {
        await using SmallDisk disk = await SmallDisk.MountAsync();
        await disk.TakeAsync(2 << 20);
        using DataDirectory directory = DataDirectory.Open(Path.Combine(disk.Path, "data"));
        await using LocalStore store = await LocalStore.OpenAsync(
            directory, TimeProvider.System, NullLogger.Instance,
            new LocalStoreOptions { FoldInterval = TimeSpan.FromHours(1) });
        var open = new Queue<ulong>();
        ulong next = 0;
        while (true)
        {
            try
            {
                store.Journal.Accept(new AcceptRecord(next + 1, 1_772_366_400_000, "t", "k", "m", 1, 1));
            }
            catch (JournalUnavailableException)
            {
                break;
            }

            open.Enqueue(++next);
            if (open.Count > 50)
            {
                Settle(store, open.Dequeue());
            }
        }

        Assert.False(store.Journal.Writable);
        while (open.TryDequeue(out ulong id))
        {
            Settle(store, id);
        }

        disk.Clear();
        while (!store.Journal.Writable)
        {
            await Task.Delay(
                TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        IReadOnlyList<UsageRow> rows = await store.Ledger.QueryAsync(
            new UsageQuery(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue, []), default);
        Assert.Equal(
            ((long)next, (long)(next * (next + 1) / 2)), (rows.Sum(r => r.Requests), rows.Sum(r => r.Tokens.Output)));
    }

    /// <summary>The whole server: clients are told, what is in flight ends well, and space is enough to go on.</summary>
    [Fact(Timeout = 120_000)]
    public async Task A_server_whose_disk_is_full_says_so_and_serves_again_when_there_is_space()
    {
        await using SmallDisk disk = await SmallDisk.MountAsync();
        using var folder = new TemporaryFolder();
        using var go = new SemaphoreSlim(0);
        await using ScriptedUpstream upstream = await ScriptedUpstream.StartAsync(async (http, request) =>
        {
            if (!request.Text.Contains("\"stream\":true", StringComparison.Ordinal))
            {
                await ScriptedUpstream.JsonAsync(http, 200, Answers.AnthropicMessage);
                return;
            }

            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Take(4));
            await go.WaitAsync();
            await ScriptedUpstream.StreamAsync(http, Answers.AnthropicStream.Skip(4));
        });
        string data = Path.Combine(disk.Path, "data");
        string file = new TestFleet(new TestDeployment("d", "atlas", upstream.Address)).Write(folder.File("forebay.yaml"));
        await using ForebayProcess server = await ForebayProcess.ServeAsync(file, data);
        string key = await Server.Cli.NewKeyAsync(data, "acme");
        using HttpResponseMessage begun = await server.Api.SendAsync(
            Calls.Messages("atlas", stream: true, key: key), HttpCompletionOption.ResponseHeadersRead);

        await disk.FillAsync();
        Answer refused = await server.Api.AskAsync(Calls.Messages("atlas", key: key));
        while (refused.Status != 503)
        {
            // What the journal's file already has of space is used up first.
            Assert.Equal(200, refused.Status);
            refused = await server.Api.AskAsync(Calls.Messages("atlas", key: key));
        }

        Assert.Equal("journal_unavailable", refused.Headers["x-forebay-reason"]);
        go.Release();
        Assert.True((await begun.ReadAsync()).IsComplete);

        disk.Clear();
        await Eventually.TrueAsync(
            async () => (await server.Api.AskAsync(Calls.Messages("atlas", key: key))).Status == 200, () => server.Errors);
        await server.StopAsync();
    }

    private static void Settle(LocalStore store, ulong id) => store.Journal.Settle(new UsageRecord
    {
        RequestId = id, AcceptedUnixMs = 1_772_366_400_000, Tenant = "t", Key = "k", Model = "m",
        Outcome = UsageOutcome.Completed, Tokens = new TokenUsage(0, 0, 0, (long)id),
    });
}
