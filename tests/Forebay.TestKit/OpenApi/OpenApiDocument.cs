using System.Text.Json.Nodes;
using YamlDotNet.RepresentationModel;

namespace Forebay.TestKit.OpenApi;

/// <summary>
/// A vendor's OpenAPI document, to hold against it what is sent in the vendor's name: types, required members, words of
/// an enumeration, unions told apart by their <c>type</c>. Bounds, patterns and formats are not checked.
/// </summary>
public sealed class OpenApiDocument
{
    public const string OpenAi = "api/data/openapi/openai.openapi.2026-08.yaml";

    private const int MaxDepth = 64;

    private static readonly Lazy<OpenApiDocument?> Loaded = new(() => SharedFiles.Find(OpenAi) is { } path
        ? new OpenApiDocument(path)
        : null);

    private readonly YamlMappingNode _schemas;

    private OpenApiDocument(string path)
    {
        // Blank lines of spaces within descriptions, of which the document has some, are no YAML to the reader.
        using var text = new StringReader(string.Join('\n', File.ReadLines(path).Select(line => line.TrimEnd())));
        var yaml = new YamlStream();
        yaml.Load(text);
        _schemas = (YamlMappingNode)yaml.Documents[0].RootNode["components"]["schemas"];
    }

    /// <summary>OpenAI's; null where it does not lie beside the repository.</summary>
    public static OpenApiDocument? OfOpenAi => Loaded.Value;

    /// <summary>What is wrong with a value, path by path; empty where nothing is.</summary>
    /// <param name="schema">The name of its schema.</param>
    /// <param name="value">The value.</param>
    public IReadOnlyList<string> Check(string schema, JsonNode? value)
    {
        var problems = new List<string>();
        Check((YamlMappingNode)_schemas[schema], value, "$", problems, 0);
        return problems;
    }

    private void Check(YamlMappingNode schema, JsonNode? value, string path, List<string> problems, int depth)
    {
        if (depth > MaxDepth)
        {
            problems.Add($"{path}: nested too deeply to be checked");
            return;
        }

        if (Text(schema, "$ref") is { } reference)
        {
            Check((YamlMappingNode)_schemas[reference[(reference.LastIndexOf('/') + 1)..]], value, path, problems, depth + 1);
            return;
        }

        foreach (YamlMappingNode part in Items(schema, "allOf"))
        {
            Check(part, value, path, problems, depth + 1);
        }

        CheckUnion([.. Items(schema, "anyOf"), .. Items(schema, "oneOf")], value, path, problems, depth);
        CheckType(schema, value, path, problems);
        if (value is JsonObject members)
        {
            CheckMembers(schema, members, path, problems, depth);
        }
        else if (value is JsonArray elements && Find(schema, "items") is YamlMappingNode item)
        {
            for (int i = 0; i < elements.Count; i++)
            {
                Check(item, elements[i], $"{path}[{i}]", problems, depth + 1);
            }
        }
    }

    private void CheckMembers(
        YamlMappingNode schema, JsonObject value, string path, List<string> problems, int depth)
    {
        foreach (YamlNode required in Find(schema, "required") as YamlSequenceNode ?? [])
        {
            if (!value.ContainsKey(required.ToString()))
            {
                problems.Add($"{path}.{required}: is required");
            }
        }

        foreach ((YamlNode name, YamlNode member) in Find(schema, "properties") as YamlMappingNode ?? [])
        {
            if (value.TryGetPropertyValue(name.ToString(), out JsonNode? found))
            {
                Check((YamlMappingNode)member, found, $"{path}.{name}", problems, depth + 1);
            }
        }
    }

    /// <summary>One branch must fit; where none does, what is wrong with the nearest is told.</summary>
    private void CheckUnion(
        List<YamlMappingNode> branches, JsonNode? value, string path, List<string> problems, int depth)
    {
        if (branches.Count == 0)
        {
            return;
        }

        List<string>? nearest = null;
        foreach (YamlMappingNode branch in branches)
        {
            var wrong = new List<string>();
            Check(branch, value, path, wrong, depth + 1);
            if (wrong.Count == 0)
            {
                return;
            }

            bool isOfType = !wrong.Exists(w => w.StartsWith(path + ".type:", StringComparison.Ordinal)
                || w.StartsWith(path + ":", StringComparison.Ordinal));
            nearest = nearest is null || isOfType ? wrong : nearest;
        }

        problems.AddRange(nearest!);
    }

    private static void CheckType(YamlMappingNode schema, JsonNode? value, string path, List<string> problems)
    {
        if (Find(schema, "enum") is YamlSequenceNode words && value is JsonValue word)
        {
            if (!words.Any(w => w.ToString() == word.ToString()))
            {
                problems.Add($"{path}: {word.ToJsonString()} is none of {string.Join(", ", words.Take(8))}");
            }
        }

        YamlNode? type = Find(schema, "type");
        string[] types = type switch
        {
            YamlScalarNode one => [one.Value!],
            YamlSequenceNode several => [.. several.Select(t => t.ToString())],
            _ => [],
        };
        bool mayBeNull = Text(schema, "nullable") == "true";
        if (types.Length > 0 && !(value is null && mayBeNull) && !Array.Exists(types, t => Is(value, t)))
        {
            problems.Add($"{path}: {value?.ToJsonString() ?? "null"} is no {string.Join(" or ", types)}");
        }
    }

    private static bool Is(JsonNode? value, string type) => type switch
    {
        "null" => value is null,
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "string" => value?.GetValueKind() == System.Text.Json.JsonValueKind.String,
        "boolean" => value?.GetValueKind() is System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False,
        "integer" => value?.GetValueKind() == System.Text.Json.JsonValueKind.Number
            && decimal.TryParse(value.ToString(), System.Globalization.CultureInfo.InvariantCulture, out decimal number)
            && decimal.Truncate(number) == number,
        "number" => value?.GetValueKind() == System.Text.Json.JsonValueKind.Number,
        _ => true,
    };

    private static YamlNode? Find(YamlMappingNode node, string key) =>
        node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? found) ? found : null;

    private static string? Text(YamlMappingNode node, string key) => (Find(node, key) as YamlScalarNode)?.Value;

    private static IEnumerable<YamlMappingNode> Items(YamlMappingNode node, string key) =>
        (Find(node, key) as YamlSequenceNode)?.OfType<YamlMappingNode>() ?? [];
}
