using Forebay.Core.Config;

namespace Forebay.Core.Serving.Health;

/// <summary>What keys of health must be to each other.</summary>
internal static class HealthRules
{
    public static void Check(HealthRulesConfig rules, string path, List<ConfigProblem> problems)
    {
        if (rules.OpenSeconds > rules.MaxOpenSeconds)
        {
            problems.Add(new ConfigProblem(
                $"{path}.open_seconds",
                $"open_seconds is {rules.OpenSeconds}, above max_open_seconds, which is {rules.MaxOpenSeconds}",
                "Lower open_seconds or raise max_open_seconds.") { OtherPath = $"{path}.max_open_seconds" });
        }
    }

    public static void Check(DeploymentHealthConfig watch, string path, List<ConfigProblem> problems)
    {
        if (watch.TimeoutSeconds > watch.IntervalSeconds)
        {
            problems.Add(new ConfigProblem(
                $"{path}.timeout_seconds",
                $"timeout_seconds is {watch.TimeoutSeconds}, above interval_seconds, which is {watch.IntervalSeconds}",
                "Lower timeout_seconds or raise interval_seconds.") { OtherPath = $"{path}.interval_seconds" });
        }
    }
}
