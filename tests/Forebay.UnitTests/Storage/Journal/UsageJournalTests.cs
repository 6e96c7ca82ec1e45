using Forebay.Core.Usage;
using Forebay.Storage;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.UnitTests.Storage.Journal;

public sealed class UsageJournalTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FaultyDisk _disk = new();
    private readonly ManualTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_full_disk_stops_acceptance_and_keeps_settlements()
    {
        await using OpenStore open = await OpenAsync();
        IUsageJournal journal = open.Store.Journal;
        journal.Accept(Records.Accept(1));
        journal.Accept(Records.Accept(2));
        _disk.Full = true;

        journal.Settle(Records.Settle(1));
        Assert.False(journal.Writable);
        Assert.Throws<JournalUnavailableException>(() => journal.Accept(Records.Accept(3)));
        journal.Settle(Records.Settle(2));

        _disk.Full = false;
        await _time.AdvanceUntilAsync(TimeSpan.FromMilliseconds(250), () => journal.Writable);
        journal.Accept(Records.Accept(3));
        journal.Settle(Records.Settle(3));

        Assert.Equal([1, 2, 3], await RequestsAsync(open.Store));
        Assert.Equal(3, await CountAsync(open.Store));
    }

    [Fact]
    public async Task A_refused_acceptance_leaves_no_trace()
    {
        await using (OpenStore open = await OpenAsync())
        {
            _disk.Full = true;
            Assert.Throws<JournalUnavailableException>(() => open.Store.Journal.Accept(Records.Accept(1)));
            _disk.Full = false;
            open.Store.UsageJournal.Sync();
            Assert.True(open.Store.Journal.Writable);
        }

        await using OpenStore again = await OpenAsync();
        Assert.Equal(0, again.Store.Recovery.Interrupted);
        Assert.Equal(0, await CountAsync(again.Store));
    }

    [Fact]
    public async Task What_a_failed_sync_may_have_lost_is_written_again_and_counts_once()
    {
        await using (OpenStore open = await OpenAsync())
        {
            for (ulong i = 1; i <= 3; i++)
            {
                open.Store.Journal.Accept(Records.Accept(i));
                open.Store.Journal.Settle(Records.Settle(i));
            }

            _disk.FailsSync = true;
            open.Store.UsageJournal.Sync();
            Assert.False(open.Store.Journal.Writable);
            _disk.FailsSync = false;
            open.Store.UsageJournal.Sync();

            Assert.True(open.Store.Journal.Writable);
            Assert.Equal([1, 2, 3], await RequestsAsync(open.Store));
            Assert.Equal(3, await CountAsync(open.Store));
        }

        await using OpenStore again = await OpenAsync();
        Assert.Equal([1, 2, 3], await RequestsAsync(again.Store));
        Assert.Empty(again.Store.Recovery.Damage);
    }

    [Fact]
    public async Task Settlements_that_never_reach_the_disk_are_interrupted_at_the_next_start()
    {
        await using (OpenStore open = await OpenAsync())
        {
            open.Store.Journal.Accept(Records.Accept(1));
            open.Store.UsageJournal.Sync();
            _disk.Full = true;
            open.Store.Journal.Settle(Records.Settle(1));
        }

        _disk.Full = false;
        await using OpenStore again = await OpenAsync();
        Assert.Equal(1, again.Store.Recovery.Interrupted);
        Assert.Equal(1, await CountAsync(again.Store));
    }

    [Fact]
    public async Task Full_segments_are_followed_by_new_ones_without_a_seam()
    {
        await using OpenStore open = await OpenAsync(new LocalStoreOptions { SegmentBytes = 1000 });
        for (ulong i = 1; i <= 50; i++)
        {
            open.Store.Journal.Accept(Records.Accept(i));
            open.Store.Journal.Settle(Records.Settle(i));
            open.Store.UsageJournal.Sync();
        }

        Assert.True(open.Store.Segments.Segments().Length > 5);
        Assert.Equal(Enumerable.Range(1, 50).Select(i => (ulong)i), await RequestsAsync(open.Store));
        Assert.Equal(50, await CountAsync(open.Store));
    }

    [Fact]
    public async Task The_background_syncs_what_was_written()
    {
        await using OpenStore open = await OpenAsync();
        _disk.FailsSync = true;
        open.Store.Journal.Accept(Records.Accept(1));

        await _time.AdvanceUntilAsync(TimeSpan.FromMilliseconds(5), () => !open.Store.Journal.Writable);

        _disk.FailsSync = false;
        await _time.AdvanceUntilAsync(TimeSpan.FromMilliseconds(250), () => open.Store.Journal.Writable);
    }

    [Fact]
    public async Task A_closed_journal_accepts_nothing()
    {
        OpenStore open = await OpenAsync();
        await open.DisposeAsync();

        Assert.False(open.Store.Journal.Writable);
        Assert.Throws<JournalUnavailableException>(() => open.Store.Journal.Accept(Records.Accept(1)));
    }

    [Fact]
    public async Task Appending_allocates_nothing()
    {
        await using OpenStore open = await OpenAsync();
        AcceptRecord[] accepts = [.. Enumerable.Range(0, 3000).Select(i => Records.Accept((ulong)i))];
        UsageRecord[] settles = [.. Enumerable.Range(0, 3000).Select(i => Records.Settle((ulong)i))];
        // Both buffers grow once.
        Append(0, 1000);
        open.Store.UsageJournal.Sync();
        Append(1000, 2000);
        open.Store.UsageJournal.Sync();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Append(2000, 3000);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(0, allocated);

        void Append(int from, int to)
        {
            for (int i = from; i < to; i++)
            {
                open.Store.Journal.Accept(accepts[i]);
                open.Store.Journal.Settle(settles[i]);
            }
        }
    }

    private Task<OpenStore> OpenAsync(LocalStoreOptions? options = null) =>
        OpenStore.OpenAsync(_folder.Of("data"), _time, options, _disk);

    private static async Task<long> CountAsync(LocalStore store) =>
        (await store.Ledger.QueryAsync(Records.Everything(), default)).Sum(r => r.Requests);

    private static async Task<List<ulong>> RequestsAsync(LocalStore store)
    {
        var ids = new List<ulong>();
        await foreach (UsageRecord r in store.ReadRequestsAsync(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue))
        {
            ids.Add((ulong)r.RequestId);
        }

        return ids;
    }
}
