using System.Diagnostics.Metrics;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving.Queue;
using Forebay.Core.Time;

namespace Forebay.Control.Telemetry;

/// <summary>
/// The queues as metrics, per model and priority class: read at each scrape, nothing on the request path. Documented in
/// docs/reference/metrics.md.
/// </summary>
public sealed class QueueMetrics : IDisposable
{
    private static readonly PriorityClass[] Classes = Enum.GetValues<PriorityClass>();

    private readonly Meter _meter = new(FleetMetrics.MeterName);
    private readonly FleetState _fleet;

    public QueueMetrics(FleetState fleet, TimeProvider time)
    {
        _fleet = fleet;
        _meter.CreateObservableGauge("forebay.queue.waiting", () => Each(t => (long)t.Waiting), "{request}",
            "Requests waiting for a place.");
        _meter.CreateObservableGauge("forebay.queue.oldest", () => Each(t => Seconds(t, time)), "s",
            "How long the oldest request has been waiting.");
        _meter.CreateObservableCounter("forebay.queue.granted", () => Each(t => t.Granted), "{request}",
            "Requests that got a place after waiting.");
        _meter.CreateObservableCounter("forebay.queue.shed", () => Each(t => t.Shed), "{request}",
            "Requests refused when they came: the room was full, or they would have waited past their deadline.");
        _meter.CreateObservableCounter("forebay.queue.displaced", () => Each(t => t.Displaced), "{request}",
            "Waiting requests that gave way to others in a full room.");
        _meter.CreateObservableCounter("forebay.queue.expired", () => Each(t => t.Expired), "{request}",
            "Requests that waited until their deadline.");
    }

    public void Dispose() => _meter.Dispose();

    private static double Seconds(QueueTally tally, TimeProvider time) => tally.OldestSinceNs is { } since
        ? Math.Max(0, Instant.MonotonicNsOf(time) - since) / (double)Instant.NsPerSecond
        : 0;

    private IEnumerable<Measurement<T>> Each<T>(Func<QueueTally, T> read)
        where T : struct =>
        from model in _fleet.Model.Models
        let queue = _fleet.QueueOf(model)
        from priority in Classes
        select new Measurement<T>(
            read(queue.TallyOf(priority)),
            new KeyValuePair<string, object?>("model", model.Id),
            new KeyValuePair<string, object?>("class", priority.Word()));
}
