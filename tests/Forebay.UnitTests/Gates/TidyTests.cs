using System.Text.RegularExpressions;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Gates;

/// <summary>Habits that keep themselves: what a reviewer should never have to say.</summary>
public sealed partial class TidyTests
{
    private const int MaxFileLines = 600;
    private const int MaxMethodLines = 70;

    private const int MaxColumns = 120;

    /// <summary>Tables of cases and wire text quoted in tests read better unbroken.</summary>
    private const int MaxTestColumns = 130;

    private const int MaxFilesInFolder = 25;

    private static void AssertNone(IEnumerable<string> offences)
    {
        string[] all = [.. offences];
        Assert.True(all.Length == 0, string.Join(Environment.NewLine, all));
    }

    private static IEnumerable<string> LinesThat(
        IEnumerable<SourceFile> files, Func<string, bool> offends, string why) =>
        from file in files
        from line in file.Lines.Select((text, i) => (Text: text, Number: i + 1))
        where offends(line.Text)
        select $"{file.Path}:{line.Number}: {why}: {line.Text.Trim()}";

    [Fact]
    public void The_tree_is_found() => Assert.Contains(SourceTree.Files, f => f.Path == "Forebay.slnx");

    [Fact]
    public void Files_are_short() => AssertNone(
        SourceTree.CSharp.Where(f => f.Lines.Length > MaxFileLines)
            .Select(f => $"{f.Path}: {f.Lines.Length} lines; split it by concept, {MaxFileLines} is the most"));

    [Fact]
    public void Methods_are_short() => AssertNone(
        from file in SourceTree.CSharp
        from member in CSharpMembers.In(file.Text)
        where member.BodyLines > MaxMethodLines
        // A table of test cases is data: it is as long as it has cases.
        where !member.Declaration.Contains("TheoryData<", StringComparison.Ordinal)
        select $"{file.Path}:{member.Line}: {member.BodyLines} lines, {MaxMethodLines} is the most: " +
            member.Declaration);

    [Fact]
    public void Lines_are_narrow() => AssertNone(
        LinesThat(
            SourceTree.CSharp.Where(f => f.Path.StartsWith("src/", StringComparison.Ordinal)),
            l => l.Length > MaxColumns && !IsWireText(l),
            $"over {MaxColumns} columns")
        .Concat(LinesThat(
            SourceTree.CSharp,
            l => l.Length > MaxTestColumns && !IsWireText(l),
            $"over {MaxTestColumns} columns")));

    /// <summary>Wire formats quoted in raw strings stand as they are on the wire.</summary>
    private static bool IsWireText(string line) =>
        line.Contains("\"\"\"", StringComparison.Ordinal)
        || line.TrimStart().StartsWith("data: ", StringComparison.Ordinal);

    [Fact]
    public void Folders_are_small() => AssertNone(
        SourceTree.Folders.Where(f => f.Files > MaxFilesInFolder)
            .Select(f => $"{f.Folder}: {f.Files} files; split it by concept, {MaxFilesInFolder} is the most"));

    [Fact]
    public void White_space_is_plain() => AssertNone(
    [
        .. LinesThat(SourceTree.CSharp, l => l.Contains('\t'), "tab"),
        .. LinesThat(SourceTree.Files, l => l.Length > 0 && char.IsWhiteSpace(l[^1]), "white space at the end"),
        .. SourceTree.Files.Where(f => !f.Text.EndsWith('\n')).Select(f => $"{f.Path}: no newline at the end"),
        .. SourceTree.Files.Where(f => f.Text.EndsWith("\n\n", StringComparison.Ordinal))
            .Select(f => $"{f.Path}: empty line at the end"),
    ]);

    [Fact]
    public void Nothing_is_left_undone_or_hidden() => AssertNone(
        LinesThat(SourceTree.CSharp, UnfinishedPattern().IsMatch, "finish it, or write an issue"));

    [Fact]
    public void Names_say_what_a_type_does() => AssertNone(
        SourceTree.CSharp.Where(f => VagueNamePattern().IsMatch(Path.GetFileNameWithoutExtension(f.Path)))
            .Select(f => $"{f.Path}: name it by what it does"));

    [Fact]
    public void The_text_speaks_of_the_product_and_not_of_how_it_was_made() => AssertNone(
        LinesThat(SourceTree.Files, WorkplacePattern().IsMatch, "speaks of a workplace"));

    [Fact]
    public void Every_page_starts_with_a_title() => AssertNone(
        SourceTree.Markdown.Where(f => !f.Text.StartsWith("# ", StringComparison.Ordinal))
            .Select(f => $"{f.Path}: the first line must be '# ' and a title"));

    [Fact]
    public void Links_between_pages_lead_somewhere() => AssertNone(
        from file in SourceTree.Markdown
        from Match link in LinkPattern().Matches(file.Text)
        let target = link.Groups["target"].Value.Split('#')[0]
        where target.Length > 0 && !target.Contains(':', StringComparison.Ordinal)
        where !Path.Exists(Path.Combine(SharedFiles.RepositoryRoot, Path.GetDirectoryName(file.Path)!, target))
        select $"{file.Path}: {link.Value} leads nowhere");

    /// <summary>A namespace is its folder's, or one above it: a project may keep its public names together.</summary>
    [Fact]
    public void Namespaces_follow_folders() => AssertNone(
        from file in SourceTree.CSharp
        let declared = NamespacePattern().Match(file.Text).Groups["name"].Value
        let expected = Path.GetDirectoryName(file.Path)!.Replace('/', '.')
            .Replace("src.", "", StringComparison.Ordinal).Replace("tests.", "", StringComparison.Ordinal)
            .Replace("bench.", "", StringComparison.Ordinal)
        where declared.Length > 0 && !$"{expected}.".StartsWith($"{declared}.", StringComparison.Ordinal)
        select $"{file.Path}: namespace {declared} where the folder says {expected}");

    /// <summary>
    /// tests/Forebay.UnitTests/Core/Limits/XTests.cs tests what stands in src/Forebay.Core/Limits. The executable's
    /// tests are in Executable; fuzzing is in Fuzz; a suite that every implementation of a port must pass is in Conformance.
    /// </summary>
    [Fact]
    public void Unit_tests_stand_where_what_they_test_stands()
    {
        const string tests = "tests/Forebay.UnitTests/";
        AssertNone(
            from file in SourceTree.CSharp
            where file.Path.StartsWith(tests, StringComparison.Ordinal)
            let folder = Path.GetDirectoryName(file.Path[tests.Length..])!
            where folder is not ("Gates" or "Fuzz") && Path.GetFileName(folder) != "Conformance"
            where !Directory.Exists(Path.Combine(SharedFiles.RepositoryRoot, MirrorOf(folder)))
            select $"{file.Path}: there is no {MirrorOf(folder)}");
    }

    private static string MirrorOf(string testFolder)
    {
        string[] parts = testFolder.Split('/', 2);
        string project = parts[0] == "Executable" ? "Forebay" : $"Forebay.{parts[0]}";
        return string.Join('/', ["src", project, .. parts.Skip(1)]);
    }

    // Written so that the patterns do not match themselves.
    [GeneratedRegex(@"\bTO[D]O\b|\bFIX[M]E\b|\bHA[C]K\b|NotImplemented[E]xception|Thread\.Sl[e]ep\(|^\s*#reg[i]on")]
    private static partial Regex UnfinishedPattern();

    [GeneratedRegex("(Man[a]ger|Hel[p]er|Hel[p]ers|Ut[i]l|Ut[i]ls)$")]
    private static partial Regex VagueNamePattern();

    [GeneratedRegex("/w[o]rk/|sub-?ag[e]nt|work ?tr[e]e|co-auth[o]red-by", RegexOptions.IgnoreCase)]
    private static partial Regex WorkplacePattern();

    [GeneratedRegex(@"\[[^\]\n]*\]\((?<target>[^)\s]+)\)")]
    private static partial Regex LinkPattern();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+)[;\s]", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();
}
