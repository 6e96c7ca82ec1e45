using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Core.Limits;

/// <summary>Rules over model classes and the limits of tiers.</summary>
internal static class LimitRules
{
    public static void Check(FleetConfig config, List<ConfigProblem> problems)
    {
        CheckModelClasses(config.ModelClasses, problems);
        for (int i = 0; i < config.Tiers.Length; i++)
        {
            CheckTier(config.Tiers[i], $"tiers[{i}]", problems);
        }
    }

    /// <summary>A model belongs to one class at most: its use could not be told apart otherwise.</summary>
    private static void CheckModelClasses(ModelClassConfig[] classes, List<ConfigProblem> problems)
    {
        var owners = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < classes.Length; i++)
        {
            string path = $"model_classes[{i}].models";
            if (classes[i].Models.Length == 0)
            {
                problems.Add(new ConfigProblem(path, "the list is empty", "Name its models, or take the class out."));
            }

            for (int j = 0; j < classes[i].Models.Length; j++)
            {
                // Twice in one list is reported as a repeated entry already.
                if (!owners.TryAdd(classes[i].Models[j], i) && owners[classes[i].Models[j]] != i)
                {
                    int first = owners[classes[i].Models[j]];
                    problems.Add(new ConfigProblem(
                        $"{path}[{j}]",
                        $"model {classes[i].Models[j]} is in class {classes[first].Id} and in class {classes[i].Id}",
                        "Leave it in one of them.") { OtherPath = $"model_classes[{first}].models" });
                }
            }
        }
    }

    private static void CheckTier(TierConfig tier, string path, List<ConfigProblem> problems)
    {
        CheckLimits(tier, path, problems);
        if (tier.MaxBatchRequests is not null && tier.Priority != PriorityClass.Batch)
        {
            problems.Add(new ConfigProblem(
                $"{path}.max_batch_requests",
                $"max_batch_requests is {tier.MaxBatchRequests}, but the tier's priority is "
                    + $"{ConfigShape.Of(typeof(PriorityClass)).WordOf(tier.Priority)}: it would never hold",
                "Take it out, or set priority to batch.") { OtherPath = $"{path}.priority" });
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < tier.Classes.Length; i++)
        {
            ClassLimitsConfig limits = tier.Classes[i];
            string at = $"{path}.classes[{i}]";
            if (!seen.Add(limits.Class))
            {
                problems.Add(new ConfigProblem(
                    $"{at}.class", $"class {limits.Class} has limits in this tier already", "Join the two entries."));
            }

            if (limits is
                {
                    RequestsPerMinute: null, InputTokensPerMinute: null, OutputTokensPerMinute: null,
                    FiveHourWindow: null, WeeklyWindow: null, Acceleration: null, MonthlySpendUsd: null,
                })
            {
                problems.Add(new ConfigProblem(
                    at, $"class {limits.Class} is given no limit", "Give it one, or take the entry out."));
            }

            CheckLimits(limits, at, problems);
        }
    }

    private static void CheckLimits(LimitsConfig limits, string path, List<ConfigProblem> problems)
    {
        CheckWindow(limits.FiveHourWindow, $"{path}.five_hour_window", problems);
        CheckWindow(limits.WeeklyWindow, $"{path}.weekly_window", problems);
        if (limits.Acceleration is { } a && a.Factor >= a.OverMinutes)
        {
            problems.Add(new ConfigProblem(
                $"{path}.acceleration.factor",
                $"factor is {a.Factor}, not below over_minutes, which is {a.OverMinutes}: nothing would be refused",
                "Lower factor or raise over_minutes.") { OtherPath = $"{path}.acceleration.over_minutes" });
        }
    }

    private static void CheckWindow(WindowConfig? window, string path, List<ConfigProblem> problems)
    {
        if (window is { Unit: not WindowUnit.Usd } && window.Limit != decimal.Truncate(window.Limit))
        {
            problems.Add(new ConfigProblem(
                $"{path}.limit",
                $"limit is {window.Limit}, and {ConfigShape.Of(typeof(WindowUnit)).WordOf(window.Unit)} come whole",
                "Give a whole number, or set unit to usd."));
        }
    }
}
