namespace Forebay.Core.Capacity.Placement;

/// <summary>
/// What the hours ahead count. An hour counts <c>2^(-t / half-life)</c>, integrated over it, since what is decided now
/// for later can be decided again until then. Hour 0 counts from now on.
/// </summary>
internal sealed class HorizonClock
{
    private const double SecondsPerHour = 3600;

    private readonly double[] _spans;
    private readonly double _scale;
    private readonly double _halfLife;
    private readonly double _elapsed;

    public HorizonClock(int hours, double halfLifeHours, double elapsedHours)
    {
        Hours = hours;
        _halfLife = halfLifeHours;
        _scale = halfLifeHours / Math.Log(2);
        _elapsed = Math.Clamp(elapsedHours, 0, 1 - 1e-6);
        Weights = new double[hours];
        _spans = new double[hours + 1];
        for (int h = 0; h < hours; h++)
        {
            Weights[h] = Between(StartOf(h), StartOf(h + 1));
            _spans[h + 1] = Between(StartOf(0), StartOf(h + 1));
        }
    }

    public int Hours { get; }

    /// <summary>What each hour counts, in hours.</summary>
    public double[] Weights { get; }

    /// <summary>What the time from the beginning of an hour, or now, to the beginning of another counts, in hours.
    /// </summary>
    public double Span(int from, int until) => until <= from ? 0
        : from == 0 ? _spans[until]
        : Between(StartOf(from), StartOf(until));

    /// <summary>Hours from now until an hour of the horizon begins.</summary>
    public double StartOf(int hour) => Math.Max(0, hour - _elapsed);

    /// <summary>The first hour that begins no earlier than some hours from now, and after now.</summary>
    public int HourAfter(double hours) => Math.Clamp((int)Math.Ceiling(hours + _elapsed), 1, Hours);

    /// <summary>The part of each hour that capacity serves in. An hour in the midst of which it becomes ready counts
    /// for nothing: else more of it would be started to make up in the rest of the hour for what nobody could serve
    /// before.
    /// </summary>
    /// <param name="readySeconds">Until it serves.</param>
    /// <param name="until">Hour at whose beginning it goes.</param>
    /// <param name="upShares">Share of each hour in which its site is reached; empty for all.</param>
    /// <param name="fractions">Filled.</param>
    public void Fractions(double readySeconds, int until, ReadOnlySpan<double> upShares, Span<double> fractions)
    {
        double ready = readySeconds / SecondsPerHour;
        for (int h = 0; h < Hours; h++)
        {
            double up = upShares.IsEmpty ? 1 : upShares[Math.Min(h, upShares.Length - 1)];
            fractions[h] = h < until && ready <= StartOf(h) ? up : 0;
        }
    }

    /// <summary>The part of an hour, by what it counts, that follows a time.</summary>
    public double Fraction(double readySeconds, int hour)
    {
        double ready = readySeconds / SecondsPerHour;
        return ready <= StartOf(hour) ? 1 : ready >= StartOf(hour + 1) ? 0
            : Between(ready, StartOf(hour + 1)) / Weights[hour];
    }

    private double Between(double from, double to) =>
        _scale * (Math.Exp(-from * Math.Log(2) / _halfLife) - Math.Exp(-to * Math.Log(2) / _halfLife));
}
