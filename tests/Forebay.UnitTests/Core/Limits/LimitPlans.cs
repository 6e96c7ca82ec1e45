using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Core.Usage;

namespace Forebay.UnitTests.Core.Limits;

/// <summary>Plans, requests and moments for tests of limits.</summary>
internal static class LimitPlans
{
    /// <summary>One dollar per million tokens in, ten out.</summary>
    public static readonly TokenPrices Prices = new(1_000_000, 100_000, 1_250_000, 10_000_000);

    /// <summary>Monday, 2026-06-01 12:00 UTC.</summary>
    public static readonly DateTimeOffset Noon = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    public static Instant At(double seconds) => new(
        (long)(seconds * Instant.NsPerSecond), Noon.ToUnixTimeMilliseconds() + (long)(seconds * 1000));

    public static Instant At(double seconds, DateTimeOffset wall) => new(
        (long)(seconds * Instant.NsPerSecond), wall.ToUnixTimeMilliseconds());

    public static LimitPlan Of(TierConfig tier) => LimitPlan.Compile(tier);

    public static LimitRequest Ask(long input, long output, string? modelClass = null, string model = "atlas") =>
        new(model, modelClass, input, output, Prices);

    public static LimitUse Used(long input, long output, bool complete = true) =>
        new(input, output, Prices.Of(new TokenUsage(input, 0, 0, output)), complete);

    public static LimitUse Used(long input, long output, long micros) => new(input, output, micros, true);

    /// <summary>Where a limit stands.</summary>
    public static LimitStatus Of(this LimitReport report, string name, string? modelClass = null) =>
        report.Limits.Single(l => l.Name == name && l.ModelClass == modelClass);

    public static decimal UsedOf(
        this TenantLimits limits, LimitPlan plan, Instant now, string name, string? modelClass = null) =>
        limits.Report(plan, now).Of(name, modelClass).Used;
}
