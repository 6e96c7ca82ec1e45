using System.Collections.Immutable;

namespace Forebay.Core.Limits.Following;

/// <summary>A figure for each hour of the week.</summary>
public sealed class WeekCurve
{
    private readonly double[] _values;

    private WeekCurve(double[] values) => _values = values;

    public static WeekCurve Zero { get; } = Flat(0);

    /// <summary>By <see cref="HourOfWeek"/>.</summary>
    public ReadOnlySpan<double> Values => _values;

    public double this[int hour] => _values[hour];

    public double Peak => _values.Max();

    public double Mean => _values.Average();

    /// <summary>Whether every value is a finite number that is not negative.</summary>
    public bool IsSane => Array.TrueForAll(_values, v => v >= 0 && double.IsFinite(v));

    public static WeekCurve Flat(double value)
    {
        var values = new double[HourOfWeek.Count];
        Array.Fill(values, value);
        return new WeekCurve(values);
    }

    /// <exception cref="ArgumentException">There are not 168 values.</exception>
    public static WeekCurve Of(ReadOnlySpan<double> values) => values.Length == HourOfWeek.Count
        ? new WeekCurve(values.ToArray())
        : throw new ArgumentException($"A week has {HourOfWeek.Count} hours, not {values.Length}.", nameof(values));

    public WeekCurve Times(double factor) => new(Array.ConvertAll(_values, v => v * factor));

    public ImmutableArray<double> ToArray() => [.. _values];
}
