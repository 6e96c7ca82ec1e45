using Forebay.Storage.Journal;
using Xunit;

namespace Forebay.UnitTests.Storage.Journal;

public sealed class JournalDamageTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_record_damaged_in_the_middle_is_reported_and_the_others_count()
    {
        (long start, long end) = await WriteThreeAsync();
        using (FileStream file = File.OpenWrite(Segment(1)))
        {
            file.Position = (start + end) / 2;
            file.WriteByte(0xff);
            file.WriteByte(0x00);
        }

        File.Delete(_folder.Of("data/forebay.db"));
        File.Delete(_folder.Of("data/version"));
        await using OpenStore again = await OpenStore.OpenAsync(_folder.Of("data"));

        JournalDamage damage = Assert.Single(again.Store.Recovery.Damage);
        Assert.Equal((JournalFormat.FileName(1), start, end - start), (damage.File, damage.Offset, damage.Bytes));
        Assert.Equal(1, again.Store.Recovery.Interrupted);
        Assert.Equal(3, (await again.Store.Ledger.QueryAsync(Records.Everything(), default)).Sum(r => r.Requests));
    }

    [Fact]
    public async Task A_missing_segment_is_reported()
    {
        await WriteThreeAsync();
        await using (OpenStore second = await OpenStore.OpenAsync(_folder.Of("data")))
        {
            second.Store.Journal.Accept(Records.Accept(9));
            second.Store.Journal.Settle(Records.Settle(9));
        }

        await (await OpenStore.OpenAsync(_folder.Of("data"))).DisposeAsync();
        File.Delete(Segment(2));
        File.Delete(_folder.Of("data/forebay.db"));
        File.Delete(_folder.Of("data/version"));

        await using OpenStore again = await OpenStore.OpenAsync(_folder.Of("data"));

        JournalDamage damage = Assert.Single(again.Store.Recovery.Damage);
        Assert.Equal(JournalFormat.FileName(2), damage.File);
        Assert.Equal(3, (await again.Store.Ledger.QueryAsync(Records.Everything(), default)).Sum(r => r.Requests));
    }

    /// <summary>Writes three requests and returns where the second one's settlement lies.</summary>
    private async Task<(long Start, long End)> WriteThreeAsync()
    {
        await using OpenStore open = await OpenStore.OpenAsync(_folder.Of("data"));
        var settled = (Start: 0L, End: 0L);
        for (ulong i = 1; i <= 3; i++)
        {
            open.Store.Journal.Accept(Records.Accept(i));
            long start = new FileInfo(Segment(1)).Length;
            open.Store.Journal.Settle(Records.Settle(i));
            settled = i == 2 ? (start, new FileInfo(Segment(1)).Length) : settled;
        }

        return settled;
    }

    private string Segment(long number) => _folder.Of("data/journal/" + JournalFormat.FileName(number));
}
