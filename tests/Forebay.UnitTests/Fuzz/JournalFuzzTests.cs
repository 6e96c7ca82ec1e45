using Forebay.Core.Usage;
using Forebay.Storage.Journal;
using Forebay.TestKit.Fuzzing;
using Forebay.UnitTests.Storage;
using Xunit;

namespace Forebay.UnitTests.Fuzz;

/// <summary>Journal bytes as a failing disk leaves them.</summary>
public sealed class JournalFuzzTests
{
    private static readonly byte[][] Frames =
    [
        .. Enumerable.Range(1, 8).Select(i => JournalCodec.Frame(Records.Accept((ulong)i)).ToArray()),
        .. Enumerable.Range(1, 8).Select(i => JournalCodec.Frame(Records.Settle((ulong)i)).ToArray()),
    ];

    /// <summary>A frame is read as it was written or not at all; one whose checksum was made to fit is read or refused,
    /// and nothing throws.</summary>
    [Fact]
    public void Damaged_frames_are_refused() => FuzzRun.Each("journal frames", 20_000, random =>
    {
        byte[] frame = Corpus.Damaged(Frames, random);
        if (frame.Length < JournalFormat.FrameHeaderBytes)
        {
            return;
        }

        bool claimed = JournalFormat.ClaimedFrameBytes(frame) == frame.Length;
        if (claimed && JournalCodec.TryRead(frame, new TextPool(), out _))
        {
            Assert.Contains(Frames, f => f.AsSpan().SequenceEqual(frame));
        }

        if (frame.Length <= JournalFormat.MaxFrameBytes)
        {
            JournalFormat.SealFrame(frame, frame[8]);
            _ = JournalCodec.TryRead(frame, new TextPool(), out _);
        }
    });

    /// <summary>A store opens over any damage behind its segment's header, counts each request at most once, and counts
    /// none that was never accepted.</summary>
    [Fact]
    public async Task A_store_opens_over_a_damaged_journal()
    {
        byte[] whole;
        using (var folder = new TempFolder())
        {
            whole = await WrittenAsync(folder);
        }

        await FuzzRun.EachAsync("journals", 40, atOnce: 1, async random =>
        {
            using var folder = new TempFolder();
            _ = await WrittenAsync(folder);
            byte[] tail = ByteMutation.Of(whole[JournalFormat.HeaderBytes..], whole, random);
            File.WriteAllBytes(Segment(folder), [.. whole[..JournalFormat.HeaderBytes], .. tail]);
            File.Delete(folder.Of("data/forebay.db"));
            File.Delete(folder.Of("data/version"));

            await using OpenStore again = await OpenStore.OpenAsync(folder.Of("data"));
            IReadOnlyList<UsageRow> rows = await again.Store.Ledger.QueryAsync(Records.Everything(), default);

            Assert.InRange(rows.Sum(r => r.Requests), 0, 8);
            again.Store.Journal.Accept(Records.Accept(99));
            again.Store.Journal.Settle(Records.Settle(99));
        });
    }

    private static async Task<byte[]> WrittenAsync(TempFolder folder)
    {
        await using (OpenStore open = await OpenStore.OpenAsync(folder.Of("data")))
        {
            for (ulong i = 1; i <= 8; i++)
            {
                open.Store.Journal.Accept(Records.Accept(i));
                open.Store.Journal.Settle(Records.Settle(i));
            }
        }

        return File.ReadAllBytes(Segment(folder));
    }

    private static string Segment(TempFolder folder) => folder.Of("data/journal/" + JournalFormat.FileName(1));
}
