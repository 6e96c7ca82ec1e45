namespace Forebay.Core.Capacity.Demand;

/// <summary>
/// What was asked, hour by hour, over the last weeks, and the forecast from it. Takes hours as they come, in any order
/// within those weeks, in memory bounded by keys and weeks. An hour of which nothing at all is known is missing, not
/// idle: it counts for nothing. Demand that was refused is not in it, so a fleet that sheds is forecast too little.
/// Not safe for concurrent callers.
/// </summary>
public sealed class DemandHistory
{
    /// <summary>Keys that are remembered; what comes beyond is counted in <see cref="Dropped"/>.</summary>
    public const int MaxKeys = 10_000;

    /// <summary>Samples that an hour's quantile needs, before hours like it are asked too.</summary>
    private const int LeastSamples = 3;

    /// <summary>Hours that two weeks must both have, for a trend from one to the other.</summary>
    private const int LeastSharedHours = 84;

    private const int HoursPerDay = 24;
    private const double MaxWeeklyGrowth = 2;
    private const double MaxGrowth = 4;

    private readonly Dictionary<DemandKey, DemandSeries> _series = [];
    private readonly bool[] _observed;
    private readonly int _hours;
    private readonly List<DemandAmounts> _samples = [];
    private readonly List<double> _sorted = [];
    private long _newest = long.MinValue;

    /// <param name="weeks">Weeks that are remembered.</param>
    public DemandHistory(int weeks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(weeks, 1);
        _hours = weeks * HourOfWeek.Count;
        _observed = new bool[_hours];
    }

    /// <summary>Amounts that came too late or were of too many keys.</summary>
    public long Dropped { get; private set; }

    public IReadOnlyCollection<DemandKey> Keys => _series.Keys;

    /// <summary>Says that an hour was observed: keys of which nothing comes asked for nothing in it.</summary>
    /// <returns>Whether it is within the weeks that are remembered.</returns>
    public bool Observe(long hour)
    {
        if (_newest != long.MinValue && hour <= _newest - _hours)
        {
            return false;
        }

        if (hour > _newest)
        {
            Advance(hour);
        }

        _observed[SlotOf(hour)] = true;
        return true;
    }

    /// <summary>Adds what was asked in an hour; the hour counts as observed.</summary>
    public void Add(long hour, DemandKey key, DemandAmounts amounts)
    {
        if (!Observe(hour))
        {
            Dropped++;
            return;
        }

        if (!_series.TryGetValue(key, out DemandSeries? series))
        {
            if (_series.Count >= MaxKeys)
            {
                Dropped++;
                return;
            }

            _series.Add(key, series = new DemandSeries(_hours));
        }

        series.Add(SlotOf(hour), amounts);
    }

    /// <summary>Forecasts the week that follows an hour: for each hour of week the quantile of the same hour in the
    /// weeks before, each carried on by the trend; where there are fewer than three, of hours like it
    /// (<see cref="ForecastBasis"/>).</summary>
    /// <param name="key">Whose.</param>
    /// <param name="quantile">0 to 1; the sample at rank ceil(quantile x samples), so it was really asked for
    /// once.</param>
    /// <param name="nowHour">The hour now, not yet over: it is left out.</param>
    public DemandForecast Forecast(DemandKey key, double quantile, long nowHour)
    {
        DemandSeries? series = _series.GetValueOrDefault(key);
        double growth = series is null ? 1 : WeeklyGrowth(series, nowHour);
        var input = new double[HourOfWeek.Count];
        var output = new double[HourOfWeek.Count];
        var requests = new double[HourOfWeek.Count];
        var bases = new ForecastBasis[HourOfWeek.Count];
        for (int slot = 0; slot < HourOfWeek.Count && series is not null; slot++)
        {
            bases[slot] = Collect(series, slot, nowHour, growth);
            input[slot] = Quantile(quantile, s => s.InputTokens);
            output[slot] = Quantile(quantile, s => s.OutputTokens);
            requests[slot] = Quantile(quantile, s => s.Requests);
        }

        return new DemandForecast(key, [.. input], [.. output], [.. requests], [.. bases], growth);
    }

    private ForecastBasis Collect(DemandSeries series, int slot, long nowHour, double growth)
    {
        ForecastBasis basis = ForecastBasis.HourOfWeek;
        for (; basis > ForecastBasis.None; basis--)
        {
            _samples.Clear();
            int step = basis switch
            {
                ForecastBasis.AllHours => 1,
                ForecastBasis.HourOfDay => HoursPerDay,
                _ => HourOfWeek.Count,
            };
            int around = basis == ForecastBasis.Neighbours ? 1 : 0;
            for (int beside = -around; beside <= around; beside++)
            {
                Sample(series, slot + beside, step, nowHour, growth);
            }

            if (_samples.Count >= LeastSamples || (_samples.Count > 0 && basis == ForecastBasis.AllHours))
            {
                return basis;
            }
        }

        return ForecastBasis.None;
    }

    /// <summary>Takes every known hour that is whole steps away from an hour of week.</summary>
    private void Sample(DemandSeries series, int slot, int step, long nowHour, double growth)
    {
        long oldest = Math.Max(_newest - _hours + 1, nowHour - _hours);
        int ahead = ((slot - HourOfWeek.Of(oldest)) % step + step) % step;
        for (long hour = oldest + ahead; hour < nowHour && hour <= _newest; hour += step)
        {
            if (!_observed[SlotOf(hour)])
            {
                continue;
            }

            double weeks = Math.Ceiling((nowHour - hour) / (double)HourOfWeek.Count);
            double factor = Math.Clamp(Math.Pow(growth, weeks), 1 / MaxGrowth, MaxGrowth);
            DemandAmounts asked = series.At(SlotOf(hour));
            _samples.Add(new DemandAmounts(
                asked.InputTokens * factor, asked.OutputTokens * factor, asked.Requests * factor));
        }
    }

    private double Quantile(double quantile, Func<DemandAmounts, double> part)
    {
        if (_samples.Count == 0)
        {
            return 0;
        }

        _sorted.Clear();
        _sorted.AddRange(_samples.Select(part));
        _sorted.Sort();
        return _sorted[Math.Clamp((int)Math.Ceiling(quantile * _sorted.Count) - 1, 0, _sorted.Count - 1)];
    }

    /// <summary>The median of the ratios of each week's tokens to those of the week before it, over the hours that both
    /// have; 1 where no two weeks share enough.</summary>
    private double WeeklyGrowth(DemandSeries series, long nowHour)
    {
        var ratios = new List<double>();
        int weeks = _hours / HourOfWeek.Count;
        for (int w = 1; w < weeks; w++)
        {
            (double later, double earlier, int shared) = (0, 0, 0);
            for (long hour = nowHour - w * HourOfWeek.Count; hour < nowHour - (w - 1) * HourOfWeek.Count; hour++)
            {
                if (IsKnown(hour) && IsKnown(hour - HourOfWeek.Count))
                {
                    later += Tokens(series.At(SlotOf(hour)));
                    earlier += Tokens(series.At(SlotOf(hour - HourOfWeek.Count)));
                    shared++;
                }
            }

            if (shared >= LeastSharedHours && earlier > 0)
            {
                ratios.Add(Math.Clamp(later / earlier, 1 / MaxWeeklyGrowth, MaxWeeklyGrowth));
            }
        }

        ratios.Sort();
        return ratios.Count == 0 ? 1
            : ratios.Count % 2 == 1 ? ratios[ratios.Count / 2]
            : Math.Sqrt(ratios[ratios.Count / 2 - 1] * ratios[ratios.Count / 2]);
    }

    private static double Tokens(DemandAmounts amounts) => amounts.InputTokens + amounts.OutputTokens;

    private bool IsKnown(long hour) =>
        hour <= _newest && hour > _newest - _hours && _observed[SlotOf(hour)];

    private void Advance(long hour)
    {
        long from = _newest == long.MinValue ? hour - _hours + 1 : Math.Max(_newest + 1, hour - _hours + 1);
        for (long passed = from; passed <= hour; passed++)
        {
            int slot = SlotOf(passed);
            _observed[slot] = false;
            foreach (DemandSeries series in _series.Values)
            {
                series.Clear(slot);
            }
        }

        _newest = hour;
    }

    private int SlotOf(long hour) => (int)((hour % _hours + _hours) % _hours);
}
