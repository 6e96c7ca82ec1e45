using System.Collections.Immutable;
using System.Globalization;

namespace Forebay.Core.Limits.Following;

/// <summary>Hours of the week in which a multiplier is lower than otherwise.</summary>
/// <param name="Value">The multiplier in these hours; 1 or more.</param>
/// <param name="Hours">The hours.</param>
public readonly record struct HourReduction(double Value, HourSet Hours);

/// <summary>
/// By how much a tier's limits over the models of one class are above what it promises. Never below 1, in no hour:
/// what would be is refused when it is made, so no such value can be stored, sent or put in force.
/// </summary>
public sealed record TierMultiplier
{
    private readonly double[] _byHour;

    private TierMultiplier(string tier, string modelClass, double[] byHour)
    {
        (Tier, Class, _byHour) = (tier, modelClass, byHour);
        Value = byHour.Max();
        Reductions =
        [
            .. byHour.Select((value, hour) => (value, hour)).Where(h => h.value < Value)
                .GroupBy(h => h.value, h => h.hour).OrderBy(g => g.Key)
                .Select(g => new HourReduction(g.Key, g.Aggregate(default(HourSet), (set, hour) => set.With(hour)))),
        ];
    }

    public string Tier { get; }

    /// <summary>The class of models; <see cref="TierMultipliers.Unclassed"/> for models in none.</summary>
    public string Class { get; }

    /// <summary>The multiplier outside of the reduced hours.</summary>
    public double Value { get; }

    /// <summary>Hours with less, the lowest first.</summary>
    public ImmutableArray<HourReduction> Reductions { get; }

    /// <summary>Number of hours with less than <see cref="Value"/>.</summary>
    public int ReducedHours => Reductions.Sum(r => r.Hours.Count);

    public ReadOnlySpan<double> ByHour => _byHour;

    public double At(int hourOfWeek) => _byHour[hourOfWeek];

    /// <exception cref="ArgumentException">Some hour's is below 1 or no number: a tier would get less than it promises.
    /// </exception>
    public static TierMultiplier Of(string tier, string modelClass, ReadOnlySpan<double> byHour)
    {
        if (byHour.Length != HourOfWeek.Count || byHour.ContainsAnyExceptInRange(1, double.MaxValue))
        {
            throw new ArgumentException(
                $"Tier {tier} would get less than it promises over class {modelClass}.", nameof(byHour));
        }

        return new TierMultiplier(tier, modelClass, byHour.ToArray());
    }

    public static TierMultiplier Flat(string tier, string modelClass, double value) =>
        Of(tier, modelClass, WeekCurve.Flat(value).Values);

    public bool Equals(TierMultiplier? other) => other is not null && Tier == other.Tier && Class == other.Class
        && _byHour.AsSpan().SequenceEqual(other._byHour);

    public override int GetHashCode() => HashCode.Combine(Tier, Class, Value);

    /// <summary>Such as <c>2, 1.5 in Mon 12:00-18:00</c>.</summary>
    public string Words() => string.Join("; ", Reductions
        .Select(r => Text($"{r.Value} in {HourOfWeek.Words(r.Hours)}")).Prepend(Text($"{Value}")));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Every multiplier there is; what is not named is 1. A value: changed by making another.</summary>
public sealed class TierMultipliers : IEquatable<TierMultipliers>
{
    /// <summary>Stands for the class of models that are in no class.</summary>
    public const string Unclassed = "*";

    private readonly ImmutableArray<TierMultiplier> _entries;

    private TierMultipliers(ImmutableArray<TierMultiplier> entries) => _entries = entries;

    /// <summary>What tiers promise, and no more.</summary>
    public static TierMultipliers Promise { get; } = new([]);

    /// <summary>By tier, then by class.</summary>
    public ImmutableArray<TierMultiplier> Entries => _entries;

    /// <exception cref="ArgumentException">A tier and class is named twice.</exception>
    public static TierMultipliers Of(IEnumerable<TierMultiplier> entries)
    {
        TierMultiplier[] sorted =
        [
            .. entries.OrderBy(e => e.Tier, StringComparer.Ordinal).ThenBy(e => e.Class, StringComparer.Ordinal),
        ];
        return sorted.DistinctBy(e => (e.Tier, e.Class)).Count() == sorted.Length
            ? new TierMultipliers([.. sorted])
            : throw new ArgumentException("A tier has two multipliers for one class.", nameof(entries));
    }

    public TierMultiplier? Find(string tier, string modelClass)
    {
        foreach (TierMultiplier entry in _entries)
        {
            if (entry.Tier == tier && entry.Class == modelClass)
            {
                return entry;
            }
        }

        return null;
    }

    /// <summary>The multiplier of a tier's limits over one class; 1 where none is set.</summary>
    public double At(string tier, string modelClass, int hourOfWeek) => Find(tier, modelClass)?.At(hourOfWeek) ?? 1;

    /// <summary>The multiplier of a tier's limits over all models together: the least of its classes', since any of
    /// them may use those.</summary>
    public double OverAll(string tier, int hourOfWeek)
    {
        double least = double.MaxValue;
        foreach (TierMultiplier entry in _entries)
        {
            least = entry.Tier == tier ? Math.Min(least, entry.At(hourOfWeek)) : least;
        }

        return least == double.MaxValue ? 1 : least;
    }

    /// <summary>These, but with others in place of those of the same tier and class.</summary>
    public TierMultipliers With(IEnumerable<TierMultiplier> changed)
    {
        TierMultiplier[] list = [.. changed];
        return Of(_entries.Where(e => !Array.Exists(list, c => c.Tier == e.Tier && c.Class == e.Class)).Concat(list));
    }

    /// <summary>Whether any tier gets more, or any gets less, in any hour, than by others.</summary>
    public (bool Raises, bool Lowers) Against(TierMultipliers before)
    {
        bool raises = false;
        bool lowers = false;
        foreach ((string tier, string modelClass) in
            _entries.Concat(before._entries).Select(e => (e.Tier, e.Class)).Distinct())
        {
            for (int hour = 0; hour < HourOfWeek.Count; hour++)
            {
                double old = before.At(tier, modelClass, hour);
                double now = At(tier, modelClass, hour);
                raises |= now > old;
                lowers |= now < old;
            }
        }

        return (raises, lowers);
    }

    /// <summary>Whether some multiplier depends on the hour.</summary>
    public bool HasReductions => _entries.Any(e => !e.Reductions.IsEmpty);

    public bool Equals(TierMultipliers? other) => other is not null && _entries.SequenceEqual(other._entries);

    public override bool Equals(object? obj) => Equals(obj as TierMultipliers);

    public override int GetHashCode() => _entries.Aggregate(0, HashCode.Combine);

    /// <summary>A line per entry: tier, class, multiplier, reductions.</summary>
    public string ToText() => string.Join('\n', _entries.Select(e => string.Create(
        CultureInfo.InvariantCulture,
        $"{e.Tier}\t{e.Class}\t{e.Value:R}\t{string.Join(';', e.Reductions.Select(TextOf))}")));

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public static TierMultipliers Parse(string text)
    {
        try
        {
            return Of(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ParseEntry));
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            throw new FormatException("These are no multipliers.", e);
        }
    }

    private static string TextOf(HourReduction reduction) =>
        string.Create(CultureInfo.InvariantCulture, $"{reduction.Value:R}:{reduction.Hours.ToText()}");

    private static TierMultiplier ParseEntry(string line)
    {
        string[] parts = line.Split('\t');
        double[] byHour = WeekCurve.Flat(Number(parts[2])).Values.ToArray();
        foreach (string reduction in parts[3].Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = reduction.Split(':');
            HourSet hours = HourSet.Parse(pair[1]);
            for (int hour = 0; hour < byHour.Length; hour++)
            {
                byHour[hour] = hours.Has(hour) ? Number(pair[0]) : byHour[hour];
            }
        }

        return TierMultiplier.Of(parts[0], parts[1], byHour);
    }

    private static double Number(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
}
