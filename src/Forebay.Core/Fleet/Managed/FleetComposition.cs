using System.Globalization;
using Forebay.Core.Config;

namespace Forebay.Core.Fleet.Managed;

/// <summary>
/// The fleet file and what the API manages, as one configuration. The two never mix: each object is managed by the
/// file or by one owner, and an id in both is a problem of both. What the API manages may refer to what the file holds;
/// the file stands by itself and refers to nothing of the API.
/// </summary>
public sealed class FleetComposition
{
    private readonly List<ConfigProblem> _problems = [];
    private readonly Dictionary<string, (int FileCount, List<(string Owner, string Id)> Added)> _sections =
        new(StringComparer.Ordinal);

    private FleetComposition(FleetConfig file) => Config = file;

    /// <summary>The whole; the file alone where there are problems.</summary>
    public FleetConfig Config { get; private set; }

    /// <summary>Why the whole may not be put in force; none if it may.</summary>
    public IReadOnlyList<ConfigProblem> Problems => _problems;

    /// <summary>
    /// Joins and checks. Cost: linear in the objects of the whole, since every rule is checked anew; nothing at all
    /// where the API manages nothing. docs/reference/capacity/capacity.md has figures.
    /// </summary>
    /// <param name="file">The fleet file, valid by itself.</param>
    /// <param name="managed">What the API manages.</param>
    /// <param name="knownAccelerators">Types in the accelerator catalogue.</param>
    public static FleetComposition Compose(
        FleetConfig file,
        ManagedObjects managed,
        IReadOnlySet<string> knownAccelerators)
    {
        var composition = new FleetComposition(file);
        if (managed.IsEmpty)
        {
            return composition;
        }

        // 1. Join section by section; what two manage is reported and goes no further.
        FleetConfig whole = file with
        {
            ConcentrationGroups = composition.Join(
                "concentration_groups", file.ConcentrationGroups, managed, p => p.ConcentrationGroups, g => g.Id),
            Providers = composition.Join("providers", file.Providers, managed, p => p.Providers, p => p.Id),
            Sites = composition.Join("sites", file.Sites, managed, p => p.Sites, s => s.Id),
            Commitments = composition.Join("commitments", file.Commitments, managed, p => p.Commitments, c => c.Id),
            Pools = composition.Join("pools", file.Pools, managed, p => p.Pools, p => p.Id),
            Deployments = composition.Join("deployments", file.Deployments, managed, p => p.Deployments, d => d.Id),
        };
        if (composition._problems.Count > 0)
        {
            return composition;
        }

        // 2. The rules of the fleet file hold for the whole; problems name the object, as no line shows it.
        composition._problems.AddRange(
            FleetValidator.ValidateWhole(whole, knownAccelerators).Select(composition.Named));
        composition.Config = composition._problems.Count == 0 ? whole : file;
        return composition;
    }

    private T[] Join<T>(
        string section,
        T[] file,
        ManagedObjects managed,
        Func<ManagedPart, T[]> of,
        Func<T, string> idOf)
    {
        int count = file.Length + managed.Parts.Sum(p => of(p.Value).Length);
        var added = new List<(string Owner, string Id)>(count - file.Length);
        _sections.Add(section, (file.Length, added));
        if (count == file.Length)
        {
            return file;
        }

        var whole = new List<T>(count);
        var holders = new Dictionary<string, string?>(count, StringComparer.Ordinal);
        whole.AddRange(file);
        for (int i = 0; i < file.Length; i++)
        {
            holders[idOf(file[i])] = null;
        }

        foreach ((string owner, ManagedPart part) in managed.Parts)
        {
            foreach (T entry in of(part))
            {
                string id = idOf(entry);
                if (holders.TryAdd(id, owner))
                {
                    whole.Add(entry);
                    added.Add((owner, id));
                }
                else
                {
                    _problems.Add(Clash(section, id, owner, holders[id], Array.FindIndex(file, e => idOf(e) == id)));
                }
            }
        }

        return [.. whole];
    }

    /// <param name="section">The section that both are in.</param>
    /// <param name="id">The id that both have.</param>
    /// <param name="owner">Who manages the later one.</param>
    /// <param name="holder">Who manages the first one; null for the file.</param>
    /// <param name="fileIndex">Where the file has it.</param>
    private static ConfigProblem Clash(string section, string id, string owner, string? holder, int fileIndex)
    {
        string name = Words.Quote(id);
        return holder is null
            ? new ConfigProblem(
                $"{section}[{fileIndex}].id",
                $"the fleet file manages {name}, and so does {owner} through the API",
                $"Take {name} out of the file, or out of what {owner} manages, or give one of them another id.")
            : holder == owner
                ? new ConfigProblem(
                    $"{section}[{id}].id", $"{owner} manages {name} twice", "Give each its own id.")
                : new ConfigProblem(
                    $"{section}[{id}].id",
                    $"{holder} manages {name} through the API, and so does {owner}",
                    $"Take {name} out of one of them, or give one another id.");
    }

    /// <summary>A problem of an object that the API manages is told by its owner and id instead of by a place that no
    /// file has.</summary>
    private ConfigProblem Named(ConfigProblem problem)
    {
        string? other = problem.OtherPath is { } path && Added(path) is { } second ? second.Path : problem.OtherPath;
        return Added(problem.Path) is { } at
            ? new ConfigProblem(at.Path, $"{problem.Message} (managed by {at.Owner} through the API)", problem.Fix)
            {
                OtherPath = other,
            }
            : problem with { OtherPath = other };
    }

    /// <summary>The path with the id in place of the number, for an object that the API manages; null for others.
    /// </summary>
    private (string Owner, string Path)? Added(string path)
    {
        int open = path.IndexOf('[');
        int close = path.IndexOf(']');
        if (open < 0 || close < open || !_sections.TryGetValue(path[..open], out var section)
            || !int.TryParse(path.AsSpan(open + 1, close - open - 1), NumberStyles.None, CultureInfo.InvariantCulture,
                out int index)
            || index < section.FileCount || index - section.FileCount >= section.Added.Count)
        {
            return null;
        }

        (string owner, string id) = section.Added[index - section.FileCount];
        return (owner, $"{path[..(open + 1)]}{id}{path[close..]}");
    }
}
