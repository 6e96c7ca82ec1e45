using System.Diagnostics.Metrics;
using Forebay.Control.Telemetry;
using Forebay.Core.Fleet;
using Forebay.Core.Limits.Following;

namespace Forebay.Control.Limits.Following;

/// <summary>How limits stand beside capacity, read at each scrape. Documented in docs/reference/metrics.md.</summary>
public sealed class FollowingMetrics : IDisposable
{
    private readonly Meter _meter = new(FleetMetrics.MeterName);

    public FollowingMetrics(LimitFollowing following, FleetState fleet, TimeProvider time)
    {
        _meter.CreateObservableGauge("forebay.limits.multiplier", () => Multipliers(fleet, time), null,
            "By how much a tier's limits over a class of models are above what it promises, in force now.");
        _meter.CreateObservableGauge("forebay.limits.headroom", () => Each(following, s => s.HeadroomRatio), null,
            "Capacity after the reserve over demand at the multipliers in force, in the tightest hour of the week.");
        _meter.CreateObservableGauge(
            "forebay.limits.uncovered", () => Each(following, s => s.UncoveredTokensPerMinute), "{token}",
            "Tokens per minute by which demand at what tiers promise passes all capacity, in the worst hour.");
        _meter.CreateObservableGauge("forebay.limits.version", () => following.View.Last.Number, null,
            "Number of the last decision on limits.");
    }

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<double>> Multipliers(FleetState fleet, TimeProvider time)
    {
        int hour = HourOfWeek.Of(time.GetUtcNow().ToUnixTimeMilliseconds());
        return fleet.Multipliers.Entries.Select(e => new Measurement<double>(
            e.At(hour), new("tier", e.Tier), new("model_class", e.Class)));
    }

    private static IEnumerable<Measurement<double>> Each(LimitFollowing following, Func<ClassStanding, double> read) =>
        (following.View.LastStep?.Standings ?? [])
            .Where(s => double.IsFinite(read(s)))
            .Select(s => new Measurement<double>(read(s), new KeyValuePair<string, object?>("model_class", s.Class)));
}
