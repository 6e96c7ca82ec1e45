using Forebay.Core.Config;

namespace Forebay.Core.Fleet;

/// <summary>
/// Ids are unique within their section, and every key that names an id (<see cref="ConfigKeyAttribute.RefersTo"/>)
/// names one that is there. Works from the records' declarations, so a new key is covered by declaring it.
/// </summary>
internal static class ReferenceRules
{
    private const string IdKey = "id";

    /// <param name="config">The configuration.</param>
    /// <param name="unread">Sections whose ids are not all known: references to them are not judged.</param>
    /// <param name="problems">Where problems go.</param>
    public static void Check(FleetConfig config, IReadOnlySet<string> unread, List<ConfigProblem> problems)
    {
        Dictionary<string, Dictionary<string, int>> sections = ReadIds(config, problems);
        ConfigWalk.Each(config, at =>
        {
            if (at.Key.Doc.RefersTo is { } section && at.Value is string id && !unread.Contains(section)
                && !sections[section].ContainsKey(id))
            {
                problems.Add(Unresolved(at.Path, section, id, sections[section].Keys));
            }
        });
    }

    private static ConfigProblem Unresolved(
        string path,
        string section,
        string id,
        IReadOnlyCollection<string> known)
    {
        string fix = Suggestion.Sentence(id, known);
        return new ConfigProblem(
            path,
            $"no {Singular(section)} is called {Words.Quote(id)}",
            fix.Length > 0 ? fix : $"Add it under {section}.");
    }

    private static Dictionary<string, Dictionary<string, int>> ReadIds(
        FleetConfig config,
        List<ConfigProblem> problems)
    {
        var sections = new Dictionary<string, Dictionary<string, int>>();
        foreach (ConfigProperty section in ConfigShape.Of(typeof(FleetConfig)).Properties)
        {
            if (section.Shape.Element?.Find(IdKey) is not { } idKey)
            {
                continue;
            }

            var ids = new Dictionary<string, int>(StringComparer.Ordinal);
            var entries = (Array)section.Property.GetValue(config)!;
            for (int i = 0; i < entries.Length; i++)
            {
                string id = (string)idKey.Property.GetValue(entries.GetValue(i))!;
                if (id.Length > 0 && !ids.TryAdd(id, i))
                {
                    problems.Add(new ConfigProblem(
                        $"{section.Name}[{i}].{IdKey}",
                        $"{Words.Quote(id)} is the id of {section.Name}[{ids[id]}] already",
                        "Give each its own id."));
                }
            }

            sections.Add(section.Name, ids);
        }

        return sections;
    }

    private static string Singular(string section)
    {
        string words = section.Replace('_', ' ');
        return words.EndsWith("ies", StringComparison.Ordinal) ? words[..^3] + "y" : words[..^1];
    }
}
