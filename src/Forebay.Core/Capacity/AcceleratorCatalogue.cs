using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Core.Capacity;

/// <summary>
/// The chip types that pools may name, with the source of every figure. docs/reference/accelerators.md shows it.
/// </summary>
public sealed class AcceleratorCatalogue
{
    private const string Resource = "Forebay.Core.Capacity.accelerators.json";

    private static readonly Lazy<AcceleratorCatalogue> Embedded = new(ReadEmbedded);

    private readonly FrozenDictionary<string, Accelerator> _byName;

    public AcceleratorCatalogue(IReadOnlyList<Accelerator> accelerators)
    {
        Accelerators = accelerators;
        Names = [.. accelerators.Select(a => a.Name)];
        _byName = accelerators.ToFrozenDictionary(a => a.Name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The catalogue that ships with Forebay.</summary>
    public static AcceleratorCatalogue BuiltIn => Embedded.Value;

    /// <summary>Every type, in the order of the data file.</summary>
    public IReadOnlyList<Accelerator> Accelerators { get; }

    /// <summary>Every name, in the order of the data file.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Finds a type by name, upper and lower case alike; null when there is none.</summary>
    public Accelerator? Find(string name) => _byName.GetValueOrDefault(name);

    private static AcceleratorCatalogue ReadEmbedded()
    {
        using Stream stream = typeof(AcceleratorCatalogue).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The resource {Resource} is missing from the build.");
        AcceleratorFile file = JsonSerializer.Deserialize(stream, AcceleratorJson.Default.AcceleratorFile)
            ?? throw new InvalidOperationException($"The resource {Resource} is empty.");
        return new AcceleratorCatalogue(file.Accelerators);
    }
}

internal sealed record AcceleratorFile(string Generated, string Units, Accelerator[] Accelerators);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AcceleratorFile))]
internal sealed partial class AcceleratorJson : JsonSerializerContext;
