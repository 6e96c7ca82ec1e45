using System.Runtime.InteropServices;
using Forebay.Core.Audit.Residency;
using Forebay.Core.Capacity;
using Forebay.Core.Serving.Permission;
using Forebay.Core.Usage;
using Forebay.Storage.Journal;

namespace Forebay.Storage.Usage;

/// <summary>Collects records into a <see cref="FoldStep"/>. A few hundred nanoseconds a record.</summary>
internal sealed class FoldBatch(JournalPosition from, Dictionary<UInt128, AcceptRecord> open)
{
    private const long MsPerMinute = 60_000;

    /// <summary>Past these a number is a defect upstream, not usage; sums of millions of them still fit.</summary>
    private const long MaxTokens = 1L << 40;
    private const long MaxMicros = 1L << 50;
    private const double MaxMs = 1L << 40;

    private readonly Dictionary<AggregateKey, UsageSums> _sums = [];
    private readonly Dictionary<UInt128, AcceptRecord> _opened = [];
    private readonly List<UInt128> _closed = [];
    private readonly Dictionary<UInt128, string> _contexts = [];
    private readonly Dictionary<PlaceKey, long> _places = [];
    private readonly Dictionary<string, IReadOnlyList<long>> _minutes = new(StringComparer.Ordinal);

    /// <summary>Records added.</summary>
    public int Count { get; private set; }

    public void Accept(AcceptRecord record)
    {
        Count++;
        open[record.RequestId] = record;
        _opened[record.RequestId] = record;
        if (!record.Batch)
        {
            // Items of batches open no window.
            NoteMinute(record.Tenant, MinuteOf(record.AcceptedUnixMs));
        }
    }

    public void Learn(PermissionContext context)
    {
        Count++;
        _contexts[context.Hash] = context.Content;
    }

    /// <summary>False when the request is not open: it was settled before, or its acceptance is damaged. Nothing is
    /// counted then.</summary>
    public bool TrySettle(UsageRecord record, out bool implausible)
    {
        Count++;
        implausible = false;
        if (!open.Remove(record.RequestId))
        {
            return false;
        }

        if (!_opened.Remove(record.RequestId))
        {
            _closed.Add(record.RequestId);
        }

        var key = new AggregateKey(MinuteOf(record.AcceptedUnixMs), SeriesOf(record));
        ref UsageSums sums = ref CollectionsMarshal.GetValueRefOrAddDefault(_sums, key, out _);
        sums.Requests++;
        sums.Tokens += new TokenUsage(
            Cut(record.Tokens.Input, 0, MaxTokens, ref implausible),
            Cut(record.Tokens.CacheRead, 0, MaxTokens, ref implausible),
            Cut(record.Tokens.CacheWrite, 0, MaxTokens, ref implausible),
            Cut(record.Tokens.Output, 0, MaxTokens, ref implausible));
        sums.ProviderCostMicros += Cut(record.ProviderCostMicros, -MaxMicros, MaxMicros, ref implausible);
        sums.CustomerPriceMicros += Cut(record.CustomerPriceMicros, -MaxMicros, MaxMicros, ref implausible);
        if (record.TimeToFirstTokenMs >= 0)
        {
            sums.FirstTokens++;
            sums.FirstTokenUs += Us(record.TimeToFirstTokenMs, ref implausible);
        }

        sums.TotalUs += Us(record.TotalMs, ref implausible);
        AddPlaces(record, key.Minute);
        return true;
    }

    public FoldStep StepTo(JournalPosition to) => new(
        from, to, _sums, _opened.Values, _closed, _contexts, _places, _minutes);

    /// <summary>One row for each request, and one more for each place that it was sent to before.</summary>
    private void AddPlaces(UsageRecord r, long minute)
    {
        PlaceRole last = !r.PlaceKnown ? PlaceRole.Unknown
            : r.Place.Context is null ? PlaceRole.Unsent
            : PlaceRole.Last;
        string site = last == PlaceRole.Unknown ? r.Site : "";
        Add(new PlaceKey(minute, r.Tenant, r.Model, last, 0, site, "", "", ""), r.Place);
        foreach (ServedPlace place in r.EarlierPlaces)
        {
            Add(new PlaceKey(minute, r.Tenant, r.Model, PlaceRole.Earlier, 0, "", "", "", ""), place);
        }
    }

    private void Add(PlaceKey key, ServedPlace place)
    {
        if (place.Context is { } context)
        {
            key = key with
            {
                Context = context.Hash,
                Site = place.Site,
                Jurisdiction = place.Jurisdiction,
                Country = place.Country,
                Kind = Enum.IsDefined(place.Kind) ? place.Kind.Word() : $"{(byte)place.Kind}",
            };
        }

        CollectionsMarshal.GetValueRefOrAddDefault(_places, key, out _)++;
    }

    private static long MinuteOf(long unixMs) => unixMs / MsPerMinute;

    private void NoteMinute(string tenant, long minute)
    {
        ref IReadOnlyList<long>? minutes = ref CollectionsMarshal.GetValueRefOrAddDefault(_minutes, tenant, out _);
        var list = (List<long>)(minutes ??= new List<long>(1));
        if (list.Count == 0 || list[^1] != minute)
        {
            list.Add(minute);
        }
    }

    private static UsageSeries SeriesOf(UsageRecord r) => new(
        r.Tenant, r.Key, r.Model, r.Deployment, r.Pool, r.Site, r.Provider, UsageWords.BackingOf(r),
        UsageWords.Of(r.Outcome), r.Batch);

    private static long Cut(long value, long least, long most, ref bool implausible)
    {
        implausible |= value < least || value > most;
        return Math.Clamp(value, least, most);
    }

    private static long Us(double ms, ref bool implausible)
    {
        bool fits = ms is >= 0 and <= MaxMs;
        implausible |= !fits;
        return fits ? (long)Math.Round(ms * 1000) : 0;
    }
}
