using System.Diagnostics.Metrics;
using Forebay.Control.Telemetry;
using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>Batches as metrics: read at each scrape. Documented in docs/reference/metrics.md.</summary>
public sealed class BatchMetrics : IDisposable
{
    private readonly Meter _meter = new(FleetMetrics.MeterName);

    public BatchMetrics(BatchDesk desk, TimeProvider time)
    {
        _meter.CreateObservableGauge(
            "forebay.batch.open", () => ByPhase(desk), "{batch}", "Batches that are not over, by phase.");
        _meter.CreateObservableGauge(
            "forebay.batch.queued", () => desk.Open.Sum(b => (long)(b.Total - b.Counts.Settled)), "{item}",
            "Items of batches that have not been answered, those that run included.");
        _meter.CreateObservableGauge(
            "forebay.batch.running", () => desk.Running, "{item}", "Items of batches that run.");
        _meter.CreateObservableGauge(
            "forebay.batch.oldest", () => OldestSeconds(desk, time), "s", "Age of the oldest batch that is not over.");
        _meter.CreateObservableCounter(
            "forebay.batch.items", () => ByOutcome(desk), "{item}", "Items of batches that were settled, by outcome.");
    }

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> ByPhase(BatchDesk desk)
    {
        IReadOnlyList<Batch> open = desk.Open;
        foreach (BatchPhase phase in Enum.GetValues<BatchPhase>())
        {
            if (phase is not (BatchPhase.Failed or BatchPhase.Ended))
            {
                yield return new Measurement<long>(
                    open.Count(b => b.Phase == phase),
                    new KeyValuePair<string, object?>("phase", phase.ToString().ToLowerInvariant()));
            }
        }
    }

    private static IEnumerable<Measurement<long>> ByOutcome(BatchDesk desk)
    {
        IReadOnlyList<long> outcomes = desk.Outcomes;
        foreach (ItemOutcome outcome in Enum.GetValues<ItemOutcome>())
        {
            yield return new Measurement<long>(
                outcomes[(int)outcome],
                new KeyValuePair<string, object?>("outcome", outcome.ToString().ToLowerInvariant()));
        }
    }

    private static double OldestSeconds(BatchDesk desk, TimeProvider time) => desk.Open is [var oldest, ..]
        ? Math.Max(0, time.GetUtcNow().ToUnixTimeMilliseconds() - oldest.CreatedUnixMs) / 1000.0
        : 0;
}
