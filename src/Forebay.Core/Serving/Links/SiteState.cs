
namespace Forebay.Core.Serving.Links;

/// <summary>
/// What is known live of the way to one site: its link now, and the round-trip time from each client region, measured
/// where it can be and estimated by distance until then. Survives reloads. Safe for concurrent callers.
/// </summary>
public sealed class SiteState(string id)
{
    /// <summary>Light in fibre covers 200 km in a millisecond; routes are about half as long again as the great circle
    /// (Singla et al., "The Internet at the Speed of Light", HotNets 2014, put the median inflation near that).
    /// </summary>
    private const double NsPerKm = 2 * 1.5 * 1e9 / 200_000;

    private const double EarthRadiusKm = 6371;
    private const double Weight = 0.2;

    private readonly Lock _lock = new();
    private Path[] _paths = [];
    private CachedLink _link = new(LinkSchedule.Ideal, LinkState.Ideal, long.MinValue);

    public string Id { get; } = id;

    /// <summary>The link at a wall time; reads the schedule only when its step or the schedule has changed.</summary>
    public LinkState LinkAt(LinkSchedule schedule, long wallUnixMs)
    {
        CachedLink link = Volatile.Read(ref _link);
        if (link.Schedule != schedule || wallUnixMs >= link.State.UntilUnixMs || wallUnixMs < link.FromUnixMs)
        {
            link = new CachedLink(schedule, schedule.At(wallUnixMs), wallUnixMs);
            Volatile.Write(ref _link, link);
        }

        return link.State;
    }

    /// <summary>Round-trip time between a region and the site, without the site's own link; nanoseconds.</summary>
    /// <param name="region">The region's number, or negative when it is not known.</param>
    public double PathNs(int region)
    {
        Path[] paths = Volatile.Read(ref _paths);
        return (uint)region < (uint)paths.Length ? paths[region].Ns : 0;
    }

    /// <summary>Measurements of a region's path.</summary>
    public long SamplesOf(int region)
    {
        Path[] paths = Volatile.Read(ref _paths);
        return (uint)region < (uint)paths.Length ? paths[region].Samples : 0;
    }

    /// <summary>Takes in the regions of a snapshot: what was measured stays with the region's name.</summary>
    public void Follow(SitePlace place, IReadOnlyList<RegionConfig> regions)
    {
        lock (_lock)
        {
            Volatile.Write(ref _paths,
            [
                .. regions.Select(region => Array.Find(_paths, p => p.Region == region.Id && p.Samples > 0)
                    is { Region: not null } known ? known : new Path(region.Id, DistanceNs(place, region), 0)),
            ]);
        }
    }

    /// <summary>Learns from a measured round trip, such as a connection being opened.</summary>
    /// <param name="region">The region it was measured from.</param>
    /// <param name="roundTripNs">The whole round trip; the site's own link is taken off.</param>
    public void Measured(int region, double roundTripNs)
    {
        LinkState link = Volatile.Read(ref _link).State;
        lock (_lock)
        {
            if ((uint)region >= (uint)_paths.Length || !double.IsFinite(roundTripNs) || roundTripNs < 0)
            {
                return;
            }

            Path path = _paths[region];
            double sample = Math.Max(0, roundTripNs - link.LatencyNs);
            double weight = Math.Max(Weight, 1.0 / (path.Samples + 1));
            Path[] next = [.. _paths];
            next[region] = new Path(path.Region, path.Ns + weight * (sample - path.Ns), path.Samples + 1);
            Volatile.Write(ref _paths, next);
        }
    }

    /// <summary>Round-trip time by the great circle; 0 where a place is not known.</summary>
    internal static double DistanceNs(SitePlace place, RegionConfig region)
    {
        if (place is not { Latitude: { } siteLatitude, Longitude: { } siteLongitude })
        {
            return 0;
        }

        double a = double.DegreesToRadians(siteLatitude);
        double b = double.DegreesToRadians(region.Latitude);
        double half = double.DegreesToRadians(siteLongitude - region.Longitude) / 2;
        double h = Math.Pow(Math.Sin((a - b) / 2), 2) + Math.Cos(a) * Math.Cos(b) * Math.Pow(Math.Sin(half), 2);
        return 2 * EarthRadiusKm * Math.Asin(Math.Min(1, Math.Sqrt(h))) * NsPerKm;
    }

    private readonly record struct Path(string Region, double Ns, long Samples);

    private sealed record CachedLink(LinkSchedule Schedule, LinkState State, long FromUnixMs);
}

/// <summary>Where a site is, in degrees; null where that is not known.</summary>
public readonly record struct SitePlace(double? Latitude, double? Longitude);
