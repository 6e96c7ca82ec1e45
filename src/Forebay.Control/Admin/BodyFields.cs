using System.Globalization;
using System.Text.Json;
using Forebay.Control.Errors;

namespace Forebay.Control.Admin;

/// <summary>
/// Reads a JSON object field by field and gathers everything wrong with it, unknown fields included, so that the
/// caller hears of all problems at once. Call <see cref="Done"/> after the last field.
/// </summary>
internal sealed class BodyFields
{
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly List<FieldProblem> _problems = [];

    public BodyFields(JsonElement? body)
    {
        if (body is { } element)
        {
            foreach (JsonProperty property in element.EnumerateObject())
            {
                _fields.Add(property.Name, property.Value);
            }
        }
    }

    /// <summary>A text that must be there; empty, with a problem noted, when it is not.</summary>
    public string Text(string name, string example)
    {
        string? text = OptionalText(name, example);
        if (text is null && !Given(name))
        {
            Add(name, "is missing.", $"Send \"{name}\": \"{example}\".");
        }

        return text ?? "";
    }

    public string? OptionalText(string name, string example)
    {
        if (!Take(name, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString();
        }

        Add(name, $"is {Kind(value)}, not a string.", $"Send \"{name}\": \"{example}\".");
        return null;
    }

    public DateTimeOffset? OptionalTime(string name)
    {
        const string example = "2027-01-31T00:00:00Z";
        if (OptionalText(name, example) is not { } text)
        {
            return null;
        }

        if (TimeText.TryParse(text, out DateTimeOffset time))
        {
            return time;
        }

        Add(name, "is not a time.", $"Send RFC 3339 in UTC, such as {example}, or a day, such as 2027-01-31.");
        return null;
    }

    public double? OptionalNumber(string name, double example)
    {
        if (!Take(name, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number))
        {
            return number;
        }

        Add(name, $"is {Kind(value)}, not a number.",
            $"Send \"{name}\": {example.ToString(CultureInfo.InvariantCulture)}.");
        return null;
    }

    public IReadOnlyList<double>? OptionalNumbers(string name, double example)
    {
        if (!Take(name, out JsonElement value))
        {
            return null;
        }

        string shown = example.ToString(CultureInfo.InvariantCulture);
        if (value.ValueKind != JsonValueKind.Array)
        {
            Add(name, $"is {Kind(value)}, not a list.", $"Send \"{name}\": [{shown}].");
            return null;
        }

        var numbers = new List<double>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetDouble(out double number))
            {
                Add($"{name}[{numbers.Count}]", $"is {Kind(item)}, not a number.", $"Send {shown} or the like.");
                number = double.NaN;
            }

            numbers.Add(number);
        }

        return numbers;
    }

    public IReadOnlyList<string>? OptionalTexts(string name, string example)
    {
        if (!Take(name, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            Add(name, $"is {Kind(value)}, not a list.", $"Send \"{name}\": [\"{example}\"].");
            return null;
        }

        var texts = new List<string>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.String)
            {
                texts.Add(item.GetString()!);
            }
            else
            {
                Add($"{name}[{texts.Count}]", $"is {Kind(item)}, not a string.", $"Send \"{example}\" or the like.");
                texts.Add("");
            }
        }

        return texts;
    }

    public void Add(string field, string message, string fix) => _problems.Add(new FieldProblem(field, message, fix));

    /// <summary>
    /// Adds the fields nobody asked for and what the rules say of the values; throws when anything is wrong.
    /// </summary>
    /// <param name="ruleProblems">What the rules say; left out for fields that could not be read to begin with.</param>
    /// <exception cref="RefusedException">With every problem.</exception>
    public void Done(IReadOnlyList<FieldProblem>? ruleProblems = null)
    {
        _problems.AddRange([.. (ruleProblems ?? []).Where(r => _problems.All(p => p.Field != r.Field))]);
        foreach (string name in _fields.Keys.Where(n => !_asked.Contains(n)))
        {
            string known = _asked.Count == 0 ? "nothing" : string.Join(", ", _asked.Order(StringComparer.Ordinal));
            Add(Shown(name), "is not known here.", $"Take it out; this call takes {known}.");
        }

        RefusedException.ThrowIfAny(_problems);
    }

    private bool Given(string name) =>
        _fields.TryGetValue(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    private bool Take(string name, out JsonElement value)
    {
        _asked.Add(name);
        return _fields.TryGetValue(name, out value) && value.ValueKind != JsonValueKind.Null;
    }

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "...";

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        _ => "true or false",
    };
}
