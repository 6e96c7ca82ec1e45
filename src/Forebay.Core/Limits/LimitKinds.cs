using Forebay.Core.Errors;

namespace Forebay.Core.Limits;

/// <summary>What a limit counts, for people.</summary>
public enum LimitUnit : byte
{
    Requests,
    InputTokens,
    OutputTokens,

    /// <summary>Input and output together.</summary>
    Tokens,
    Usd,
}

/// <summary>Words and reasons of the limits.</summary>
public static class LimitKinds
{
    private static readonly string[] Keys =
    [
        "requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute", "five_hour_window",
        "weekly_window", "acceleration", "monthly_spend_usd", "max_batch_requests",
    ];

    private static readonly string[] Units = ["requests", "input_tokens", "output_tokens", "tokens", "usd"];

    /// <summary>Number of kinds.</summary>
    public static int Count => Keys.Length;

    /// <summary>The key of the fleet file that sets it.</summary>
    public static string KeyOf(LimitKind kind) => Keys[(int)kind];

    public static string WordOf(LimitUnit unit) => Units[(int)unit];

    public static Reason ReasonOf(LimitKind kind) => kind switch
    {
        LimitKind.RequestsPerMinute => Reason.LimitRequests,
        LimitKind.InputTokensPerMinute => Reason.LimitInputTokens,
        LimitKind.OutputTokensPerMinute => Reason.LimitOutputTokens,
        LimitKind.FiveHourWindow => Reason.LimitFiveHours,
        LimitKind.WeeklyWindow => Reason.LimitWeek,
        LimitKind.Acceleration => Reason.LimitAcceleration,
        LimitKind.MonthlySpendUsd => Reason.LimitSpend,
        LimitKind.MaxBatchRequests => Reason.LimitBatchQueue,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "A limit without a reason."),
    };

    public static LimitUnit UnitOf(WindowUnit unit) => unit switch
    {
        WindowUnit.Requests => LimitUnit.Requests,
        WindowUnit.Tokens => LimitUnit.Tokens,
        _ => LimitUnit.Usd,
    };
}
