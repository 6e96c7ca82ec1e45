using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.Storage.Journal;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Storage.Journal;

public sealed class JournalCodecTests
{
    [Fact]
    public void An_acceptance_reads_back()
    {
        Prop.ForAll<(ulong Id, long At, NonNull<string> Text, long Input, long Output)>(x =>
        {
            var record = new AcceptRecord(new UInt128(x.Id, 7), x.At, Clean(x.Text.Get), "key", "", x.Input, x.Output);
            return JournalCodec.TryRead(JournalCodec.Frame(record), new TextPool(), out JournalRecord read)
                && read.Settle is null && read.Accept == record;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_settlement_reads_back()
    {
        Prop.ForAll<(NonNull<string> Text, long A, long B, double C, byte Flags)>(x =>
        {
            var record = new UsageRecord
            {
                RequestId = UInt128.MaxValue, AcceptedUnixMs = x.A, Tenant = Clean(x.Text.Get), Key = "k", Model = "m",
                Deployment = "d", Pool = "p", Site = "s", Provider = "é", Backing = (Backing)(x.Flags % 3),
                Dialect = (Dialect)(x.Flags % 2), Stream = (x.Flags & 4) != 0, Estimated = (x.Flags & 8) != 0,
                Outcome = (UsageOutcome)(x.Flags % 4), Reason = Reason.UpstreamCut, Status = (int)x.B,
                Tokens = new TokenUsage(x.A, x.B, long.MinValue, long.MaxValue), ProviderCostMicros = x.B,
                CustomerPriceMicros = -x.A, TimeToFirstTokenMs = x.C, TotalMs = -x.C, Attempts = x.Flags,
            };
            return JournalCodec.TryRead(JournalCodec.Frame(record), new TextPool(), out JournalRecord read)
                && read.Accept is null && read.Settle == record;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Any_flipped_bit_is_noticed()
    {
        byte[] frame = JournalCodec.Frame(Records.Settle(5)).ToArray();
        for (int bit = 0; bit < frame.Length * 8; bit++)
        {
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            bool whole = JournalFormat.ClaimedFrameBytes(frame) == frame.Length;
            Assert.False(whole && JournalCodec.TryRead(frame, new TextPool(), out _), $"bit {bit}");
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void A_record_too_long_for_a_frame_is_refused()
    {
        AcceptRecord record = Records.Accept(1) with { Model = new string('m', JournalFormat.MaxFrameBytes) };

        Assert.Throws<ArgumentException>(() => _ = JournalCodec.Frame(record).Length);
    }

    /// <summary>Lone surrogates are no UTF-8; ids never hold them.</summary>
    private static string Clean(string text) => new([.. text.Where(c => !char.IsSurrogate(c))]);
}
