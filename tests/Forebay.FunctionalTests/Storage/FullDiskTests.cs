using System.Diagnostics;
using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.Storage.Data;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Forebay.FunctionalTests.Storage;

/// <summary>A file system that really fills up, and is cleared again under a running store.</summary>
public sealed class FullDiskTests
{
    [Fact(Timeout = 120_000)]
    public async Task A_full_disk_stops_acceptance_and_loses_nothing()
    {
        string mount = Directory.CreateTempSubdirectory("forebay-full-").FullName;
        if (!await RunAsync("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount))
        {
            Directory.Delete(mount);
            Assert.Skip("needs the right to mount a small file system (root)");
        }

        try
        {
            await FillAndClearAsync(mount);
        }
        finally
        {
            Assert.True(await RunAsync("umount", mount));
            Directory.Delete(mount);
        }
    }

    private static async Task FillAndClearAsync(string mount)
    {
        string ballast = Path.Combine(mount, "ballast");
        await File.WriteAllBytesAsync(ballast, new byte[2 << 20]);
        using DataDirectory directory = DataDirectory.Open(Path.Combine(mount, "data"));
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

        File.Delete(ballast);
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

    private static void Settle(LocalStore store, ulong id) => store.Journal.Settle(new UsageRecord
    {
        RequestId = id, AcceptedUnixMs = 1_772_366_400_000, Tenant = "t", Key = "k", Model = "m",
        Outcome = UsageOutcome.Completed, Tokens = new TokenUsage(0, 0, 0, (long)id),
    });

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
