namespace Forebay.Core.Config;

/// <summary>A value met on a walk over the configuration.</summary>
/// <param name="Path">Its key path, such as <c>pools[2].site</c>.</param>
/// <param name="Key">The key it stands under; for an entry of a list, the key of the list.</param>
/// <param name="Value">The value: a scalar, a figure, a list, or an entry of a list of scalars. Mappings are entered,
/// not given.</param>
public readonly record struct ConfigValue(string Path, ConfigProperty Key, object Value);

/// <summary>Walks every value of a configuration record, in the order the records declare their keys.</summary>
public static class ConfigWalk
{
    /// <summary>Calls back for each value that is there. Cost: linear in the values.</summary>
    public static void Each(object record, Action<ConfigValue> visit) => Enter(record, "", visit);

    /// <summary>The path of a key below another.</summary>
    public static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    private static void Enter(object record, string path, Action<ConfigValue> visit)
    {
        foreach (ConfigProperty key in ConfigShape.Of(record.GetType()).Properties)
        {
            if (key.Property.GetValue(record) is not { } value)
            {
                continue;
            }

            string at = Join(path, key.Name);
            if (key.Shape.Kind == ConfigKind.Mapping)
            {
                Enter(value, at, visit);
                continue;
            }

            visit(new ConfigValue(at, key, value));
            if (key.Shape.Kind == ConfigKind.List)
            {
                EnterList((Array)value, key, at, visit);
            }
            else if (key.Shape.Kind == ConfigKind.Figure)
            {
                Enter(value, at, visit);
            }
        }
    }

    private static void EnterList(Array list, ConfigProperty key, string path, Action<ConfigValue> visit)
    {
        for (int i = 0; i < list.Length; i++)
        {
            object entry = list.GetValue(i)!;
            if (key.Shape.Element!.Kind == ConfigKind.Mapping)
            {
                Enter(entry, $"{path}[{i}]", visit);
            }
            else
            {
                visit(new ConfigValue($"{path}[{i}]", key, entry));
            }
        }
    }
}
