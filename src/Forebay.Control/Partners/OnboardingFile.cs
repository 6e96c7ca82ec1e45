using Forebay.Control.FleetFile;
using Forebay.Core.Capacity.Partners;
using Forebay.Core.Config;

namespace Forebay.Control.Partners;

/// <summary>What reading an onboarding file gave: an offer, or every problem with its line.</summary>
public sealed class OnboardingFile
{
    private readonly string _name;
    private readonly IReadOnlyDictionary<string, Place> _places;
    private readonly OnboardingConfig? _read;

    private OnboardingFile(
        string name,
        OnboardingConfig? read,
        IReadOnlyList<FleetFileProblem> problems,
        IReadOnlyDictionary<string, Place> places)
    {
        _name = name;
        _read = read;
        _places = places;
        Problems = problems;
    }

    /// <summary>The offer; null if there is any problem.</summary>
    public OnboardingConfig? Offer => Problems.Count == 0 ? _read : null;

    public IReadOnlyList<FleetFileProblem> Problems { get; }

    /// <summary>Reads YAML or JSON. Never throws on any content.</summary>
    public static OnboardingFile Read(string text, string name)
    {
        var problems = new ProblemList(name);
        if (text.Length > FleetFileReader.MaxBytes)
        {
            problems.Add(new Place(1, 1), "", "the file is too large", "Is this the right file?");
            return new OnboardingFile(name, null, problems.Sorted(), new Dictionary<string, Place>());
        }

        var composer = new YamlComposer(text, problems);
        YamlNode? root = composer.Compose();
        if (root is not YamlMapping mapping)
        {
            if (problems.Count == 0)
            {
                problems.Add(
                    new Place(1, 1), "", "expected keys such as id: and commitment:",
                    "See examples/onboard-colossus-1.yaml.");
            }

            return new OnboardingFile(name, null, problems.Sorted(), new Dictionary<string, Place>());
        }

        var binder = new FleetFileBinder(problems, composer.Nodes);
        OnboardingConfig offer = binder.Bind<OnboardingConfig>(mapping);
        var found = new List<ConfigProblem>();
        OnboardingRules.Check(offer, found);
        var echoes = new EchoFilter(problems.Found.Select(p => p.Path).Concat(binder.UnreadPaths));
        foreach (ConfigProblem problem in found.Where(p => !echoes.IsEcho(p.Path) && !echoes.IsEcho(p.OtherPath ?? "")))
        {
            problems.Add(
                FleetFileResult.FindPlace(binder.Places, problem.Path), problem.Path, problem.Message, problem.Fix);
        }

        return new OnboardingFile(name, offer, problems.Sorted(), binder.Places);
    }

    /// <summary>Finds the line of a problem that the rules of the whole fleet found.</summary>
    public FleetFileProblem Locate(ConfigProblem problem)
    {
        string path = PathHere(problem.Path);
        return FleetFileProblem.At(
            _name, FleetFileResult.FindPlace(_places, path), path, problem.Message, problem.Fix);
    }

    /// <summary><c>pools[ID].site</c> of the fleet as <c>pools[2].site</c> of this file, <c>commitments[ID].ends</c> as
    /// <c>commitment.ends</c>.</summary>
    private string PathHere(string path)
    {
        int open = path.IndexOf('[');
        int close = path.IndexOf(']');
        if (_read is null || open < 0 || close < open)
        {
            return "";
        }

        string id = path[(open + 1)..close];
        string rest = path[(close + 1)..];
        return path[..open] switch
        {
            "providers" => "provider" + rest,
            "commitments" => "commitment" + rest,
            "pools" => Entry("pools", Array.FindIndex(_read.Pools, p => p.Id == id), rest),
            "sites" => Entry("sites", Array.FindIndex(_read.Sites, s => s.Id == id), rest),
            "concentration_groups" => Entry(
                "concentration_groups", Array.FindIndex(_read.ConcentrationGroups, g => g.Id == id), rest),
            _ => "",
        };
    }

    private static string Entry(string section, int index, string rest) =>
        index < 0 ? section : $"{section}[{index}]{rest}";
}
