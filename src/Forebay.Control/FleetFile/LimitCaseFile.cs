using System.Text;
using Forebay.Core.Config;
using Forebay.Core.Limits.Following.Cases;

namespace Forebay.Control.FleetFile;

/// <summary>Reads files that limits are worked out from apart from any server, in the form and with the errors of fleet
/// files.</summary>
public static class LimitCaseFile
{
    private const string Example = "See examples/limits/colossus-1.yaml.";

    /// <summary>Reads one. What cannot be read is a problem like any other.</summary>
    /// <returns>The case; null where there are problems.</returns>
    public static (LimitCaseConfig? Config, IReadOnlyList<FleetFileProblem> Problems) Read(string path)
    {
        var problems = new ProblemList(path);
        string text;
        try
        {
            var file = new FileInfo(path);
            if (file.Length > FleetFileReader.MaxBytes)
            {
                problems.Add(new Place(1, 1), "", "the file is too large", "Is this the right file?");
                return (null, problems.Sorted());
            }

            text = File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            problems.Add(
                new Place(1, 1), "", $"it cannot be read: {Words.Quote(e.Message, maxShown: 200)}",
                "Check the path, its permissions, and that it is UTF-8 text.");
            return (null, problems.Sorted());
        }

        return ReadText(text, problems);
    }

    private static (LimitCaseConfig? Config, IReadOnlyList<FleetFileProblem> Problems) ReadText(
        string text, ProblemList problems)
    {
        var composer = new YamlComposer(text, problems);
        if (composer.Compose() is not YamlMapping root)
        {
            if (problems.Count == 0)
            {
                problems.Add(new Place(1, 1), "", "expected keys such as demand: and capacity:", Example);
            }

            return (null, problems.Sorted());
        }

        var binder = new FleetFileBinder(problems, composer.Nodes);
        LimitCaseConfig config = binder.Bind<LimitCaseConfig>(root);
        if (problems.Count == 0)
        {
            foreach (ConfigProblem found in LimitCaseRules.Check(config))
            {
                problems.Add(
                    FleetFileResult.FindPlace(binder.Places, found.Path), found.Path, found.Message, found.Fix);
            }
        }

        return (problems.Count == 0 ? config : null, problems.Sorted());
    }
}
