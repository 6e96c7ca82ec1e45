using System.Diagnostics.Metrics;
using Forebay.Control.Concentration;
using Forebay.Core.Capacity.Concentration;

namespace Forebay.Control.Telemetry;

/// <summary>How the fleet is spread, as of the last look. Documented in docs/reference/metrics.md.</summary>
public sealed class ConcentrationMetrics : IDisposable
{
    private static readonly ConcentrationMeasure[] Measures = Enum.GetValues<ConcentrationMeasure>();

    private readonly Meter _meter = new(FleetMetrics.MeterName);
    private readonly ConcentrationService _concentration;

    public ConcentrationMetrics(ConcentrationService concentration)
    {
        _concentration = concentration;
        _meter.CreateObservableGauge("forebay.concentration.share", Shares, "1",
            "Share of the accelerators leased, tokens served or money spent, by provider and by concentration group.");
        _meter.CreateObservableGauge("forebay.concentration.herfindahl", Herfindahl, null,
            "Herfindahl-Hirschman index over providers: 1/n for n equal ones, 1 for a single one.");
        _meter.CreateObservableGauge("forebay.concentration.cap_passed", Passed, null,
            "1 for each cap of a concentration group that its share is above.");
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<double>> Shares()
    {
        ConcentrationReport report = _concentration.Last.Report;
        return Shares("provider", report.Providers).Concat(Shares("group", report.Groups));
    }

    private static IEnumerable<Measurement<double>> Shares(string kind, IEnumerable<ConcentrationEntry> entries) =>
        from entry in entries
        from measure in Measures
        select new Measurement<double>(
            entry.Of(measure).Share,
            new("kind", kind),
            new("name", entry.Id),
            new("measure", measure.Word()));

    private IEnumerable<Measurement<double>> Herfindahl() =>
        from measure in Measures
        let index = _concentration.Last.Report.Herfindahl(measure)
        where index is not null
        select new Measurement<double>(index.Value, new KeyValuePair<string, object?>("measure", measure.Word()));

    private IEnumerable<Measurement<int>> Passed() => _concentration.Last.Passed.Select(p => new Measurement<int>(
        1, new("group", p.Group), new("measure", p.Measure.Word()), new("action", p.Action.Word())));
}
