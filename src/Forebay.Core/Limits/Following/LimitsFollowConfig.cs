using Forebay.Core.Config;

namespace Forebay.Core.Limits.Following;

/// <summary>What is done about a change of limits that capacity would allow or forces.</summary>
public enum FollowMode : byte
{
    /// <summary>Nothing is proposed by itself; what is in force stays.</summary>
    Off,

    /// <summary>It is written down for an operator to apply.</summary>
    Propose,

    /// <summary>It is applied.</summary>
    Apply,
}

/// <summary>Whose loss capacity is kept back for.</summary>
public enum ReserveAgainst : byte
{
    /// <summary>The largest of all concentration groups, every provider being one.</summary>
    LargestGroup,

    /// <summary>The largest provider.</summary>
    LargestProvider,

    /// <summary>Nothing is kept back.</summary>
    Nothing,
}

/// <summary>A limit that multipliers may hold for.</summary>
public enum FollowedLimit : byte
{
    RequestsPerMinute,
    InputTokensPerMinute,
    OutputTokensPerMinute,
    FiveHourWindow,
    WeeklyWindow,
}

/// <summary>How limits follow capacity.</summary>
public sealed record LimitsFollowConfig
{
    [ConfigKey("off, propose (an operator applies) or apply.")]
    public FollowMode Mode { get; init; }

    [ConfigKey("Seconds between two looks at capacity and demand.", Minimum = 1, Maximum = 86_400)]
    public double IntervalSeconds { get; init; } = 300;

    [ConfigKey("Multipliers that a tier may be given, rising from 1.", Minimum = 1, Maximum = 1000)]
    public double[] Steps { get; init; } = [1, 1.25, 1.5, 2, 3, 4, 6, 8, 12, 16];

    [ConfigKey("Limits that are multiplied.")]
    public FollowedLimit[] Limits { get; init; } =
        [FollowedLimit.InputTokensPerMinute, FollowedLimit.OutputTokensPerMinute, FollowedLimit.FiveHourWindow];

    [ConfigKey("Whose loss capacity is kept back for: largest_group, largest_provider or nothing.")]
    public ReserveAgainst Reserve { get; init; }

    [ConfigKey("Share by which capacity must pass demand after a raise.", Minimum = 0, Maximum = 10)]
    public double RaiseMargin { get; init; } = 0.25;

    [ConfigKey("Share by which capacity must pass demand for limits to stay; below raise_margin.", Minimum = 0,
        Maximum = 10)]
    public double KeepMargin { get; init; }

    [ConfigKey("Hours that a raise must have been possible.", Minimum = 0, Maximum = 2160)]
    public double RaiseAfterHours { get; init; } = 24;

    [ConfigKey("Hours that capacity must have been short before limits are lowered, unless capacity was lost.",
        Minimum = 0, Maximum = 2160)]
    public double LowerAfterHours { get; init; } = 72;

    [ConfigKey("Hours between the announcement of lower limits and their effect; lost capacity alone takes effect at " +
        "once.", Minimum = 0, Maximum = 2160)]
    public double AnnounceHours { get; init; } = 168;

    [ConfigKey("Most hours of the week that may have a lower multiplier than the others; where more are short, the " +
        "multiplier of all hours is lowered.", Minimum = 0, Maximum = 167)]
    public int MaxReducedHours { get; init; } = 40;

    [ConfigKey("Quantile of the minutes of each hour of the week that counts as its demand.", Minimum = 0.5,
        Maximum = 1)]
    public double DemandQuantile { get; init; } = 0.95;

    [ConfigKey("Weeks of recorded usage that demand is read from.", Minimum = 1, Maximum = 26)]
    public int DemandWeeks { get; init; } = 4;

    [ConfigKey("Hours of recorded usage without which nothing is raised.", Minimum = 0, Maximum = 4368)]
    public double LeastHistoryHours { get; init; } = 168;

    [ConfigKey("Least share of a tier's demand that is taken to grow with its limits, whatever was seen.", Minimum = 0,
        Maximum = 1)]
    public double LeastLimitedShare { get; init; } = 0.2;

    [ConfigKey("Time to first token within which an engine's capacity counts, in seconds.", Minimum = 0.01,
        Maximum = 3600)]
    public double FirstTokenSeconds { get; init; } = 10;

    [ConfigKey("Time per output token within which an engine's capacity counts, in milliseconds.", Minimum = 0.01,
        Maximum = 60_000)]
    public double OutputTokenMs { get; init; } = 100;
}

/// <summary>Rules over <see cref="LimitsFollowConfig"/>.</summary>
internal static class LimitsFollowRules
{
    private const double MostStep = 1000;

    public static void Check(LimitsFollowConfig config, string path, List<ConfigProblem> problems)
    {
        double[] steps = config.Steps;
        if (steps.Length == 0 || steps[0] != 1)
        {
            problems.Add(new ConfigProblem(
                $"{path}.steps", "the first step is not 1, which is what tiers promise", "Begin the list with 1."));
        }

        for (int i = 1; i < steps.Length; i++)
        {
            if (!(steps[i] > steps[i - 1] && steps[i] <= MostStep))
            {
                problems.Add(new ConfigProblem(
                    $"{path}.steps[{i}]", $"step {steps[i]} is not above the one before it, {steps[i - 1]}, "
                    + $"or above {MostStep}", $"Let the steps rise, up to {MostStep}."));
            }
        }

        if (config.KeepMargin >= config.RaiseMargin)
        {
            problems.Add(new ConfigProblem(
                $"{path}.keep_margin",
                $"keep_margin is {config.KeepMargin}, not below raise_margin, which is {config.RaiseMargin}: limits "
                    + "would rise and fall in turns",
                "Lower keep_margin or raise raise_margin.") { OtherPath = $"{path}.raise_margin" });
        }

        if (config.Limits.Length == 0 && config.Mode != FollowMode.Off)
        {
            problems.Add(new ConfigProblem(
                $"{path}.limits", "no limit is multiplied: nothing would follow", "Name a limit, or set mode to off."));
        }
    }
}
