using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Usage;

namespace Forebay.Storage.Journal;

/// <summary>One record read back: an acceptance or a settlement.</summary>
internal readonly record struct JournalRecord(AcceptRecord? Accept, UsageRecord? Settle);

/// <summary>
/// Turns records into frames and back. The fields of each kind stand in the order written here; a change of it is a new
/// <see cref="JournalFormat.Version"/>.
/// </summary>
internal static class JournalCodec
{
    private const byte AcceptKind = 1;
    private const byte SettleKind = 2;
    private const int FixedBytes = JournalFormat.FrameHeaderBytes + 16 + 2 * sizeof(double) + 8
        + 10 * PayloadWriter.MaxIntegerBytes;

    [ThreadStatic]
    private static byte[]? t_frame;

    /// <summary>The frame of a record, valid until this thread's next call. Allocates nothing once warm.</summary>
    /// <exception cref="ArgumentException">The record's texts are too long for a frame.</exception>
    public static ReadOnlySpan<byte> Frame(AcceptRecord r)
    {
        Span<byte> frame = Rent(PayloadWriter.MaxBytesOf(r.Tenant) + PayloadWriter.MaxBytesOf(r.Key)
            + PayloadWriter.MaxBytesOf(r.Model));
        var w = new PayloadWriter(frame[JournalFormat.FrameHeaderBytes..]);
        w.Id(r.RequestId);
        w.Integer(r.AcceptedUnixMs);
        w.Text(r.Tenant);
        w.Text(r.Key);
        w.Text(r.Model);
        w.Integer(r.EstimatedInputTokens);
        w.Integer(r.ReservedOutputTokens);
        return Seal(frame, w.Length, AcceptKind);
    }

    /// <inheritdoc cref="Frame(AcceptRecord)"/>
    public static ReadOnlySpan<byte> Frame(UsageRecord r)
    {
        Span<byte> frame = Rent(PayloadWriter.MaxBytesOf(r.Tenant) + PayloadWriter.MaxBytesOf(r.Key)
            + PayloadWriter.MaxBytesOf(r.Model) + PayloadWriter.MaxBytesOf(r.Deployment)
            + PayloadWriter.MaxBytesOf(r.Pool) + PayloadWriter.MaxBytesOf(r.Site)
            + PayloadWriter.MaxBytesOf(r.Provider));
        var w = new PayloadWriter(frame[JournalFormat.FrameHeaderBytes..]);
        w.Id(r.RequestId);
        w.Integer(r.AcceptedUnixMs);
        w.Text(r.Tenant);
        w.Text(r.Key);
        w.Text(r.Model);
        w.Text(r.Deployment);
        w.Text(r.Pool);
        w.Text(r.Site);
        w.Text(r.Provider);
        w.Byte((byte)r.Backing);
        w.Byte((byte)r.Dialect);
        w.Byte((byte)((r.Stream ? 1 : 0) | (r.Estimated ? 2 : 0)));
        w.Byte((byte)r.Outcome);
        w.Byte((byte)r.Reason);
        w.Integer(r.Status);
        w.Integer(r.Tokens.Input);
        w.Integer(r.Tokens.CacheRead);
        w.Integer(r.Tokens.CacheWrite);
        w.Integer(r.Tokens.Output);
        w.Integer(r.ProviderCostMicros);
        w.Integer(r.CustomerPriceMicros);
        w.Double(r.TimeToFirstTokenMs);
        w.Double(r.TotalMs);
        w.Integer(r.Attempts);
        return Seal(frame, w.Length, SettleKind);
    }

    /// <summary>Reads a whole frame; false when its bytes are not one.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, TextPool texts, out JournalRecord record)
    {
        record = default;
        if (!JournalFormat.FrameFits(frame))
        {
            return false;
        }

        var reader = new PayloadReader(frame[JournalFormat.FrameHeaderBytes..], texts);
        switch (frame[8])
        {
            case AcceptKind:
                record = new JournalRecord(ReadAccept(ref reader), null);
                return reader.Complete;
            case SettleKind:
                UsageRecord settle = ReadSettle(ref reader);
                record = new JournalRecord(null, settle);
                return reader.Complete && settle.Outcome <= UsageOutcome.Interrupted;
            default:
                return false;
        }
    }

    private static AcceptRecord ReadAccept(ref PayloadReader r) => new(
        r.Id(), r.Integer(), r.Text(), r.Text(), r.Text(), r.Integer(), r.Integer());

    private static UsageRecord ReadSettle(ref PayloadReader r)
    {
        // Initializers run in the order written, which is the order of the bytes.
        byte flags;
        return new UsageRecord
        {
            RequestId = r.Id(),
            AcceptedUnixMs = r.Integer(),
            Tenant = r.Text(),
            Key = r.Text(),
            Model = r.Text(),
            Deployment = r.Text(),
            Pool = r.Text(),
            Site = r.Text(),
            Provider = r.Text(),
            Backing = (Backing)r.Byte(),
            Dialect = (Dialect)r.Byte(),
            Stream = ((flags = r.Byte()) & 1) != 0,
            Estimated = (flags & 2) != 0,
            Outcome = (UsageOutcome)r.Byte(),
            Reason = (Reason)r.Byte(),
            Status = r.Int32(),
            Tokens = new TokenUsage(r.Integer(), r.Integer(), r.Integer(), r.Integer()),
            ProviderCostMicros = r.Integer(),
            CustomerPriceMicros = r.Integer(),
            TimeToFirstTokenMs = r.Double(),
            TotalMs = r.Double(),
            Attempts = r.Int32(),
        };
    }

    private static Span<byte> Rent(int textBytes)
    {
        int needed = FixedBytes + textBytes;
        if (t_frame is null || t_frame.Length < needed)
        {
            t_frame = new byte[Math.Max(1024, needed)];
        }

        return t_frame;
    }

    private static ReadOnlySpan<byte> Seal(Span<byte> frame, int payloadBytes, byte kind)
    {
        int length = JournalFormat.FrameHeaderBytes + payloadBytes;
        if (length > JournalFormat.MaxFrameBytes)
        {
            throw new ArgumentException($"A usage record of {length} bytes is over the journal's limit of "
                + $"{JournalFormat.MaxFrameBytes}: ids that long must be refused before acceptance.");
        }

        Span<byte> whole = frame[..length];
        JournalFormat.SealFrame(whole, kind);
        return whole;
    }
}
