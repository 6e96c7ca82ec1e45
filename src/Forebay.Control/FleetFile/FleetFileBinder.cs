using Forebay.Core.Config;

namespace Forebay.Control.FleetFile;

/// <summary>
/// Binds the node tree to the configuration records, driven by their declarations. Goes on after every problem; what
/// could not be read keeps its default, or is empty where the record has none. Recursion follows the records' shapes,
/// never the file's, so its depth is bounded.
/// </summary>
internal sealed class FleetFileBinder(ProblemList problems, int nodes)
{
    private const string MergeKey = "<<";
    private const int MaxMergeDepth = 8;

    /// <summary>How much aliases may blow the file up.</summary>
    private const int MaxAliasCopies = 100_000;

    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);
    private readonly List<string> _unreadPaths = [];
    private readonly HashSet<string> _unreadSections = new(StringComparer.Ordinal);
    private int _left = nodes + MaxAliasCopies;

    /// <summary>Where each key and entry stands, by path.</summary>
    public IReadOnlyDictionary<string, Place> Places => _places;

    /// <summary>Sections whose ids could not all be read.</summary>
    public IReadOnlySet<string> UnreadSections => _unreadSections;

    /// <summary>Paths that hold nothing though no problem names them: meant by a misspelt key, or unread in the
    /// YAML.</summary>
    public IReadOnlyList<string> UnreadPaths => _unreadPaths;

    /// <summary>Binds the root of the file.</summary>
    public T Bind<T>(YamlMapping root)
        where T : class => (T)BindMapping(root, ConfigShape.Of(typeof(T)), "");

    private object? Bind(YamlNode node, ConfigShape shape, ConfigProperty key, string path)
    {
        if (--_left < 0)
        {
            if (_left == -1)
            {
                problems.Add(
                    node.At,
                    path,
                    "aliases repeat too much of the file",
                    "Write the values out, or use fewer aliases.");
            }

            return null;
        }

        switch (node)
        {
            case YamlUnread:
                _unreadPaths.Add(path);
                return Unreadable(path);
            case YamlScalar { IsNull: true }:
                problems.Add(
                    PlaceOf(path, node),
                    path,
                    "there is no value",
                    key.Doc.Required
                        ? $"Give {key.Name} {ScalarBinding.NameOf(shape.Kind)}."
                        : "Give one, or take the key out.");
                return Unreadable(path);
            case YamlMapping mapping when shape.Kind is ConfigKind.Mapping or ConfigKind.Figure:
                return BindMapping(mapping, shape, path);
            case YamlList list when shape.Kind == ConfigKind.List:
                return BindList(list, shape, key, path);
            case YamlScalar scalar when shape.Kind is not (ConfigKind.Mapping or ConfigKind.List):
                if (ScalarBinding.Bind(scalar, shape, out string fix) is { } value)
                {
                    return value;
                }

                return Wrong(node, shape, key, path, fix);
            default:
                return Wrong(node, shape, key, path, FixForForm(node, shape, key));
        }
    }

    private object? Wrong(YamlNode node, ConfigShape shape, ConfigProperty key, string path, string fix)
    {
        // A URL may hold a password.
        bool secret = key.Doc.Secret || shape.Kind == ConfigKind.Url;
        string expected = shape.Kind == ConfigKind.Choice
            ? "one of " + string.Join(", ", shape.Choices.Select(c => c.Word))
            : ScalarBinding.NameOf(shape.Kind);
        problems.Add(
            node.At, path, $"expected {expected}, found {ScalarBinding.Describe(node, secret)}", fix);
        return Unreadable(path);
    }

    private static string FixForForm(YamlNode node, ConfigShape shape, ConfigProperty key) => (node, shape.Kind) switch
    {
        (YamlScalar scalar, ConfigKind.List) when shape.Element!.Kind != ConfigKind.Mapping && !key.Doc.Secret =>
            $"Write it as [{Words.Quote(scalar.Text)[1..^1]}].",
        (_, ConfigKind.List) => "Write each entry on its own line, after a hyphen.",
        (YamlList, ConfigKind.Mapping) => "Take the hyphen or the brackets out: this is one thing, not several.",
        (_, ConfigKind.Mapping) => "Write its keys below it, indented.",
        (YamlList { Entries.Count: 1 }, _) => "Take the brackets or the hyphen out.",
        _ => $"Give {key.Name} one value.",
    };

    private Array BindList(YamlList list, ConfigShape shape, ConfigProperty key, string path)
    {
        ConfigShape element = shape.Element!;
        var bound = new List<object>(list.Entries.Count);
        for (int i = 0; i < list.Entries.Count && _left > 0; i++)
        {
            // The place in the array must stay the place in the file: paths are built from it.
            string at = $"{path}[{i}]";
            _places[at] = list.Entries[i].At;
            object? entry = Bind(list.Entries[i], element, key, at);
            entry ??= element.Kind switch
            {
                ConfigKind.Mapping => BindMapping(new YamlMapping(list.Entries[i].At), element, at, report: false),
                ConfigKind.Text => "",
                _ => null,
            };

            if (entry is not null)
            {
                bound.Add(entry);
            }
        }

        var array = Array.CreateInstance(element.Type, bound.Count);
        for (int i = 0; i < bound.Count; i++)
        {
            array.SetValue(bound[i], i);
        }

        return array;
    }

    private object BindMapping(YamlMapping mapping, ConfigShape shape, string path, bool report = true)
    {
        object record = Activator.CreateInstance(shape.Type)!;
        var given = new Dictionary<string, Place>(StringComparer.Ordinal);
        var meant = new HashSet<string>(StringComparer.Ordinal);
        foreach ((YamlScalar name, YamlNode value) in Entries(mapping))
        {
            string at = ConfigWalk.Join(path, name.Text);
            if (shape.Find(name.Text) is not { } key)
            {
                Unknown(name, shape, path, meant);
            }
            else if (given.TryAdd(key.Name, name.At))
            {
                _places[at] = name.At;
                if (Bind(value, key.Shape, key, at) is { } bound)
                {
                    key.Property.SetValue(record, bound);
                }
            }
            else
            {
                problems.Add(
                    name.At, at, $"{key.Name} is given on line {given[key.Name].Line} already", "Take one out.");
            }
        }

        Complete(record, mapping, shape, path, report, given, meant);
        return record;
    }

    /// <summary>Reports required keys that are missing, and fills what has no default, so that rules can go
    /// on.</summary>
    private void Complete(
        object record,
        YamlMapping mapping,
        ConfigShape shape,
        string path,
        bool report,
        Dictionary<string, Place> given,
        HashSet<string> meant)
    {
        foreach (ConfigProperty key in shape.Properties)
        {
            if (!key.Doc.Required)
            {
                continue;
            }

            string at = ConfigWalk.Join(path, key.Name);
            if (!given.ContainsKey(key.Name))
            {
                Unreadable(at);
                if (report && !meant.Contains(key.Name))
                {
                    string example = key.Doc.Example is null ? "" : $", such as {key.Name}: {key.Doc.Example}";
                    problems.Add(mapping.At, at, $"{key.Name} is missing", $"Add it{example}. {key.Doc.Description}");
                }
            }

            if (key.Property.GetValue(record) is null)
            {
                key.Property.SetValue(record, Empty(key.Shape));
            }
        }
    }

    private static object Empty(ConfigShape shape) => shape.Kind switch
    {
        ConfigKind.Text => "",
        ConfigKind.List => Array.CreateInstance(shape.Element!.Type, 0),
        _ => Activator.CreateInstance(shape.Type)!,
    };

    private void Unknown(YamlScalar name, ConfigShape shape, string path, HashSet<string> meant)
    {
        string[] known = [.. shape.Properties.Select(p => p.Name)];
        string at = ConfigWalk.Join(path, Words.Quote(name.Text)[1..^1]);
        string fix = Suggestion.Sentence(name.Text, known);
        if (Suggestion.For(name.Text, known) is { } likely)
        {
            meant.Add(likely);
            _unreadPaths.Add(ConfigWalk.Join(path, likely));
            Unreadable(_unreadPaths[^1]);
        }

        string where = path.Length == 0 ? "at the top of the file" : $"in {path}";
        problems.Add(name.At, at, $"there is no key {Words.Quote(name.Text)} {where}", fix);
    }

    /// <summary>The entries of a mapping with merge keys (<c>&lt;&lt;: *base</c>) put in after its own.</summary>
    private List<(YamlScalar Key, YamlNode Value)> Entries(YamlMapping mapping)
    {
        if (mapping.Entries.All(e => e.Key.Text != MergeKey))
        {
            return mapping.Entries;
        }

        var own = mapping.Entries.Where(e => e.Key.Text != MergeKey).ToList();
        var names = own.Select(e => e.Key.Text).ToHashSet(StringComparer.Ordinal);
        foreach ((YamlScalar key, YamlNode value) in mapping.Entries.Where(e => e.Key.Text == MergeKey))
        {
            Merge(key, value, own, names, 0);
        }

        return own;
    }

    private void Merge(
        YamlScalar key,
        YamlNode value,
        List<(YamlScalar Key, YamlNode Value)> own,
        HashSet<string> names,
        int depth)
    {
        if (--_left < 0 || depth == MaxMergeDepth)
        {
            problems.Add(key.At, "", "merge keys are nested or repeated too much", "Write the values out.");
            return;
        }

        switch (value)
        {
            case YamlList list:
                list.Entries.ForEach(e => Merge(key, e, own, names, depth + 1));
                break;
            case YamlMapping merged:
                foreach ((YamlScalar innerKey, YamlNode innerValue) in merged.Entries)
                {
                    if (innerKey.Text == MergeKey)
                    {
                        Merge(innerKey, innerValue, own, names, depth + 1);
                    }
                    else if (--_left > 0 && names.Add(innerKey.Text))
                    {
                        own.Add((innerKey, innerValue));
                    }
                }

                break;
            case YamlUnread:
                break;
            default:
                problems.Add(key.At, "", "<< merges mappings, and this is none", "Name one with *, or take << out.");
                break;
        }
    }

    private Place PlaceOf(string path, YamlNode node) => _places.GetValueOrDefault(path, node.At);

    /// <summary>Notes that ids of a section are not all known: <c>sites</c>, <c>sites[3]</c> or <c>sites[3].id</c>
    /// could not be read.</summary>
    private object? Unreadable(string path)
    {
        int bracket = path.IndexOf('[');
        if (!path.Contains('.') || path.EndsWith("].id", StringComparison.Ordinal))
        {
            _unreadSections.Add(bracket < 0 ? path : path[..bracket]);
        }

        return null;
    }
}
