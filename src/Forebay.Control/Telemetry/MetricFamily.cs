using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace Forebay.Control.Telemetry;

/// <summary>All series of one metric name.</summary>
internal sealed class MetricFamily
{
    /// <summary>Every label of the series that takes what comes after the bound.</summary>
    private const string Other = "other";

    private readonly ConcurrentDictionary<TagKey, MetricSeries> _byTags = new();
    private readonly SortedDictionary<string, MetricSeries> _byLabels = new(StringComparer.Ordinal);
    private readonly Lock _adding = new();
    private readonly double[]? _bounds;
    private readonly bool _adds;
    private readonly int _maxSeries;
    private MetricSeries? _overflow;
    private int _orders;

    public MetricFamily(Instrument instrument, int maxSeries)
    {
        Kind = KindOf(instrument);
        IsObservable = instrument.IsObservable;
        Name = PrometheusNames.Metric(instrument.Name, instrument.Unit, Kind);
        Help = instrument.Description ?? instrument.Name;
        _bounds = Kind == MetricKind.Histogram ? HistogramBounds.Of(instrument) : null;
        _adds = !IsObservable && !IsPlainGauge(instrument);
        _maxSeries = maxSeries;
    }

    public string Name { get; }

    public string Help { get; }

    public MetricKind Kind { get; }

    public bool IsObservable { get; }

    public void Record(long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, long collection)
    {
        if (_adds && Kind != MetricKind.Histogram)
        {
            SeriesOf(tags).Add(value);
            return;
        }

        Record((double)value, tags, collection);
    }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, long collection)
    {
        MetricSeries series = SeriesOf(tags);
        if (Kind == MetricKind.Histogram)
        {
            series.Observe(value);
        }
        else if (_adds)
        {
            series.Add(value);
        }
        else
        {
            series.Set(value, collection);
        }
    }

    /// <summary>The series in order of their labels; of an observable only those reported in this collection.
    /// </summary>
    public MetricSeries[] Snapshot(long collection)
    {
        lock (_adding)
        {
            IEnumerable<MetricSeries> all = _overflow is null ? _byLabels.Values : _byLabels.Values.Append(_overflow);
            return [.. all.Where(s => !IsObservable || s.SeenInCollection == collection)];
        }
    }

    internal static MetricKind KindOf(Instrument instrument)
    {
        Type type = instrument.GetType();
        Type form = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        return form == typeof(Counter<>) || form == typeof(ObservableCounter<>) ? MetricKind.Counter
            : form == typeof(Histogram<>) ? MetricKind.Histogram
            : MetricKind.Gauge;
    }

    private static bool IsPlainGauge(Instrument instrument) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == typeof(Gauge<>);

    private MetricSeries SeriesOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var key = new TagKey(tags);
        return _byTags.TryGetValue(key, out MetricSeries? series) ? series : AddSeries(key, tags);
    }

    private MetricSeries AddSeries(TagKey key, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        KeyValuePair<string, string>[] labels = LabelsOf(tags);
        string text = PrometheusText.LabelText(labels);
        lock (_adding)
        {
            if (!_byLabels.TryGetValue(text, out MetricSeries? series))
            {
                if (_byLabels.Count >= _maxSeries)
                {
                    return _overflow ??= new MetricSeries(
                        [.. labels.Select(l => KeyValuePair.Create(l.Key, Other))],
                        _bounds);
                }

                _byLabels.Add(text, series = new MetricSeries(labels, _bounds));
            }

            // The same labels in another order are the same series; the orders remembered are bounded as well.
            if (_orders < 4 * _maxSeries && _byTags.TryAdd(key, series))
            {
                _orders++;
            }

            return series;
        }
    }

    private static KeyValuePair<string, string>[] LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, object? value) in tags)
        {
            labels[PrometheusNames.Label(name)] = value switch
            {
                null => "",
                string s => s,
                bool b => b ? "true" : "false",
                IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
                _ => value.ToString() ?? "",
            };
        }

        return [.. labels];
    }
}
