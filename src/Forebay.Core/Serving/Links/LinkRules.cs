using Forebay.Core.Capacity;
using Forebay.Core.Config;

namespace Forebay.Core.Serving.Links;

/// <summary>Rules over the links of sites.</summary>
internal static class LinkRules
{
    public static void Check(SiteConfig site, string path, List<ConfigProblem> problems)
    {
        if (site.Link is not { } link)
        {
            return;
        }

        path += ".link";
        bool scheduled = link.Steps.Length > 0 || link.ScheduleFile is not null;
        if (link.Steps.Length > 0 && link.ScheduleFile is not null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.schedule_file", "schedule_file is given beside steps", "Give one of them."));
        }

        if (!scheduled && (link.Starts is not null || link.RepeatSeconds is not null))
        {
            problems.Add(new ConfigProblem(
                $"{path}.{(link.Starts is null ? "repeat_seconds" : "starts")}",
                "there is no schedule that it could belong to",
                "Add steps or schedule_file, or take it out."));
        }

        if (link.StartUnixMs is null)
        {
            problems.Add(new ConfigProblem(
                $"{path}.starts", $"{Words.Quote(link.Starts!)} is no date", "Write it as 2026-01-31T06:00:00Z."));
        }

        for (int i = 1; i < link.Steps.Length; i++)
        {
            if (link.Steps[i].AtSeconds <= link.Steps[i - 1].AtSeconds)
            {
                problems.Add(new ConfigProblem(
                    $"{path}.steps[{i}].at_seconds",
                    $"at_seconds is {link.Steps[i].AtSeconds}, not after the step before it, "
                        + $"{link.Steps[i - 1].AtSeconds}",
                    "Order the steps by time."));
            }
        }

        if (link.RepeatSeconds is { } period && link.Steps is [.., { } last] && last.AtSeconds >= period)
        {
            problems.Add(new ConfigProblem(
                $"{path}.repeat_seconds",
                $"repeat_seconds is {period}, but the last step is at {last.AtSeconds}",
                "Raise repeat_seconds beyond the last step.") { OtherPath = $"{path}.steps" });
        }
    }
}
