using System.Text.RegularExpressions;

namespace Forebay.TestKit.Faults;

/// <summary>One change to one source file.</summary>
/// <param name="File">Path from the repository's root.</param>
/// <param name="Before">The source text it replaces; white space around line ends does not count.</param>
/// <param name="After">What stands there instead; <c>FAULT</c> is true while the fault is switched on.</param>
public sealed record FaultEdit(string File, string Before, string After)
{
    /// <summary>Where the text stands in a file.</summary>
    public IReadOnlyList<Match> PlacesIn(string source)
    {
        IEnumerable<string> lines = Before.Split('\n').Select(l => Regex.Escape(l.Trim()));
        return [.. Regex.Matches(source, string.Join(@"\s*\n\s*", lines)).Cast<Match>()];
    }
}

/// <summary>A test that notices a fault.</summary>
/// <param name="Project">Test project, such as <c>Forebay.UnitTests</c>.</param>
/// <param name="Class">Class, with its folder, such as <c>Gateway.StreamTests</c>.</param>
/// <param name="Method">Method.</param>
public sealed record FaultTest(string Project, string Class, string Method)
{
    /// <summary>The name that a test runner knows it by.</summary>
    public string FullName => $"{Project}.{Class}.{Method}";

    /// <summary>The file that holds it, from the repository's root.</summary>
    public string File => $"tests/{Project}/{Class.Replace('.', '/')}.cs";
}

/// <summary>A mistake that the gateway could make, and the tests that would notice.</summary>
/// <param name="Id">Its name in lower snake case.</param>
/// <param name="Says">What goes wrong, in one sentence, as a user would say it.</param>
/// <param name="Edits">How to make it.</param>
/// <param name="Tests">What notices.</param>
public sealed record Fault(
    string Id,
    string Says,
    IReadOnlyList<FaultEdit> Edits,
    IReadOnlyList<FaultTest> Tests);
