using Forebay.Core.Capacity;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Usage;

namespace Forebay.Storage.Journal;

/// <summary>One record read back: an acceptance, a settlement, or the rules that settlements name by their hash.
/// </summary>
internal readonly record struct JournalRecord(
    AcceptRecord? Accept, UsageRecord? Settle, PermissionContext? Context = null);

/// <summary>
/// Turns records into frames and back. The fields of each kind stand in the order written here; a change of it is a new
/// kind and a new <see cref="JournalFormat.Version"/>, and what older programs wrote is read as it was.
/// </summary>
internal static class JournalCodec
{
    private const byte AcceptKind = 1;

    /// <summary>A settlement that does not tell where the request was sent: version 1.</summary>
    private const byte PlacelessSettleKind = 2;
    private const byte ContextKind = 3;
    private const byte SettleKind = 4;

    /// <summary>The acceptance of an item of a batch.</summary>
    private const byte BatchAcceptKind = 5;

    /// <summary>Hash, kind of site, and nothing of the texts.</summary>
    private const int PlaceBytes = 16 + 1;

    private const int FixedBytes = JournalFormat.FrameHeaderBytes + 16 + 2 * sizeof(double) + 8
        + 11 * PayloadWriter.MaxIntegerBytes;

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
        return Seal(frame, w.Length, r.Batch ? BatchAcceptKind : AcceptKind);
    }

    /// <inheritdoc cref="Frame(AcceptRecord)"/>
    public static ReadOnlySpan<byte> Frame(UsageRecord r)
    {
        Span<byte> frame = Rent(PayloadWriter.MaxBytesOf(r.Tenant) + PayloadWriter.MaxBytesOf(r.Key)
            + PayloadWriter.MaxBytesOf(r.Model) + PayloadWriter.MaxBytesOf(r.Deployment)
            + PayloadWriter.MaxBytesOf(r.Pool) + PayloadWriter.MaxBytesOf(r.Site)
            + PayloadWriter.MaxBytesOf(r.Provider) + MaxBytesOf(r.Place) + MaxBytesOf(r.EarlierPlaces));
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
        w.Byte((byte)((r.Stream ? 1 : 0) | (r.Estimated ? 2 : 0) | (r.Batch ? 4 : 0)));
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
        if (!r.PlaceKnown)
        {
            return Seal(frame, w.Length, PlacelessSettleKind);
        }

        Write(ref w, r.Place);
        w.Integer(r.EarlierPlaces.Count);
        for (int i = 0; i < r.EarlierPlaces.Count; i++)
        {
            Write(ref w, r.EarlierPlaces[i]);
        }

        return Seal(frame, w.Length, SettleKind);
    }

    /// <inheritdoc cref="Frame(AcceptRecord)"/>
    public static ReadOnlySpan<byte> Frame(PermissionContext context)
    {
        Span<byte> frame = Rent(16 + PayloadWriter.MaxBytesOf(context.Content));
        var w = new PayloadWriter(frame[JournalFormat.FrameHeaderBytes..]);
        w.Id(context.Hash);
        w.Text(context.Content);
        return Seal(frame, w.Length, ContextKind);
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
            case BatchAcceptKind:
                record = new JournalRecord(ReadAccept(ref reader) with { Batch = true }, null);
                return reader.Complete;
            case PlacelessSettleKind:
                UsageRecord settle = ReadSettle(ref reader);
                record = new JournalRecord(null, settle);
                return reader.Complete && settle.Outcome <= UsageOutcome.Interrupted;
            case SettleKind:
                settle = ReadPlaces(ref reader, ReadSettle(ref reader));
                record = new JournalRecord(null, settle);
                return reader.Complete && settle.Outcome <= UsageOutcome.Interrupted;
            case ContextKind:
                var context = new PermissionContext(reader.Id(), reader.Text());
                record = new JournalRecord(null, null, context);
                return reader.Complete;
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
            Batch = (flags & 4) != 0,
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

    private static UsageRecord ReadPlaces(ref PayloadReader r, UsageRecord settle)
    {
        ServedPlace place = ReadPlace(ref r);
        int count = r.Int32();
        List<ServedPlace> earlier = [];
        for (int i = 0; i < count && !r.Broken; i++)
        {
            earlier.Add(ReadPlace(ref r));
        }

        return settle with { PlaceKnown = true, Place = place, EarlierPlaces = earlier };
    }

    private static ServedPlace ReadPlace(ref PayloadReader r)
    {
        UInt128 hash = r.Id();
        return hash == 0
            ? default
            : new ServedPlace(
                new PermissionContext(hash, ""), r.Text(), r.Text(), r.Text(), (SiteKind)r.Byte());
    }

    private static void Write(ref PayloadWriter w, ServedPlace place)
    {
        w.Id(place.Context?.Hash ?? 0);
        if (place.Context is not null)
        {
            w.Text(place.Site);
            w.Text(place.Jurisdiction);
            w.Text(place.Country);
            w.Byte((byte)place.Kind);
        }
    }

    private static int MaxBytesOf(ServedPlace place) => place.Context is null
        ? PlaceBytes
        : PlaceBytes + PayloadWriter.MaxBytesOf(place.Site) + PayloadWriter.MaxBytesOf(place.Jurisdiction)
            + PayloadWriter.MaxBytesOf(place.Country);

    private static int MaxBytesOf(IReadOnlyList<ServedPlace> places)
    {
        int bytes = 0;
        for (int i = 0; i < places.Count; i++)
        {
            bytes += MaxBytesOf(places[i]);
        }

        return bytes;
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
