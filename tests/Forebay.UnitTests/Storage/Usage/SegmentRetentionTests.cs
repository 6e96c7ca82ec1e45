using Forebay.Storage;
using Forebay.TestKit.Time;
using Xunit;

namespace Forebay.UnitTests.Storage.Usage;

public sealed class SegmentRetentionTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(4_000, 100_000)]
    [InlineData(1 << 30, 7)]
    public async Task Folded_segments_go_by_size_or_age_and_the_ledger_keeps_their_sums(long bytes, int days)
    {
        var options = new LocalStoreOptions
        {
            SegmentBytes = 1_000, RequestRetentionBytes = bytes, RequestRetention = TimeSpan.FromDays(days),
            FoldInterval = TimeSpan.FromDays(1),
        };
        await using (OpenStore open = await OpenStore.OpenAsync(_folder.Of("data"), _time, options))
        {
            for (ulong i = 1; i <= 40; i++)
            {
                open.Store.Journal.Accept(Records.Accept(i));
                open.Store.Journal.Settle(Records.Settle(i));
                open.Store.UsageJournal.Sync();
            }

            int before = open.Store.Segments.Segments().Length;
            await _time.AdvanceUntilAsync(
                TimeSpan.FromDays(1), () => open.Store.Segments.Segments().Length <= before / 2);
            Assert.Equal(40, await CountAsync(open.Store));
        }

        await using OpenStore again = await OpenStore.OpenAsync(_folder.Of("data"), _time, options);
        Assert.Empty(again.Store.Recovery.Damage);
        Assert.Equal(40, await CountAsync(again.Store));
    }

    [Fact]
    public async Task A_request_open_for_longer_than_its_segment_is_kept_still_counts()
    {
        var options = new LocalStoreOptions
        {
            SegmentBytes = 1_000, RequestRetentionBytes = 0, FoldInterval = TimeSpan.FromMinutes(1),
        };
        await using OpenStore open = await OpenStore.OpenAsync(_folder.Of("data"), _time, options);
        open.Store.Journal.Accept(Records.Accept(1));
        for (ulong i = 2; i <= 20; i++)
        {
            open.Store.Journal.Accept(Records.Accept(i));
            open.Store.Journal.Settle(Records.Settle(i));
            open.Store.UsageJournal.Sync();
        }

        await _time.AdvanceUntilAsync(TimeSpan.FromMinutes(1), () => open.Store.Segments.Segments()[0] > 1);
        open.Store.Journal.Settle(Records.Settle(1));

        Assert.Equal(20, await CountAsync(open.Store));
    }

    private static async Task<long> CountAsync(LocalStore store) =>
        (await store.Ledger.QueryAsync(Records.Everything(), default)).Sum(r => r.Requests);
}
