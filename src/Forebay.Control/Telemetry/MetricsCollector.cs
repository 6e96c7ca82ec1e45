using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Forebay.Control.Telemetry;

/// <summary>What the collector listens to, and how much it may hold.</summary>
public sealed record MetricsCollectorOptions
{
    /// <summary>Meters whose names start so are collected.</summary>
    public IReadOnlyList<string> MeterPrefixes { get; init; } = ["Forebay."];

    /// <summary>Meters with exactly these names are collected too.</summary>
    public IReadOnlyList<string> Meters { get; init; } = ["System.Runtime", "Microsoft.AspNetCore.Server.Kestrel"];

    /// <summary>Most series of one metric; what comes after goes to one series whose labels are all <c>other</c>.
    /// </summary>
    public int MaxSeriesPerMetric { get; init; } = 2000;
}

/// <summary>
/// Collects the process's meters for Prometheus. Recording a known tag set of up to four tags takes one lock-free
/// lookup and one atomic operation on its series, and allocates nothing. Instruments of the same name and kind (as of
/// two gateways in one process) share one metric.
/// </summary>
public sealed class MetricsCollector : IDisposable
{
    private readonly ConcurrentDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();
    private readonly Lock _collecting = new();
    private readonly MetricsCollectorOptions _options;
    private readonly ILogger _logger;
    private long _collection;

    public MetricsCollector(MetricsCollectorOptions options, ILogger<MetricsCollector> logger)
    {
        _options = options;
        _logger = logger;
        _listener.InstrumentPublished = OnPublished;
        _listener.SetMeasurementEventCallback<byte>((_, v, tags, state) => Record(v, tags, state));
        _listener.SetMeasurementEventCallback<short>((_, v, tags, state) => Record(v, tags, state));
        _listener.SetMeasurementEventCallback<int>((_, v, tags, state) => Record(v, tags, state));
        _listener.SetMeasurementEventCallback<long>((_, v, tags, state) => Record(v, tags, state));
        _listener.SetMeasurementEventCallback<float>((_, v, tags, state) => Record((double)v, tags, state));
        _listener.SetMeasurementEventCallback<double>((_, v, tags, state) => Record(v, tags, state));
        _listener.SetMeasurementEventCallback<decimal>((_, v, tags, state) => Record((double)v, tags, state));
        _listener.Start();
    }

    /// <summary>Everything collected, in the Prometheus text format 0.0.4. One scrape at a time.</summary>
    public string Collect()
    {
        lock (_collecting)
        {
            long collection = Interlocked.Increment(ref _collection);
            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException e)
            {
                // One gauge that throws must not cost the scrape of all the others.
                _logger.ObservableFailed(e);
            }

            var text = new StringBuilder();
            foreach (MetricFamily family in _families.Values.OrderBy(f => f.Name, StringComparer.Ordinal))
            {
                PrometheusText.Write(text, family, family.Snapshot(collection));
            }

            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private void OnPublished(Instrument instrument, MeterListener listener)
    {
        string meter = instrument.Meter.Name;
        if (!_options.Meters.Contains(meter)
            && !_options.MeterPrefixes.Any(p => meter.StartsWith(p, StringComparison.Ordinal)))
        {
            return;
        }

        var fresh = new MetricFamily(instrument, _options.MaxSeriesPerMetric);
        MetricFamily family = _families.GetOrAdd(fresh.Name, fresh);
        if (family.Kind != fresh.Kind || family.IsObservable != fresh.IsObservable)
        {
            _logger.NameTaken(instrument.Name, meter, fresh.Name);
            return;
        }

        listener.EnableMeasurementEvents(instrument, family);
    }

    private void Record(long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? family) =>
        ((MetricFamily)family!).Record(value, tags, Volatile.Read(ref _collection));

    private void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? family) =>
        ((MetricFamily)family!).Record(value, tags, Volatile.Read(ref _collection));
}
