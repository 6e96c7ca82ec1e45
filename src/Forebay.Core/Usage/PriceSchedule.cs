using System.Collections.Immutable;
using Forebay.Core.Serving;

namespace Forebay.Core.Usage;

/// <summary>Prices per million tokens in micro-units (millionths of a US dollar), whole numbers.</summary>
public readonly record struct TokenPrices(long Input, long CacheRead, long CacheWrite, long Output)
{
    private const long TokensPerPrice = 1_000_000;

    /// <summary>
    /// The price of a request in whole micro-units, rounded half up once over the sum, so that the parts of an invoice
    /// add up to its total.
    /// </summary>
    public long Of(TokenUsage usage)
    {
        Int128 sum = (Int128)usage.Input * Input + (Int128)usage.CacheRead * CacheRead
            + (Int128)usage.CacheWrite * CacheWrite + (Int128)usage.Output * Output;
        return (long)((sum + TokensPerPrice / 2) / TokensPerPrice);
    }

    /// <summary>These prices times a factor, each rounded to a micro-unit.</summary>
    public TokenPrices Times(decimal factor) => new(
        Scale(Input, factor), Scale(CacheRead, factor), Scale(CacheWrite, factor), Scale(Output, factor));

    private static long Scale(long micros, decimal factor) =>
        (long)decimal.Round(micros * factor, MidpointRounding.AwayFromZero);
}

/// <summary>Prices by date. The prices in force when a request was accepted hold for all of it.</summary>
public sealed class PriceSchedule
{
    private readonly ImmutableArray<Entry> _entries;

    private PriceSchedule(ImmutableArray<Entry> entries) => _entries = entries;

    /// <summary>Everything free.</summary>
    public static PriceSchedule Free { get; } = new([]);

    /// <summary>Compiles configured prices; an entry without a date holds since ever.</summary>
    public static PriceSchedule Compile(IEnumerable<PriceConfig> prices) =>
        new([.. prices.Select(EntryOf).OrderBy(e => e.FromUnixMs)]);

    /// <summary>The prices in force at a wall time; free before the first entry.</summary>
    /// <param name="wallUnixMs">The time.</param>
    /// <param name="batch">Whether the prices of batches are meant.</param>
    public TokenPrices At(long wallUnixMs, bool batch = false)
    {
        for (int i = _entries.Length - 1; i >= 0; i--)
        {
            if (_entries[i].FromUnixMs <= wallUnixMs)
            {
                return batch ? _entries[i].BatchPrices : _entries[i].Prices;
            }
        }

        return default;
    }

    private static Entry EntryOf(PriceConfig p)
    {
        TokenPrices prices = Compile(p);
        return new Entry(StartOf(p.From), prices, prices.Times(p.BatchFactor));
    }

    private static long StartOf(DateOnly? from) => from is { } day
        ? new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero).ToUnixTimeMilliseconds()
        : long.MinValue;

    private static TokenPrices Compile(PriceConfig p) => new(
        Micros(p.Input),
        Micros(p.CacheRead ?? p.Input / 10),
        Micros(p.CacheWrite ?? p.Input * 1.25m),
        Micros(p.Output));

    private static long Micros(decimal dollars) =>
        (long)decimal.Round(dollars * 1_000_000m, MidpointRounding.AwayFromZero);

    private readonly record struct Entry(long FromUnixMs, TokenPrices Prices, TokenPrices BatchPrices);
}
