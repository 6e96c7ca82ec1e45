using Forebay.Core.Config;

namespace Forebay.Core.Capacity.Placement;

/// <summary>Who decides what runs on a pool.</summary>
public enum PoolPlacement : byte
{
    /// <summary>The fleet file's deployments alone.</summary>
    Manual,

    /// <summary>Placement starts and drains replicas on what the fleet file's deployments leave.</summary>
    Automatic,
}

/// <summary>How model versions are placed on pools whose placement is automatic. Money is in US dollars.</summary>
public sealed record PlacementConfig
{
    [ConfigKey("Seconds between two looks at demand and capacity.", Minimum = 1, Maximum = 86_400)]
    public double IntervalSeconds { get; init; } = 60;

    [ConfigKey("Hours that a decision looks ahead.", Minimum = 2, Maximum = 168)]
    public int HorizonHours { get; init; } = 24;

    [ConfigKey("Hours after which what an hour brings or costs counts half, since it can be decided again until then.",
        Minimum = 0.1, Maximum = 10_000)]
    public double HalfLifeHours { get; init; } = 6;

    [ConfigKey("Quantile of the past weeks' demand in the same hour of week that is placed for.", Minimum = 0,
        Maximum = 1)]
    public double DemandQuantile { get; init; } = 0.9;

    [ConfigKey("Weeks of demand that are remembered.", Minimum = 1, Maximum = 52)]
    public int DemandWeeks { get; init; } = 8;

    [ConfigKey("Share of the forecast that is placed for on top of it.", Minimum = 0, Maximum = 10)]
    public double ReserveShare { get; init; } = 0.15;

    [ConfigKey("What it is worth to serve what would keep one accelerator of a version's best build busy for an " +
        "hour; above any price that should be paid for it.", Minimum = 0, Maximum = 1_000_000)]
    public double ServedUsdPerAcceleratorHour { get; init; } = 25;

    [ConfigKey("What an accelerator left free is worth an hour to others, such as jobs.", Minimum = 0,
        Maximum = 1_000_000)]
    public double FreeUsdPerAcceleratorHour { get; init; } = 0.25;

    [ConfigKey("What a change must gain per accelerator that it starts or drains, beyond the time lost with it.",
        Minimum = 0, Maximum = 1_000_000)]
    public double ChangeUsdPerAccelerator { get; init; } = 2;

    [ConfigKey("Minutes that a replica stays after its start, unless its pool is lost or it may no longer stand there.",
        Minimum = 0, Maximum = 10_080)]
    public double MinimumDwellMinutes { get; init; } = 30;

    [ConfigKey("Minutes that a drained replica holds its accelerators, at most.", Minimum = 0, Maximum = 1440)]
    public double DrainMinutes { get; init; } = 10;

    [ConfigKey("Share of the worth of serving that is lost where the way to the user takes the whole time to first " +
        "token.", Minimum = 0, Maximum = 1)]
    public double LatencyWeight { get; init; } = 0.5;

    [ConfigKey("Share of a site's link that weights may take beside traffic.", Minimum = 0.01, Maximum = 1)]
    public double LinkShareForWeights { get; init; } = 0.5;

    [ConfigKey("Most replicas started in one look, so that a wrong forecast shows before it has moved everything.",
        Minimum = 1, Maximum = 1_000_000)]
    public int MaxStarts { get; init; } = 10_000;
}
