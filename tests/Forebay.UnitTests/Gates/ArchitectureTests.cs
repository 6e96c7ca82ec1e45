using System.Reflection;
using Xunit;

namespace Forebay.UnitTests.Gates;

/// <summary>The walls between projects: who may use what. ARCHITECTURE.md says why.</summary>
public sealed class ArchitectureTests
{
    private const string AspNet = "Microsoft.AspNetCore";
    private const string Extensions = "Microsoft.Extensions";

    /// <summary>What each assembly may reference beside the base class library: names, or beginnings of names.
    /// </summary>
    private static readonly Dictionary<string, string[]> Walls = new()
    {
        ["Forebay.Core"] = [],
        ["Forebay.Protocols"] = [],
        ["Forebay.Simulation"] = ["Forebay.Core"],
        ["Forebay.Storage"] = ["Forebay.Core", AspNet, Extensions, "Microsoft.Data.Sqlite", "SQLitePCLRaw"],
        ["Forebay.Executors"] = ["Forebay.Core", AspNet, Extensions],
        ["Forebay.Control"] = ["Forebay.Core", AspNet, Extensions, "YamlDotNet"],
        ["Forebay.Gateway"] =
        [
            "Forebay.Core", "Forebay.Protocols", AspNet, Extensions, "Microsoft.Net.Http.Headers", "AWSSDK.Core",
            "Google.Apis", "Newtonsoft.Json",
        ],
        ["Forebay.Emulator"] = ["Forebay.Core", "Forebay.Protocols", AspNet, Extensions],
        ["forebay"] = ["Forebay.", AspNet, Extensions, "OpenTelemetry", "Spectre.Console", "System.CommandLine"],
    };

    public static TheoryData<string> Assemblies => [.. Walls.Keys];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void An_assembly_references_only_what_its_wall_allows(string name)
    {
        string[] beyond = [.. ReferencesOf(name).Where(r => !IsBase(name, r) && !IsAllowed(name, r))];

        Assert.True(beyond.Length == 0, $"{name} must not reference {string.Join(", ", beyond)}");
    }

    [Fact]
    public void Every_project_of_the_product_has_a_wall()
    {
        IEnumerable<string> projects = SourceTree.Files
            .Where(f => f.Extension == ".csproj" && f.Path.StartsWith("src/", StringComparison.Ordinal))
            .Select(f => Path.GetFileNameWithoutExtension(f.Path))
            .Select(p => p == "Forebay" ? "forebay" : p);

        Assert.Equal(Walls.Keys.Order(StringComparer.Ordinal), projects.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_check_sees_references() => Assert.Contains("Forebay.Core", ReferencesOf("Forebay.Simulation"));

    private static IEnumerable<string> ReferencesOf(string assembly) =>
        Assembly.Load(assembly).GetReferencedAssemblies().Select(r => r.Name!);

    private static bool IsAllowed(string assembly, string reference) =>
        Walls[assembly].Any(allowed => reference.StartsWith(allowed, StringComparison.Ordinal));

    /// <summary>System.CommandLine is a package in spite of its name.</summary>
    private static bool IsBase(string assembly, string reference) =>
        (reference.StartsWith("System.", StringComparison.Ordinal) && reference != "System.CommandLine")
        || reference is "netstandard" or "mscorlib" or "Microsoft.Win32.Primitives";
}
