using System.Globalization;
using Forebay.Core.Config;

namespace Forebay.Control.FleetFile;

/// <summary>Turns a scalar of the file into a value of the kind its key holds, or says what is wrong.</summary>
internal static class ScalarBinding
{
    /// <summary>What a kind is called in messages.</summary>
    public static string NameOf(ConfigKind kind) => kind switch
    {
        ConfigKind.Text => "text",
        ConfigKind.Whole => "a whole number",
        ConfigKind.Number => "a number",
        ConfigKind.Flag => "true or false",
        ConfigKind.Date => "a date",
        ConfigKind.Url => "a URL",
        ConfigKind.Choice => "a word",
        ConfigKind.Figure => "a number or a mapping of value or min and max",
        ConfigKind.List => "a list",
        _ => "a mapping",
    };

    /// <summary>What stands in the file, for messages; a secret's text is never shown.</summary>
    public static string Describe(YamlNode node, bool secret) => node switch
    {
        YamlList => "a list",
        YamlMapping => "a mapping",
        YamlScalar { IsNull: true } => "nothing",
        YamlScalar when secret => "a text",
        YamlScalar { Quoted: true } scalar => $"the quoted text {Words.Quote(scalar.Text)}",
        YamlScalar scalar => Words.Quote(scalar.Text),
        _ => "something else",
    };

    /// <summary>The value, or null with the fix that would make it one.</summary>
    public static object? Bind(YamlScalar scalar, ConfigShape shape, out string fix)
    {
        if (scalar.Quoted
            && (shape.Kind is ConfigKind.Whole or ConfigKind.Number or ConfigKind.Flag or ConfigKind.Figure))
        {
            fix = "Take the quotes out.";
            return null;
        }

        return BindPlain(scalar.Text, shape, out fix);
    }

    private static object? BindPlain(string text, ConfigShape shape, out string fix)
    {
        object? value = null;
        switch (shape.Kind)
        {
            case ConfigKind.Text:
                value = text;
                fix = "";
                break;
            case ConfigKind.Whole:
                value = Whole(text, shape.Type, out fix) is not { } whole ? null
                    : shape.Type == typeof(int) ? (int)whole : (object)(long)whole;
                break;
            case ConfigKind.Number:
                value = Number(text, shape.Type);
                fix = "Write it with digits and a decimal point only.";
                break;
            case ConfigKind.Figure:
                value = Number(text, typeof(decimal)) is decimal point ? Figure.Of(point) : null;
                fix = "Write a number, or {min: 1, max: 2} for a range.";
                break;
            case ConfigKind.Flag:
                value = text is "true" or "True" or "TRUE" ? true
                    : text is "false" or "False" or "FALSE" ? false : null;
                fix = "Write true or false.";
                break;
            case ConfigKind.Date:
                value = DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None,
                    out DateOnly date) ? date : null;
                fix = "Write it as year-month-day, such as 2026-05-31.";
                break;
            case ConfigKind.Url:
                value = Uri.TryCreate(text, UriKind.Absolute, out Uri? url) ? url : null;
                fix = "Write it whole, such as http://10.0.0.7:8000.";
                break;
            default:
                value = shape.Choices.FirstOrDefault(c => c.Word == text).Value;
                fix = Suggestion.Sentence(text, [.. shape.Choices.Select(c => c.Word)]);
                break;
        }

        return value;
    }

    private static Int128? Whole(string text, Type type, out string fix)
    {
        fix = "Write it with digits only.";
        if (!Int128.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out Int128 number))
        {
            return null;
        }

        Int128 largest = type == typeof(int) ? int.MaxValue : long.MaxValue;
        fix = $"Use at most {largest}.";
        return number > largest || number < -largest ? null : number;
    }

    private static object? Number(string text, Type type)
    {
        const NumberStyles Style =
            NumberStyles.Float & ~(NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite);
        if (type == typeof(decimal))
        {
            return decimal.TryParse(text, Style, CultureInfo.InvariantCulture, out decimal exact) ? exact : null;
        }

        return double.TryParse(text, Style, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number : null;
    }
}
