using System.Globalization;
using Forebay.Core.Errors;
using Forebay.Core.Limits;
using Forebay.Core.Time;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;

namespace Forebay.Gateway.Replies;

/// <summary>The words of a refusal: which limit, what is left of it, when it resets, and whether to come
/// back.</summary>
internal static class LimitRefusals
{
    /// <summary>Longest wait that is advised: clients sleep as long as they are told, whatever it is.</summary>
    public const int LongestRetrySeconds = 3600;

    /// <summary>A window or a month that ends later than this is not worth a client's waiting.</summary>
    private const int NearSeconds = 60;

    /// <summary>The failure for a refused reservation, with an honest time to come back.</summary>
    public static Failure Of(LimitRefusal refusal, string tier)
    {
        double wait = Math.Ceiling(refusal.WaitNs / (double)Instant.NsPerSecond);
        int seconds = (int)Math.Clamp(wait, 1, LongestRetrySeconds);
        bool isWindow = ReasonTable.For(refusal.Reason).Retry == RetryAdvice.DoNotRetry;
        bool? retry = isWindow ? wait <= NearSeconds : null;
        string scope = $"tier {tier}"
            + (refusal.ModelClass is { } modelClass ? $", models of class {modelClass}" : "");
        string left = $"{Amount(refusal, refusal.Remaining)} left, this request needs about "
            + $"{Amount(refusal, refusal.Needed)}";
        string again = $"Try again in {seconds} s";
        string message = refusal.Kind switch
        {
            LimitKind.FiveHourWindow =>
                $"This tenant's limit of {Whole(refusal)} in five hours ({scope}) is used up: {left}. "
                + Resets(refusal),
            LimitKind.WeeklyWindow =>
                $"This tenant's limit of {Whole(refusal)} in a week ({scope}) is used up: {left}. {Resets(refusal)}",
            LimitKind.MonthlySpendUsd =>
                $"This tenant's spend cap of {Whole(refusal)} a month ({scope}) is reached: {left}. {Resets(refusal)}",
            LimitKind.Acceleration =>
                $"This tenant's use of tokens rises too fast ({scope}): at most {Whole(refusal)} per minute now, which "
                + $"follows its recent use; {left}. Ramp up more slowly. {again}.",
            LimitKind.MaxBatchRequests =>
                $"This tenant has {Whole(refusal)} of batch priority waiting or running ({scope}), the most it may "
                + $"have. {again}, as others end.",
            _ =>
                $"This tenant's limit of {Whole(refusal)} per minute ({scope}) is used up: {left}. {again}, or ask the "
                + "operator for a higher tier.",
        };
        return new Failure(refusal.Reason, message, null, seconds, ShouldRetry: retry);
    }

    private static string Resets(LimitRefusal refusal)
    {
        string at = RateLimitHeaders.Rfc3339(DateTimeOffset.FromUnixTimeMilliseconds(refusal.ResetsUnixMs ?? 0));
        return refusal.WaitNs == long.MaxValue
            ? "It is more than the whole cap: send less, or ask the operator for a higher tier."
            : $"It resets at {at}; ask the operator for a higher tier to go on before.";
    }

    private static string Whole(LimitRefusal r) => r.Unit == LimitUnit.Usd
        ? Amount(r, r.Limit)
        : $"{Amount(r, r.Limit)} {LimitKinds.WordOf(r.Unit).Replace('_', ' ')}";

    private static string Amount(LimitRefusal r, decimal amount) => r.Unit == LimitUnit.Usd
        ? string.Create(CultureInfo.InvariantCulture, $"${amount:#,0.00####}")
        : amount.ToString("#,0", CultureInfo.InvariantCulture);
}
