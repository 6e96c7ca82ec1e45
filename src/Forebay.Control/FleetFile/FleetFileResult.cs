using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Control.FleetFile;

/// <summary>What reading a fleet file gave: a configuration that may be used, or every problem.</summary>
public sealed class FleetFileResult
{
    private readonly string _file;
    private readonly IReadOnlyDictionary<string, Place> _places;

    internal FleetFileResult(
        string file,
        FleetConfig? config,
        IReadOnlyList<FleetFileProblem> problems,
        IReadOnlyDictionary<string, Place> places,
        string sha256)
    {
        Sha256 = sha256;
        _file = file;
        _places = places;
        Config = config;
        Problems = problems;
    }

    /// <summary>The configuration, checked by every rule; null if there is any problem.</summary>
    public FleetConfig? Config { get; }

    /// <summary>Every problem, in order of place; none if the configuration may be used.</summary>
    public IReadOnlyList<FleetFileProblem> Problems { get; }

    /// <summary>Hash of the content, lower-case hex; empty when the file could not be read.</summary>
    public string Sha256 { get; }

    /// <summary>Finds the place in the file of a problem found later, such as a secret that is not there.</summary>
    public FleetFileProblem Locate(ConfigProblem problem)
    {
        Place at = FindPlace(_places, problem.Path);
        return FleetFileProblem.At(_file, at, problem.Path, problem.Message, problem.Fix);
    }

    /// <summary>The place of a path, or of the nearest key above it that is in the file.</summary>
    internal static Place FindPlace(IReadOnlyDictionary<string, Place> places, string path)
    {
        for (string at = path; at.Length > 0; at = EchoFilter.Parent(at))
        {
            if (places.TryGetValue(at, out Place place))
            {
                return place;
            }
        }

        return new Place(1, 1);
    }
}
