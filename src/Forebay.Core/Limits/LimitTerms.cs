using System.Globalization;

namespace Forebay.Core.Limits;

/// <summary>One limit in words that can be stored and compared.</summary>
/// <param name="Name">The key of the fleet file, or <c>tier</c>.</param>
/// <param name="ModelClass">The class it holds for; null for all models.</param>
/// <param name="Value">Its size and unit.</param>
public readonly record struct LimitTerm(string Name, string? ModelClass, string Value);

/// <summary>What a tenant is promised and held to, in words: what the history of limits compares.</summary>
public sealed class LimitTerms
{
    private LimitTerms(IReadOnlyList<LimitTerm> terms) => Terms = terms;

    public IReadOnlyList<LimitTerm> Terms { get; }

    public static LimitTerms Of(TierConfig tier)
    {
        var terms = new List<LimitTerm> { new("tier", null, tier.Id) };
        string week = $"{tier.WeekStartsOn.ToString().ToLowerInvariant()} {tier.WeekStartsAtHour:00}:00 UTC";
        Add(terms, null, tier, week);
        AddIf(terms, null, LimitKind.MaxBatchRequests, tier.MaxBatchRequests);
        foreach (ClassLimitsConfig limits in tier.Classes)
        {
            Add(terms, limits.Class, limits, week);
        }

        return new LimitTerms(terms);
    }

    /// <summary>Terms as they are.</summary>
    public static LimitTerms Of(IEnumerable<LimitTerm> terms) => new([.. terms]);

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    public static LimitTerms Parse(string text) => new(
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
        {
            string[] parts = line.Split('\t', 3);
            return new LimitTerm(parts[0], parts[1].Length == 0 ? null : parts[1], parts[2]);
        })]);

    /// <summary>A line per limit: name, class, value.</summary>
    public string ToText() => string.Join('\n', Terms.Select(t => $"{t.Name}\t{t.ModelClass}\t{t.Value}"));

    /// <summary>What changed from one set of limits to another, in their order; what went comes last.</summary>
    public static IEnumerable<(string Name, string? ModelClass, string? Before, string? After)> Changes(
        LimitTerms? before, LimitTerms after)
    {
        var was = (before?.Terms ?? []).ToDictionary(t => (t.Name, t.ModelClass), t => t.Value);
        foreach (LimitTerm term in after.Terms)
        {
            string? old = was.Remove((term.Name, term.ModelClass), out string? value) ? value : null;
            if (old != term.Value)
            {
                yield return (term.Name, term.ModelClass, old, term.Value);
            }
        }

        foreach (((string name, string? modelClass), string value) in was)
        {
            yield return (name, modelClass, value, null);
        }
    }

    private static void Add(List<LimitTerm> terms, string? modelClass, LimitsConfig limits, string week)
    {
        AddIf(terms, modelClass, LimitKind.RequestsPerMinute, limits.RequestsPerMinute);
        AddIf(terms, modelClass, LimitKind.InputTokensPerMinute, limits.InputTokensPerMinute);
        AddIf(terms, modelClass, LimitKind.OutputTokensPerMinute, limits.OutputTokensPerMinute);
        AddIf(terms, modelClass, LimitKind.FiveHourWindow, WordsOf(limits.FiveHourWindow));
        AddIf(
            terms, modelClass, LimitKind.WeeklyWindow,
            WordsOf(limits.WeeklyWindow) is { } window ? $"{window} from {week}" : null);
        AddIf(terms, modelClass, LimitKind.Acceleration, limits.Acceleration is { } a
            ? Text($"{a.Factor} times the use of {a.OverMinutes} min, above {a.FloorTokensPerMinute} tokens a minute")
            : null);
        AddIf(terms, modelClass, LimitKind.MonthlySpendUsd, limits.MonthlySpendUsd);
    }

    private static string? WordsOf(WindowConfig? window) => window is null
        ? null
        : Text($"{window.Limit:0.######} {LimitKinds.WordOf(LimitKinds.UnitOf(window.Unit))}");

    private static void AddIf<T>(List<LimitTerm> terms, string? modelClass, LimitKind kind, T? value)
    {
        if (value is not null)
        {
            terms.Add(new LimitTerm(LimitKinds.KeyOf(kind), modelClass, Text($"{value}")));
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
