using System.Collections.Immutable;

namespace Forebay.Core.Capacity.Demand;

/// <summary>What an hour of the forecast was made from; the first one with three hours of data is taken.</summary>
public enum ForecastBasis : byte
{
    /// <summary>Nothing was observed: nothing is forecast.</summary>
    None,

    /// <summary>All hours observed, since there are too few of any kind.</summary>
    AllHours,

    /// <summary>The same hour of every day.</summary>
    HourOfDay,

    /// <summary>The same hour of the week and the two beside it.</summary>
    Neighbours,

    /// <summary>The same hour of the week, in earlier weeks.</summary>
    HourOfWeek,
}

/// <summary>Demand of one key by hour of week: a quantile of the past, carried on by the trend. All lists have 168
/// entries; entry 0 is Monday 00:00 UTC.</summary>
/// <param name="Key">Whose.</param>
/// <param name="InputTokens">Uncached prompt tokens in the hour.</param>
/// <param name="OutputTokens">Output tokens in the hour.</param>
/// <param name="Requests">Requests in the hour.</param>
/// <param name="Bases">What each hour was made from.</param>
/// <param name="WeeklyGrowth">Factor from one week to the next that samples were carried on by; 1 for none.</param>
public sealed record DemandForecast(
    DemandKey Key,
    ImmutableArray<double> InputTokens,
    ImmutableArray<double> OutputTokens,
    ImmutableArray<double> Requests,
    ImmutableArray<ForecastBasis> Bases,
    double WeeklyGrowth)
{
    /// <summary>A forecast that is stated rather than made.</summary>
    public static DemandForecast Stated(
        DemandKey key, double[] inputTokens, double[] outputTokens, double[] requests) =>
        new(key, [.. inputTokens], [.. outputTokens], [.. requests],
            [.. Enumerable.Repeat(ForecastBasis.HourOfWeek, HourOfWeek.Count)], 1);
}
