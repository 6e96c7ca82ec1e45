using System.Collections.Immutable;
using Forebay.Core.Time;

namespace Forebay.Core.Limits;

/// <summary>A window's limit, compiled. Amounts are in the unit's smallest part: requests, tokens or micro-dollars.
/// </summary>
/// <param name="Unit">What is counted.</param>
/// <param name="Amount">Most that may be used.</param>
public sealed record WindowLimit(WindowUnit Unit, long Amount);

/// <summary>
/// One set of limits, compiled for the request path: those of a tier over all models, or those over one class. It is a
/// value beside the state, so that another one (a reload's, or a slice of a budget that several nodes share) can stand
/// in for it at any call.
/// </summary>
public sealed class LimitSet
{
    private const double MinuteNs = 60.0 * Instant.NsPerSecond;
    private const double DefaultOverMinutes = 10;

    private LimitSet(LimitsConfig? config)
    {
        Requests = config?.RequestsPerMinute;
        Input = config?.InputTokensPerMinute;
        Output = config?.OutputTokensPerMinute;
        RequestsPerNs = (Requests ?? 0) / MinuteNs;
        InputPerNs = (Input ?? 0) / MinuteNs;
        OutputPerNs = (Output ?? 0) / MinuteNs;
        FiveHours = Compile(config?.FiveHourWindow);
        Week = Compile(config?.WeeklyWindow);
        MonthMicros = config?.MonthlySpendUsd is { } usd ? UsdAmount.ToMicros(usd) : null;
        Acceleration = config?.Acceleration;
        SlowPerNs = 1 / ((Acceleration?.OverMinutes ?? DefaultOverMinutes) * MinuteNs);
        IsEmpty = Requests is null && Input is null && Output is null && FiveHours is null && Week is null
            && MonthMicros is null && Acceleration is null;
    }

    /// <summary>Nothing is limited.</summary>
    public static LimitSet None { get; } = new(null);

    /// <summary>Requests per minute.</summary>
    public int? Requests { get; }

    /// <summary>Input tokens per minute.</summary>
    public long? Input { get; }

    /// <summary>Output tokens per minute.</summary>
    public long? Output { get; }

    public WindowLimit? FiveHours { get; }

    public WindowLimit? Week { get; }

    /// <summary>Most micro-dollars in a calendar month.</summary>
    public long? MonthMicros { get; }

    public AccelerationConfig? Acceleration { get; }

    public bool IsEmpty { get; }

    internal double RequestsPerNs { get; }

    internal double InputPerNs { get; }

    internal double OutputPerNs { get; }

    /// <summary>Decay of the slow average of token use.</summary>
    internal double SlowPerNs { get; }

    /// <summary>Decay of the fast one.</summary>
    internal static double FastPerNs => 1 / MinuteNs;

    public static LimitSet Of(LimitsConfig config) => new(config);

    private static WindowLimit? Compile(WindowConfig? window) => window is null
        ? null
        : new WindowLimit(
            window.Unit, window.Unit == WindowUnit.Usd ? UsdAmount.ToMicros(window.Limit) : (long)window.Limit);
}

/// <summary>Everything that a tier limits, compiled once per snapshot and shared by its tenants.</summary>
public sealed class LimitPlan
{
    private readonly ImmutableArray<(string Class, LimitSet Limits)> _classes;

    private LimitPlan(TierConfig tier)
    {
        Tier = tier;
        All = LimitSet.Of(tier);
        _classes = [.. tier.Classes.Select(c => (c.Class, LimitSet.Of(c)))];
        WeekStartsAtHourOfWeek = (int)tier.WeekStartsOn * 24 + tier.WeekStartsAtHour;
        IsEmpty = All.IsEmpty && _classes.Length == 0 && tier.MaxBatchRequests is null;
    }

    public TierConfig Tier { get; }

    /// <summary>Limits over all models together.</summary>
    public LimitSet All { get; }

    /// <summary>Classes that the tier limits, in file order.</summary>
    public IEnumerable<string> Classes => _classes.Select(c => c.Class);

    /// <summary>Hours from Sunday 00:00 UTC to the start of a week.</summary>
    public int WeekStartsAtHourOfWeek { get; }

    public bool IsBatch => Tier.Priority == PriorityClass.Batch;

    /// <summary>Nothing is limited at all.</summary>
    public bool IsEmpty { get; }

    public static LimitPlan Compile(TierConfig tier) => new(tier);

    /// <summary>Limits over the models of a class; none where the tier sets none.</summary>
    public LimitSet Of(string? modelClass)
    {
        foreach ((string name, LimitSet limits) in _classes)
        {
            if (name == modelClass)
            {
                return limits;
            }
        }

        return LimitSet.None;
    }
}
