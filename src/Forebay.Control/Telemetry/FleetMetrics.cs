using System.Diagnostics.Metrics;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Links;
using Forebay.Core.Serving.Routing;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.Control.Telemetry;

/// <summary>
/// The state of the fleet as metrics of the meter <c>Forebay.Control</c>: read at each scrape, nothing on the request
/// path. Documented in docs/reference/metrics.md.
/// </summary>
public sealed class FleetMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Forebay.Control";

    private readonly Meter _meter = new(MeterName);
    private readonly FleetState _fleet;

    public FleetMetrics(FleetState fleet, IUsageJournal journal)
    {
        _fleet = fleet;
        _meter.CreateObservableGauge("forebay.deployment.in_flight", () => Each(s => (long)s.InFlight), "{request}",
            "Requests a deployment is serving now.");
        _meter.CreateObservableGauge("forebay.deployment.max_concurrency", MaxConcurrency, "{request}",
            "Most requests a deployment serves at once.");
        _meter.CreateObservableCounter("forebay.deployment.started", () => Each(s => s.Started), "{attempt}",
            "Attempts sent to a deployment.");
        _meter.CreateObservableCounter("forebay.deployment.completed", () => Each(s => s.Completed), "{attempt}",
            "Attempts a deployment answered.");
        _meter.CreateObservableCounter("forebay.deployment.failed", () => Each(s => s.Failed), "{attempt}",
            "Attempts that failed at a deployment.");
        _meter.CreateObservableGauge(
            "forebay.deployment.prompt_token_time",
            () => EachLoad(l => l.FirstToken.Coefficients.B),
            "s", "Learned time per prompt token to be computed, its own and those ahead.");
        _meter.CreateObservableGauge(
            "forebay.deployment.output_token_time",
            () => EachLoad(l => l.OutputToken.Coefficients.A),
            "s", "Learned time per output token of a request alone.");
        _meter.CreateObservableGauge("forebay.deployment.cached_share", Cached, "1",
            "Share of prompts that was read from caches lately.");
        _meter.CreateObservableGauge("forebay.site.round_trip", RoundTrips, "s",
            "Round-trip time from a client region to a site, the site's own link apart.");
        _meter.CreateObservableGauge("forebay.draining", () => _fleet.Draining ? 1 : 0, null,
            "1 once the server was told to stop.");
        _meter.CreateObservableGauge("forebay.journal.writable", () => journal.Writable ? 1 : 0, null,
            "1 while usage can be recorded; 0 stops admission.");
        _meter.CreateObservableGauge("forebay.keys", () => _fleet.Keys.Count, "{key}",
            "API keys known, revoked and expired ones included.");
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Each(Func<DeploymentState, long> read) =>
        _fleet.Model.Deployments.Select(d => new Measurement<long>(read(_fleet.Of(d)), TagsOf(d)));

    private IEnumerable<Measurement<double>> EachLoad(Func<RouteLoad, double> readNs) => _fleet.Model.Deployments
        .Select(d => new Measurement<double>(readNs(_fleet.LoadOf(d)) / Instant.NsPerSecond, TagsOf(d)));

    private IEnumerable<Measurement<double>> Cached() =>
        _fleet.Model.Deployments.Select(d => new Measurement<double>(_fleet.LoadOf(d).CachedShare, TagsOf(d)));

    private IEnumerable<Measurement<double>> RoundTrips()
    {
        FleetModel model = _fleet.Model;
        foreach (SiteConfig site in model.Config.Sites)
        {
            SiteState way = _fleet.SiteOf(site);
            for (int region = 0; region < model.Config.Regions.Length; region++)
            {
                yield return new Measurement<double>(
                    way.PathNs(region) / Instant.NsPerSecond,
                    new("site", site.Id),
                    new("region", model.Config.Regions[region].Id),
                    new("measured", way.SamplesOf(region) > 0 ? "true" : "false"));
            }
        }
    }

    private IEnumerable<Measurement<long>> MaxConcurrency() =>
        _fleet.Model.Deployments.Select(d => new Measurement<long>(d.Config.MaxConcurrency, TagsOf(d)));

    private static KeyValuePair<string, object?>[] TagsOf(Deployment d) =>
    [
        new("deployment", d.Id),
        new("model", d.Config.Model),
        new("provider", d.Provider.Id),
        new("backing", d.Backing.Word()),
    ];
}
