using System.Globalization;
using Forebay.Core.Config;

namespace Forebay.Core.Serving.Links;

/// <summary>A site's network from a time on.</summary>
public sealed record LinkStepConfig
{
    [ConfigKey("Seconds after the schedule's start at which this holds.", Required = true, Minimum = 0)]
    public required double AtSeconds { get; init; }

    [ConfigKey("Round-trip time that the site's own access adds, in milliseconds.", Minimum = 0, Maximum = 60_000)]
    public double LatencyMs { get; init; }

    [ConfigKey("Megabits per second towards the site; not limited when left out.", Minimum = 0.001)]
    public double? BandwidthMbps { get; init; }

    [ConfigKey("Share of packets lost, 0 to 0.99.", Minimum = 0, Maximum = 0.99)]
    public double Loss { get; init; }

    [ConfigKey("Whether the site can be reached.")]
    public bool Available { get; init; } = true;
}

/// <summary>How a site is reached: the same at all times, or by a schedule.</summary>
public sealed record LinkConfig
{
    [ConfigKey("Round-trip time that the site's own access adds, in milliseconds.", Minimum = 0, Maximum = 60_000)]
    public double LatencyMs { get; init; }

    [ConfigKey("Megabits per second towards the site; not limited when left out.", Minimum = 0.001)]
    public double? BandwidthMbps { get; init; }

    [ConfigKey("Share of packets lost, 0 to 0.99.", Minimum = 0, Maximum = 0.99)]
    public double Loss { get; init; }

    [ConfigKey("File with the steps of a schedule, relative to the fleet file: a header `at_seconds,latency_ms," +
        "bandwidth_mbps,loss,available`, then a line for each step.", Example = "leo-backhaul.csv")]
    public string? ScheduleFile { get; init; }

    [ConfigKey("Steps of a schedule, in order of time; give these or schedule_file.")]
    public LinkStepConfig[] Steps { get; init; } = [];

    [ConfigKey("When the schedule's second 0 is, in UTC; 1970 when left out.",
        Pattern = @"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", Example = "2026-01-01T00:00:00Z")]
    public string? Starts { get; init; }

    /// <summary>Wall time of the schedule's second 0; null when it is no date.</summary>
    public long? StartUnixMs => Starts is null ? 0
        : DateTimeOffset.TryParse(Starts, CultureInfo.InvariantCulture, out DateTimeOffset at)
            ? at.ToUnixTimeMilliseconds()
            : null;

    [ConfigKey("Seconds after which the schedule begins again; it ends with its last step when left out.",
        Minimum = 1)]
    public double? RepeatSeconds { get; init; }
}
