using System.Globalization;

namespace Forebay.Core.Config;

/// <summary>
/// The rules that every key obeys by its declaration alone: range, pattern, blank text, repeated entries, figures and
/// secret references.
/// </summary>
public static class KeyRules
{
    /// <summary>Checks every value of a configuration. Cost: linear in the values.</summary>
    public static void Check(object config, List<ConfigProblem> problems) =>
        ConfigWalk.Each(config, value => CheckValue(value, problems));

    private static void CheckValue(in ConfigValue at, List<ConfigProblem> problems)
    {
        switch (at.Value)
        {
            case string text:
                CheckText(at, text, problems);
                break;
            case Figure figure:
                CheckFigure(at, figure, problems);
                break;
            case Array list:
                CheckRepeats(at, list, problems);
                break;
            case int or long or double or decimal:
                CheckRange(at, Convert.ToDouble(at.Value, CultureInfo.InvariantCulture), at.Path, problems);
                break;
        }
    }

    private static void CheckText(in ConfigValue at, string text, List<ConfigProblem> problems)
    {
        if (at.Key.Doc.Secret)
        {
            if (!SecretReference.TryParse(text, out _))
            {
                // The text may be a secret pasted by mistake: it is not shown.
                problems.Add(new ConfigProblem(
                    at.Path,
                    "this is not a reference to a secret (its text is not shown here)",
                    "Write env:NAME or file:PATH, or an identity such as google:adc, google:file/PATH, aws:default or "
                        + "aws:profile/NAME; if a secret stood here, take it out of the file and renew it."));
            }
        }
        else if (string.IsNullOrWhiteSpace(text))
        {
            problems.Add(new ConfigProblem(at.Path, "the text is empty", Fill(at.Key)));
        }
        else if (at.Key.Pattern?.IsMatch(text) == false)
        {
            problems.Add(new ConfigProblem(
                at.Path, $"{Words.Quote(text)} has the wrong form", Ids.FormOf(at.Key.Doc)));
        }
    }

    private static string Fill(ConfigProperty key) =>
        key.Doc.Required ? $"Give {key.Name} a value." : $"Give {key.Name} a value or take it out.";

    private static void CheckRange(in ConfigValue at, double number, string path, List<ConfigProblem> problems)
    {
        ConfigKeyAttribute doc = at.Key.Doc;
        if (number < doc.Minimum || number > doc.Maximum)
        {
            string shown = number.ToString("0.############", CultureInfo.InvariantCulture);
            problems.Add(new ConfigProblem(path, $"{shown} is out of range", $"Use {RangeOf(doc)}."));
        }
    }

    /// <summary>A key's range in words.</summary>
    public static string RangeOf(ConfigKeyAttribute doc)
    {
        string minimum = doc.Minimum.ToString("0.####", CultureInfo.InvariantCulture);
        string maximum = doc.Maximum.ToString("0.####", CultureInfo.InvariantCulture);
        return doc.Minimum == doc.Maximum ? minimum
            : double.IsNaN(doc.Maximum) ? $"{minimum} or more"
            : double.IsNaN(doc.Minimum) ? $"{maximum} or less"
            : $"{minimum} to {maximum}";
    }

    private static void CheckFigure(in ConfigValue at, Figure figure, List<ConfigProblem> problems)
    {
        bool point = figure.Value is not null;
        if (point && (figure.Min ?? figure.Max) is not null)
        {
            problems.Add(new ConfigProblem(
                at.Path,
                $"value is {figure.Value}, and min or max is given too",
                "Give value, or min and max, not both."));
            return;
        }

        if (!point && (figure.Min is null || figure.Max is null))
        {
            problems.Add(new ConfigProblem(
                at.Path, "the figure has no number", "Give value, or both min and max."));
            return;
        }

        if (!point && figure.Min > figure.Max)
        {
            problems.Add(new ConfigProblem(
                at.Path, $"min is {figure.Min}, above max, which is {figure.Max}", "Swap them."));
        }

        if (figure.Basis != Basis.Declared && figure.Source is null)
        {
            string word = ConfigShape.Of(typeof(Basis)).WordOf(figure.Basis);
            problems.Add(new ConfigProblem(
                at.Path,
                $"the basis is {word}, but there is no source",
                "Add source: where it was published, on what grounds it is assumed, or how it is computed."));
        }

        CheckRange(at, (double)figure.Low, at.Path, problems);
        if (!point)
        {
            CheckRange(at, (double)figure.High, at.Path, problems);
        }
    }

    private static void CheckRepeats(in ConfigValue at, Array list, List<ConfigProblem> problems)
    {
        if (at.Key.Shape.Element!.Kind == ConfigKind.Mapping)
        {
            return;
        }

        var seen = new HashSet<object>();
        for (int i = 0; i < list.Length; i++)
        {
            object entry = list.GetValue(i)!;
            if (!seen.Add(entry))
            {
                string word = entry is string text ? Words.Quote(text)
                    : at.Key.Shape.Element.Kind == ConfigKind.Choice ? at.Key.Shape.Element.WordOf(entry)
                    : string.Create(CultureInfo.InvariantCulture, $"{entry}");
                problems.Add(new ConfigProblem($"{at.Path}[{i}]", $"{word} is listed twice", "Take one out."));
            }
        }
    }
}
