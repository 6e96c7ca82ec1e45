using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Core.Capacity.Concentration;

/// <summary>Rules over caps on concentration groups.</summary>
internal static class ConcentrationRules
{
    public static void Check(FleetConfig config, List<ConfigProblem> problems)
    {
        var members = config.Providers.SelectMany(p => p.ConcentrationGroups)
            .Concat(config.Sites.SelectMany(s => s.ConcentrationGroups))
            .ToHashSet(StringComparer.Ordinal);
        for (int i = 0; i < config.ConcentrationGroups.Length; i++)
        {
            ConcentrationGroupConfig group = config.ConcentrationGroups[i];
            if (group.Caps is not { } caps)
            {
                continue;
            }

            string path = $"concentration_groups[{i}].caps";
            if (caps is { LeasedShare: null, ServedShare: null, SpendShare: null })
            {
                problems.Add(new ConfigProblem(
                    path, "the caps cap nothing", "Give leased_share, served_share or spend_share, or take caps out."));
            }
            else if (group.Id.Length > 0 && !members.Contains(group.Id))
            {
                problems.Add(new ConfigProblem(
                    path,
                    $"{Words.Quote(group.Id)} is capped, but no provider and no site is in it",
                    "Name it in concentration_groups of a provider or a site, or take caps out."));
            }
        }
    }
}
