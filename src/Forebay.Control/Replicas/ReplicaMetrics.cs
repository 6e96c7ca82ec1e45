using System.Diagnostics.Metrics;
using Forebay.Control.Telemetry;
using Forebay.Core.Capacity.Replicas;
using Forebay.Core.Capacity.Transfers;

namespace Forebay.Control.Replicas;

/// <summary>Replicas and transfers as metrics, read at each scrape. Documented in docs/reference/metrics.md.</summary>
public sealed class ReplicaMetrics : IDisposable
{
    private static readonly string[] Phases = [.. Enum.GetValues<ReplicaPhase>().Select(WordOf)];

    private readonly Meter _meter = new(FleetMetrics.MeterName);
    private readonly ReplicaLoop _loop;

    public ReplicaMetrics(ReplicaLoop loop)
    {
        _loop = loop;
        _meter.CreateObservableGauge("forebay.replica.count", Counts, "{replica}", "Replicas of a model in a phase.");
        _meter.CreateObservableCounter("forebay.replica.started", () => loop.Counts.Started, "{generation}",
            "Generations of replicas begun.");
        _meter.CreateObservableCounter("forebay.replica.failed", () => loop.Counts.Failed, "{failure}",
            "Failures of replicas.");
        _meter.CreateObservableGauge("forebay.transfer.count", Transfers, "{transfer}",
            "Transfers of weights to a site in a phase.");
        _meter.CreateObservableGauge("forebay.transfer.sent", () => Sum(t => t.Progress.SentBytes), "By",
            "Bytes sent to a site for the weights known there.");
        _meter.CreateObservableGauge("forebay.transfer.egress_cost",
            () => Sum(t => (double)t.Spec.Route.CostUsd(t.Progress.SentBytes)), "{USD}",
            "What sending the weights known at a site cost.");
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>A phase in a word, as the API, the database and the metrics have it.</summary>
    internal static string WordOf<T>(T phase)
        where T : struct, Enum => phase.ToString().ToLowerInvariant();

    private IEnumerable<Measurement<long>> Counts() =>
        from model in _loop.List().GroupBy(r => r.State.Spec.Model)
        let counts = model.CountBy(r => WordOf(r.State.Phase)).ToDictionary()
        from phase in Phases
        select new Measurement<long>(counts.GetValueOrDefault(phase), Tag("model", model.Key), Tag("phase", phase));

    private IEnumerable<Measurement<long>> Transfers() =>
        from count in _loop.Transfers().CountBy(t => (t.Spec.Route.Site, Phase: WordOf(t.Progress.Phase)))
        select new Measurement<long>(count.Value, Tag("site", count.Key.Site), Tag("phase", count.Key.Phase));

    private IEnumerable<Measurement<double>> Sum(Func<TransferView, double> of) =>
        from site in _loop.Transfers().GroupBy(t => t.Spec.Route.Site)
        select new Measurement<double>(site.Sum(of), Tag("site", site.Key));

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
