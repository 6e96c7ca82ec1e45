using Forebay.Core.Config;

namespace Forebay.Core.Serving.Links;

/// <summary>A place where clients are, to which latencies are kept.</summary>
public sealed record RegionConfig
{
    [ConfigKey("Short name used everywhere else.", Required = true, Pattern = Ids.Pattern, Example = "eu-west")]
    public required string Id { get; init; }

    [ConfigKey("Degrees north.", Required = true, Minimum = -90, Maximum = 90)]
    public required double Latitude { get; init; }

    [ConfigKey("Degrees east.", Required = true, Minimum = -180, Maximum = 180)]
    public required double Longitude { get; init; }
}
