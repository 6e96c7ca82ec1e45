using System.Text.Json;
using Forebay.Control.FleetFile;
using Forebay.TestKit;

namespace Forebay.UnitTests.Control.FleetFile;

/// <summary>What the tests of the fleet file share.</summary>
internal static class Fixture
{
    /// <summary>Accelerators that the examples and the tests name.</summary>
    public static readonly HashSet<string> Accelerators =
    [
        "H100-SXM", "H200-SXM", "B200-SXM", "GB200-NVL72", "GB300-NVL72", "MI300X", "MI355X",
        "TPU-v5e", "TPU-v5p", "TPU-v6e", "TPU-v7-Ironwood", "Trainium2", "Trainium3",
    ];

    public static readonly FleetFileReader Reader = new(Accelerators);

    /// <summary>A fleet that is whole: a base for tests that break one thing.</summary>
    public const string Whole = """
        providers:
          - id: north
        sites:
          - id: north-us
            provider: north
            country: US
            jurisdiction: us
        pools:
          - id: north-h100
            site: north-us
            accelerators: {type: H100-SXM, count: 16}
        models:
          - id: atlas
            context_tokens: 8000
            max_output_tokens: 4000
            parameters_billion: 8
        deployments:
          - id: atlas-north
            model: atlas
            pool: north-h100
            accelerators_per_replica: 8
        tiers:
          - id: build
        tenants:
          - id: acme
            tier: build

        """;

    public static string Example(string name) =>
        File.ReadAllText(Path.Combine(SharedFiles.RepositoryRoot, "examples", name));

    public static FleetFileResult Read(string text) => Reader.Read(text, "forebay.yaml");

    /// <summary>The whole fleet with one piece of its text replaced.</summary>
    public static FleetFileResult Broken(string old, string replacement)
    {
        if (!Whole.Contains(old, StringComparison.Ordinal))
        {
            throw new ArgumentException($"The fixture does not hold {JsonSerializer.Serialize(old)}.", nameof(old));
        }

        int at = Whole.IndexOf(old, StringComparison.Ordinal);
        return Read(Whole[..at] + replacement + Whole[(at + old.Length)..]);
    }

    public static string[] Lines(FleetFileResult result) => [.. result.Problems.Select(ProblemText.Format)];
}
