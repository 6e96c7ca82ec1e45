using System.Diagnostics.Metrics;
using Forebay.Core.Capacity;
using Forebay.Core.Fleet;
using Forebay.Core.Limits;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Health;
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
    private readonly TimeProvider _time;

    public FleetMetrics(FleetState fleet, IUsageJournal journal, TimeProvider time)
    {
        _fleet = fleet;
        _time = time;
        WatchHealth();
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
        _meter.CreateObservableGauge("forebay.limit.used_ratio", LimitsUsed, null,
            "Share of a tenant's limit that is used, for the first tenants of the fleet file that used anything.");
    }

    public void Dispose() => _meter.Dispose();

    private void WatchHealth()
    {
        _meter.CreateObservableGauge("forebay.deployment.places", Places, "{request}",
            "Places a deployment is given now: its limit times its share while it recovers.");
        _meter.CreateObservableGauge("forebay.deployment.health", Health, null,
            "1 for the state a deployment's health is in.");
        _meter.CreateObservableCounter("forebay.deployment.openings", Openings, "{opening}",
            "Times a deployment was taken out, by cause.");
        _meter.CreateObservableCounter("forebay.deployment.probes", Probes, "{probe}",
            "Active probes of a deployment, by result.");
        _meter.CreateObservableGauge("forebay.deployment.engine.running", () => Reports(r => r.Running), "{request}",
            "Requests in an engine's batches, as it says.");
        _meter.CreateObservableGauge("forebay.deployment.engine.waiting", () => Reports(r => r.Waiting), "{request}",
            "Requests in an engine's own queues, as it says.");
        _meter.CreateObservableGauge("forebay.deployment.engine.kv_usage", () => Reports(r => r.KvUsageShare), "1",
            "Share of an engine's KV memory in use, as it says.");
        _meter.CreateObservableGauge("forebay.deployment.engine.prefix_hits", () => Reports(r => r.PrefixHitShare),
            "1", "Share of prompt tokens found in an engine's prefix cache, as it says.");
    }

    private IEnumerable<Measurement<long>> Places()
    {
        long now = Instant.MonotonicNsOf(_time);
        return _fleet.Model.Deployments.Select(
            d => new Measurement<long>(_fleet.Of(d).Places(d.Config.MaxConcurrency, now), TagsOf(d)));
    }

    private IEnumerable<Measurement<long>> Health()
    {
        long now = Instant.MonotonicNsOf(_time);
        return _fleet.Model.Deployments.Select(d => new Measurement<long>(
            1, TagsOf(d, "state", HealthNames.Of(_fleet.Of(d).Breaker.View(now).State))));
    }

    private IEnumerable<Measurement<long>> Openings() =>
        from d in _fleet.Model.Deployments
        from cause in Enum.GetValues<OutCause>()
        let count = _fleet.Of(d).Breaker.OpenedBy(cause)
        where count > 0
        select new Measurement<long>(count, TagsOf(d, "cause", HealthNames.Of(cause)));

    private IEnumerable<Measurement<long>> Probes() => _fleet.Model.Deployments.SelectMany(d =>
        new Measurement<long>[]
        {
            new(_fleet.Of(d).ProbesGood, TagsOf(d, "result", "good")),
            new(_fleet.Of(d).ProbesBad, TagsOf(d, "result", "bad")),
        });

    private IEnumerable<Measurement<double>> Reports(Func<EngineReport, double?> read) =>
        from d in _fleet.Model.Deployments
        let report = _fleet.Of(d).Report
        where report is not null && read(report) is not null
        select new Measurement<double>(read(report)!.Value, TagsOf(d));

    private static KeyValuePair<string, object?>[] TagsOf(Deployment d, string name, string value) =>
        [.. TagsOf(d), new(name, value)];

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

    /// <summary>Bounded: so many tenants as labels may name, and a few limits of each.</summary>
    private List<Measurement<double>> LimitsUsed()
    {
        FleetModel model = _fleet.Model;
        var now = Instant.From(_time);
        var measured = new List<Measurement<double>>();
        int tenants = 0;
        foreach (TenantConfig config in model.Config.Tenants)
        {
            if (tenants == model.Config.Server.Telemetry.MaxTenantLabels)
            {
                break;
            }

            if (_fleet.FindLimitsOf(config.Id) is { } limits && model.FindTenant(config.Id) is { } tenant)
            {
                tenants++;
                measured.AddRange(limits.Report(_fleet.PlanOf(tenant), now).Limits.Select(l => new Measurement<double>(
                    (double)(l.Used / l.Limit),
                    new("tenant", config.Id),
                    new("limit", l.Name),
                    new("model_class", l.ModelClass ?? "all"))));
            }
        }

        return measured;
    }

    private static KeyValuePair<string, object?>[] TagsOf(Deployment d) =>
    [
        new("deployment", d.Id),
        new("model", d.Config.Model),
        new("provider", d.Provider.Id),
        new("backing", d.Backing.Word()),
    ];
}
