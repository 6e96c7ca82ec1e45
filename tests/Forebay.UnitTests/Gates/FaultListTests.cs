using System.Text.RegularExpressions;
using Forebay.TestKit;
using Forebay.TestKit.Faults;
using Xunit;

namespace Forebay.UnitTests.Gates;

/// <summary>The list of faults cannot rot: what it replaces is in the source, and the tests it names exist. That they
/// notice is what tests/faults/run.sh proves.</summary>
public sealed partial class FaultListTests
{
    private static readonly IReadOnlyList<Fault> Faults = FaultList.Load();

    private static readonly Dictionary<string, string> Sources =
        SourceTree.Files.ToDictionary(f => f.Path, f => f.Text, StringComparer.Ordinal);

    [Fact]
    public void Every_fault_is_told_in_a_sentence_and_has_a_switch_and_a_test()
    {
        Assert.True(Faults.Count >= 36, $"{Faults.Count} faults");
        Assert.Distinct(Faults.Select(f => f.Id));
        Assert.All(Faults, f =>
        {
            Assert.Matches(Id(), f.Id);
            Assert.EndsWith(".", f.Says);
            Assert.DoesNotContain("|", f.Says);
            Assert.NotEmpty(f.Edits);
            Assert.Contains(f.Edits, e => e.After.Contains("FAULT", StringComparison.Ordinal));
            Assert.NotEmpty(f.Tests);
        });
    }

    /// <summary>Patching fails where a text is not there exactly once, or where two faults would overlap.</summary>
    [Fact]
    public void Every_text_stands_in_the_source_exactly_once()
    {
        foreach (string file in Faults.SelectMany(f => f.Edits).Select(e => e.File).Distinct())
        {
            Assert.True(Sources.ContainsKey(file), $"{file} is not there; anchor its faults anew.");
            string patched = FaultPatch.Apply(file, Sources[file], Faults);
            Assert.Contains("InjectedFault.On(", patched);
        }
    }

    [Fact]
    public void Every_test_exists() => Assert.All(Faults.SelectMany(f => f.Tests), test =>
    {
        Assert.True(Sources.ContainsKey(test.File), $"{test.File} is not there.");
        Assert.True(
            Sources[test.File].Contains($" {test.Method}(", StringComparison.Ordinal),
            $"{test.File} has no test {test.Method}.");
    });

    [Fact]
    public void The_page_shows_the_list()
    {
        string path = Path.Combine(SharedFiles.RepositoryRoot, "docs", "reference", "gateway-faults.md");
        string page = FaultList.Page(Faults);

        Assert.True(
            File.Exists(path) && File.ReadAllText(path) == page,
            $"docs/reference/gateway-faults.md is out of date; it should read:\n{page}");
    }

    [GeneratedRegex("^[a-z0-9]+(_[a-z0-9]+)*$")]
    private static partial Regex Id();
}
