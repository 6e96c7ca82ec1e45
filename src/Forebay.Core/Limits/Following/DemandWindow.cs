using System.Runtime.InteropServices;

namespace Forebay.Core.Limits.Following;

/// <summary>What one tenant used of one model in one minute.</summary>
/// <param name="Minute">Minutes since 1970.</param>
/// <param name="Tenant">Tenant id.</param>
/// <param name="Model">Model id.</param>
/// <param name="Requests">Accepted requests.</param>
/// <param name="Input">Input tokens as limits count them: cache reads excluded, cache writes included.</param>
/// <param name="Output">Output tokens.</param>
public readonly record struct DemandMinute(
    long Minute, string Tenant, string Model, long Requests, long Input, long Output);

/// <summary>Recorded usage, minute by minute.</summary>
public interface IDemandHistory
{
    /// <summary>The first minute on record; null for none.</summary>
    Task<long?> FirstMinuteAsync(CancellationToken cancel);

    /// <summary>Reads the minutes from one (inclusive) to another (exclusive), in order.</summary>
    Task ReadAsync(long fromMinute, long toMinute, Action<DemandMinute> each, CancellationToken cancel);
}

/// <summary>
/// Demand of the last weeks by tier and class, minute by minute, as it would have been had every tenant been given what
/// its tier promises: what a tenant at its limit used is divided by the multiplier in force then. Not safe for
/// concurrent callers. Memory: 12 bytes per minute, tier and class, half a megabyte for four weeks of one.
/// </summary>
public sealed class DemandWindow(int weeks)
{
    /// <summary>Share of a limit from which a minute's use is taken to be held down by it.</summary>
    public const double AtLimitShare = 0.9;

    private const int MinutesInWeek = 7 * 24 * 60;
    private const long MondayMinute = 4 * 24 * 60;

    private readonly Dictionary<(string Tier, string Class), Samples> _samples = [];
    private readonly int _length = weeks * MinutesInWeek;

    /// <summary>First minute that the window holds; null before any.</summary>
    public long? FirstMinute { get; private set; }

    /// <summary>The minute after the last one that it holds.</summary>
    public long EndMinute { get; private set; }

    public double Hours => FirstMinute is { } first ? (EndMinute - first) / 60.0 : 0;

    /// <summary>Makes room up to a minute (exclusive): minutes older than the window's length go. What is added later
    /// for a minute that has passed counts as long as it is in the window.</summary>
    public void Advance(long firstMinute, long endMinute)
    {
        long from = Math.Max(EndMinute, endMinute - _length);
        foreach (Samples samples in _samples.Values)
        {
            samples.Clear(from, endMinute);
        }

        EndMinute = Math.Max(EndMinute, endMinute);
        FirstMinute = Math.Max(Math.Min(FirstMinute ?? firstMinute, firstMinute), EndMinute - _length);
    }

    /// <summary>Forgets the minutes from one on, to read them again: requests are counted in the minute they were
    /// accepted in, once they have ended.</summary>
    public void Forget(long fromMinute)
    {
        foreach (Samples samples in _samples.Values)
        {
            samples.Clear(Math.Max(fromMinute, EndMinute - _length), EndMinute);
        }
    }

    /// <summary>Adds what a tenant used.</summary>
    /// <param name="tier">Its tier.</param>
    /// <param name="modelClass">The model's class.</param>
    /// <param name="minute">In which minute.</param>
    /// <param name="input">Input tokens.</param>
    /// <param name="output">Output tokens.</param>
    /// <param name="inputLimit">Its limit then; null for none.</param>
    /// <param name="outputLimit">Likewise.</param>
    /// <param name="multiplier">The multiplier in those limits.</param>
    public void Add(
        string tier,
        string modelClass,
        long minute,
        double input,
        double output,
        double? inputLimit,
        double? outputLimit,
        double multiplier)
    {
        if (minute < EndMinute - _length || minute >= EndMinute)
        {
            return;
        }

        bool atLimit = input >= AtLimitShare * inputLimit || output >= AtLimitShare * outputLimit;
        double divisor = atLimit ? multiplier : 1;
        ref Samples? samples = ref CollectionsMarshal.GetValueRefOrAddDefault(_samples, (tier, modelClass), out _);
        (samples ??= new Samples(_length)).Add(minute, input / divisor, output / divisor, atLimit);
    }

    /// <summary>Tiers and classes that something was added for and that is still in the window.</summary>
    public IEnumerable<(string Tier, string Class)> Seen => _samples.Where(s => s.Value.Any).Select(s => s.Key);

    /// <summary>Share of the tokens that tenants used while at their limits.</summary>
    public double LimitedShare(string tier, string modelClass) =>
        _samples.TryGetValue((tier, modelClass), out Samples? samples) ? samples.LimitedShare() : 0;

    /// <summary>
    /// A quantile (nearest rank) of the minutes of each hour of the week, minutes without use included. An hour of the
    /// week that the window does not hold yet is taken to be as busy as the busiest that it holds. Cost: a sort of the
    /// window.
    /// </summary>
    public WeekCurve Quantile(string tier, string modelClass, TokenKind kind, double quantile)
    {
        if (FirstMinute is not { } first || !_samples.TryGetValue((tier, modelClass), out Samples? samples))
        {
            return WeekCurve.Zero;
        }

        var values = new double[HourOfWeek.Count];
        var minutes = new List<float>(weeks * 60);
        for (int hour = 0; hour < values.Length; hour++)
        {
            minutes.Clear();
            long offset = MondayMinute + hour * 60L;
            long week = Math.DivRem(first - offset, MinutesInWeek).Quotient - 1;
            for (long start = offset + week * MinutesInWeek; start < EndMinute; start += MinutesInWeek)
            {
                for (long minute = Math.Max(start, first); minute < Math.Min(start + 60, EndMinute); minute++)
                {
                    minutes.Add(samples.At(kind, minute));
                }
            }

            values[hour] = minutes.Count == 0 ? -1 : NearestRank(minutes, quantile);
        }

        double busiest = Math.Max(0, values.Max());
        return WeekCurve.Of(Array.ConvertAll(values, v => v < 0 ? busiest : v));
    }

    private static float NearestRank(List<float> values, double quantile)
    {
        values.Sort();
        return values[Math.Clamp((int)Math.Ceiling(quantile * values.Count) - 1, 0, values.Count - 1)];
    }

    private sealed class Samples(int length)
    {
        private readonly float[] _input = new float[length];
        private readonly float[] _output = new float[length];
        private readonly float[] _limited = new float[length];

        public bool Any => _input.AsSpan().ContainsAnyExcept(0) || _output.AsSpan().ContainsAnyExcept(0);

        public void Add(long minute, double input, double output, bool atLimit)
        {
            int i = (int)(minute % length);
            _input[i] += (float)input;
            _output[i] += (float)output;
            _limited[i] += atLimit ? (float)(input + output) : 0;
        }

        public float At(TokenKind kind, long minute) =>
            (kind == TokenKind.Input ? _input : _output)[(int)(minute % length)];

        public double LimitedShare()
        {
            double limited = 0;
            double all = 0;
            for (int i = 0; i < length; i++)
            {
                limited += _limited[i];
                all += (double)_input[i] + _output[i];
            }

            return all > 0 ? Math.Clamp(limited / all, 0, 1) : 0;
        }

        public void Clear(long from, long end)
        {
            for (long minute = Math.Max(from, end - length); minute < end; minute++)
            {
                int i = (int)(minute % length);
                (_input[i], _output[i], _limited[i]) = (0, 0, 0);
            }
        }
    }
}
