using Forebay.Core.Config;

namespace Forebay.Core.Fleet;

/// <summary>A changed key that takes effect at the next start only.</summary>
/// <param name="Path">The key, such as <c>server.api.listen</c>.</param>
/// <param name="Message">What it was and is now.</param>
public sealed record RestartNote(string Path, string Message);

/// <summary>Finds the changes that a reload cannot take over (<see cref="ConfigKeyAttribute.NeedsRestart"/>).</summary>
public static class RestartRules
{
    /// <summary>Compares the configuration that the server started with to the one now in the file.</summary>
    public static IReadOnlyList<RestartNote> Find(FleetConfig started, FleetConfig next)
    {
        var notes = new List<RestartNote>();
        Compare(started, next, ConfigShape.Of(typeof(FleetConfig)), "", notes);
        return notes;
    }

    private static void Compare(object old, object now, ConfigShape shape, string path, List<RestartNote> notes)
    {
        foreach (ConfigProperty key in shape.Properties)
        {
            object? before = key.Property.GetValue(old);
            object? after = key.Property.GetValue(now);
            string at = ConfigWalk.Join(path, key.Name);
            if (key.Shape.Kind == ConfigKind.Mapping && before is not null && after is not null)
            {
                Compare(before, after, key.Shape, at, notes);
            }
            else if (key.Doc.NeedsRestart && !Equals(before, after))
            {
                notes.Add(new RestartNote(
                    at, $"was {Show(key, before)} at the start, is {Show(key, after)} in the file"));
            }
        }
    }

    private static string Show(ConfigProperty key, object? value) =>
        value is null ? "left out" : key.Shape.Kind == ConfigKind.Mapping ? "given" : $"{value}";
}
