using Forebay.Core.Config;

namespace Forebay.Core.Limits.Following.Cases;

/// <summary>Demand in some hours of the day, as a share of the busiest.</summary>
public sealed record DemandHoursConfig
{
    [ConfigKey("First hour (UTC) of the stretch.", Required = true, Minimum = 0, Maximum = 23)]
    public required int From { get; init; }

    [ConfigKey("Hour (UTC) at which it ends.", Required = true, Minimum = 1, Maximum = 24)]
    public required int To { get; init; }

    [ConfigKey("Share of the busiest hour's demand from Monday to Friday.", Required = true, Minimum = 0, Maximum = 1)]
    public required double Weekday { get; init; }

    [ConfigKey("Share on Saturday and Sunday.", Required = true, Minimum = 0, Maximum = 1)]
    public required double Weekend { get; init; }
}

/// <summary>Capacity of a case.</summary>
public sealed record CaseCapacityConfig
{
    [ConfigKey("Short name.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("The provider: a concentration group by itself.", Required = true, Pattern = Ids.Pattern)]
    public required string Provider { get; init; }

    [ConfigKey("Further concentration groups.", Pattern = Ids.Pattern)]
    public string[] Groups { get; init; } = [];

    [ConfigKey("How much, in any unit that the two rates below are per, such as megawatts or accelerators.",
        Required = true, Minimum = 0)]
    public required Figure Amount { get; init; }

    [ConfigKey("Input tokens per second and unit.", Required = true, Minimum = 0)]
    public required Figure InputTokensPerSecond { get; init; }

    [ConfigKey("Output tokens per second and unit, at the same time.", Required = true, Minimum = 0)]
    public required Figure OutputTokensPerSecond { get; init; }

    [ConfigKey("Whether it is what arrives: not there before.")]
    public bool Arrives { get; init; }
}

/// <summary>What the tenants of a tier ask for.</summary>
public sealed record CaseDemandConfig
{
    [ConfigKey("The tier.", Required = true, Pattern = Ids.Pattern)]
    public required string Tier { get; init; }

    [ConfigKey("How many tenants it has.", Required = true, Minimum = 0)]
    public required Figure Tenants { get; init; }

    [ConfigKey("Input tokens per minute that each is promised.", Required = true, Minimum = 0)]
    public required Figure InputTokensPerMinute { get; init; }

    [ConfigKey("Output tokens per minute that each is promised.", Required = true, Minimum = 0)]
    public required Figure OutputTokensPerMinute { get; init; }

    [ConfigKey("Share of all that the tier promises which is in use at once in the busiest hour.", Required = true,
        Minimum = 0, Maximum = 1)]
    public required Figure CoincidenceFactor { get; init; }

    [ConfigKey("Share of that demand of tenants at their limits.", Required = true, Minimum = 0, Maximum = 1)]
    public required Figure LimitedShare { get; init; }

    [ConfigKey("The multiplier in force before.", Minimum = 1)]
    public double Multiplier { get; init; } = 1;

    [ConfigKey("The multiplier in force before in the reduced hours.", Minimum = 1)]
    public double? ReducedMultiplier { get; init; }

    [ConfigKey("What was announced, for the comparison; nothing is computed from it.")]
    public string? Announced { get; init; }
}

/// <summary>
/// A case that limits are worked out for apart from any server: capacity before and after something arrives, and
/// demand. What is a range counts with its middle, and is tried at both ends.
/// </summary>
public sealed record LimitCaseConfig
{
    [ConfigKey("Version of the file's form; 1.", Minimum = 1, Maximum = 1)]
    public int Version { get; init; } = 1;

    [ConfigKey("The rules; as a server has them when left out.")]
    public LimitsFollowConfig Rules { get; init; } = new();

    [ConfigKey("How demand goes over the hours of the day; hours left out have none.", Required = true)]
    public required DemandHoursConfig[] Hours { get; init; }

    [ConfigKey("First hour (UTC) of the hours of Monday to Friday with a reduced multiplier.", Minimum = 0,
        Maximum = 23)]
    public int? ReducedFrom { get; init; }

    [ConfigKey("Hour (UTC) at which those end.", Minimum = 1, Maximum = 24)]
    public int? ReducedTo { get; init; }

    [ConfigKey("Demand of the busiest hour at what is promised, over the capacity before the arrival after its " +
        "reserve; tenants are counted up or down until it is. Left out: they are as many as given.", Minimum = 0.0001)]
    public Figure? LoadBefore { get; init; }

    [ConfigKey("Capacity; left out where a fleet file tells it.")]
    public CaseCapacityConfig[] Capacity { get; init; } = [];

    [ConfigKey("Demand by tier.", Required = true)]
    public required CaseDemandConfig[] Demand { get; init; }
}

/// <summary>Rules over a case.</summary>
public static class LimitCaseRules
{
    /// <summary>Everything wrong with it, all at once.</summary>
    public static IReadOnlyList<ConfigProblem> Check(LimitCaseConfig config)
    {
        var problems = new List<ConfigProblem>();
        KeyRules.Check(config, problems);
        LimitsFollowRules.Check(config.Rules, "rules", problems);
        for (int i = 0; i < config.Hours.Length; i++)
        {
            if (config.Hours[i].To <= config.Hours[i].From)
            {
                problems.Add(new ConfigProblem(
                    $"hours[{i}].to", $"to is {config.Hours[i].To}, not after from, which is {config.Hours[i].From}",
                    "Give a later hour; what goes past midnight takes two entries."));
            }
        }

        if (config.ReducedFrom is null != config.ReducedTo is null
            || (config.ReducedFrom is { } from && config.ReducedTo <= from))
        {
            problems.Add(new ConfigProblem(
                "reduced_to", "the reduced hours do not run from one hour to a later one", "Give both, in order."));
        }

        for (int i = 0; i < config.Demand.Length; i++)
        {
            if (config.Demand[i].ReducedMultiplier > config.Demand[i].Multiplier)
            {
                problems.Add(new ConfigProblem(
                    $"demand[{i}].reduced_multiplier", "the multiplier of the reduced hours is above the other",
                    "Lower it.") { OtherPath = $"demand[{i}].multiplier" });
            }
        }

        foreach (IGrouping<string, CaseDemandConfig> twice in
            config.Demand.GroupBy(d => d.Tier).Where(g => g.Count() > 1))
        {
            problems.Add(new ConfigProblem("demand", $"tier {twice.Key} stands there twice", "Join the entries."));
        }

        return problems;
    }
}
