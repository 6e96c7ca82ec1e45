using System.Collections.Frozen;

namespace Forebay.Core.Limits.Following;

/// <summary>What tiers limit while multipliers hold, compiled: one object for the whole fleet, swapped when the
/// multipliers, the hour of the week or the fleet change. Finding a plan takes one look-up and no memory.</summary>
public sealed class MultipliedPlans
{
    /// <summary>Far above any limit, and exact as a double.</summary>
    private const double Most = 1L << 52;

    private readonly FrozenDictionary<string, LimitPlan> _plans;

    private MultipliedPlans(FrozenDictionary<string, LimitPlan> plans) => _plans = plans;

    /// <summary>Every tier as the fleet file has it.</summary>
    public static MultipliedPlans Promise { get; } = new(FrozenDictionary<string, LimitPlan>.Empty);

    public static MultipliedPlans Of(
        IReadOnlyList<TierConfig> tiers, TierMultipliers multipliers, FollowedLimit[] limits, int hourOfWeek) =>
        multipliers.Entries.IsEmpty
            ? Promise
            : new MultipliedPlans(tiers.ToFrozenDictionary(
                t => t.Id,
                t => LimitPlan.Compile(Multiplied(t, multipliers, limits, hourOfWeek)),
                StringComparer.Ordinal));

    /// <summary>The plan of a tier; what it was compiled to itself where no multiplier holds.</summary>
    public LimitPlan Of(LimitPlan promise) =>
        _plans.TryGetValue(promise.Tier.Id, out LimitPlan? plan) ? plan : promise;

    /// <summary>A tier with its limits multiplied: those over a class by that class's multiplier, those over all models
    /// by the least of its classes'. Never less than it was.</summary>
    public static TierConfig Multiplied(
        TierConfig tier, TierMultipliers multipliers, FollowedLimit[] limits, int hourOfWeek) =>
        (TierConfig)Multiplied(tier, multipliers.OverAll(tier.Id, hourOfWeek), limits) with
        {
            Classes =
            [
                .. tier.Classes.Select(c => (ClassLimitsConfig)Multiplied(
                    c, multipliers.At(tier.Id, c.Class, hourOfWeek), limits)),
            ],
        };

    private static LimitsConfig Multiplied(LimitsConfig config, double by, FollowedLimit[] limits)
    {
        double By(FollowedLimit limit) => Array.IndexOf(limits, limit) >= 0 ? by : 1;
        return config with
        {
            RequestsPerMinute = Times(config.RequestsPerMinute, By(FollowedLimit.RequestsPerMinute)) is { } requests
                ? (int)Math.Min(int.MaxValue, requests)
                : null,
            InputTokensPerMinute = Times(config.InputTokensPerMinute, By(FollowedLimit.InputTokensPerMinute)),
            OutputTokensPerMinute = Times(config.OutputTokensPerMinute, By(FollowedLimit.OutputTokensPerMinute)),
            FiveHourWindow = Times(config.FiveHourWindow, By(FollowedLimit.FiveHourWindow)),
            WeeklyWindow = Times(config.WeeklyWindow, By(FollowedLimit.WeeklyWindow)),
        };
    }

    private static long? Times(long? amount, double by) =>
        amount is { } value ? Math.Max(value, (long)Math.Min(Most, Math.Floor(value * by))) : null;

    private static WindowConfig? Times(WindowConfig? window, double by)
    {
        if (window is null || by == 1)
        {
            return window;
        }

        decimal limit = window.Limit * (decimal)Math.Min(by, 1e6);
        return window with
        {
            Limit = window.Unit == WindowUnit.Usd ? decimal.Round(limit, 6, MidpointRounding.ToZero)
                : decimal.Truncate(limit),
        };
    }
}
