using System.Text.Json;
using Forebay.Core.Config;
using Forebay.Core.Fleet;

namespace Forebay.Control.FleetFile;

/// <summary>The records of the fleet file in the order a reader meets them; the schema and the page both follow it.
/// </summary>
internal static class FleetSections
{
    private const string Suffix = "Config";

    /// <summary>Every record below the top, each once.</summary>
    public static IReadOnlyList<ConfigShape> Nested()
    {
        var found = new List<ConfigShape>();
        Collect(ConfigShape.Of(typeof(FleetConfig)), found);
        return found;
    }

    /// <summary>A record's name in the schema and on the page, such as <c>pool_accelerators</c>.</summary>
    public static string NameOf(ConfigShape shape)
    {
        string name = shape.Type.Name;
        return JsonNamingPolicy.SnakeCaseLower.ConvertName(
            name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name);
    }

    /// <summary>What holds when the key is left out, if that is a value that can be written down.</summary>
    public static object? DefaultOf(ConfigShape shape, ConfigProperty key)
    {
        if (key.Doc.Required || key.Shape.Kind is ConfigKind.Mapping or ConfigKind.Figure)
        {
            return null;
        }

        return key.Property.GetValue(Activator.CreateInstance(shape.Type)) is { } value
            && value is not Array { Length: 0 } ? value : null;
    }

    private static void Collect(ConfigShape shape, List<ConfigShape> found)
    {
        foreach (ConfigProperty key in shape.Properties)
        {
            ConfigShape inner = key.Shape.Element ?? key.Shape;
            if (inner.Kind is (ConfigKind.Mapping or ConfigKind.Figure) && !found.Contains(inner))
            {
                found.Add(inner);
                Collect(inner, found);
            }
        }
    }
}
