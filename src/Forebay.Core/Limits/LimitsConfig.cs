using Forebay.Core.Config;

namespace Forebay.Core.Limits;

/// <summary>What a window of usage counts.</summary>
public enum WindowUnit : byte
{
    Requests,

    /// <summary>Input and output tokens together; cache reads excluded, cache writes included.</summary>
    Tokens,

    /// <summary>US dollars at the customer's price.</summary>
    Usd,
}

/// <summary>How much may be used in a window.</summary>
public sealed record WindowConfig
{
    [ConfigKey("Most that may be used in one window, in its unit.", Required = true, Minimum = 0.01,
        Maximum = 1_000_000_000_000)]
    public required decimal Limit { get; init; }

    [ConfigKey("What the window counts: requests, tokens (input and output, cache reads excluded) or usd (customer " +
        "price).", Required = true)]
    public required WindowUnit Unit { get; init; }
}

/// <summary>
/// How fast a tenant's token use may rise. With <c>f</c> the sum of its tokens, each weighed by <c>exp(-age / 1
/// min)</c>, and <c>b</c> their sum weighed by <c>exp(-age / T)</c> and divided by <c>T</c>, <c>T</c> being
/// <see cref="OverMinutes"/>, a request of <c>n</c> tokens is refused where <c>f + n > max(floor / (1 - 1/e), factor *
/// b)</c>. So whoever uses the floor or less in every minute is never refused, and above it use may grow as <c>exp(g
/// t)</c> with <c>g = (factor - 1) / (T - factor)</c> per minute.
/// </summary>
public sealed record AccelerationConfig
{
    [ConfigKey("Most that the use of the last minute may be of the use over the longer time; below over_minutes.",
        Minimum = 1.1, Maximum = 100)]
    public double Factor { get; init; } = 2;

    [ConfigKey("Time constant of the longer time, in minutes; with factor 2 and 10 minutes a tenant may double its " +
        "use every 5.5 minutes.", Minimum = 2, Maximum = 60)]
    public double OverMinutes { get; init; } = 10;

    [ConfigKey("Tokens in any one minute (input and output, cache reads excluded) up to which nothing is refused.",
        Required = true, Minimum = 1)]
    public required long FloorTokensPerMinute { get; init; }
}

/// <summary>Limits on what one tenant uses, over all models or over those of one class. What is left out is not
/// limited.</summary>
public abstract record LimitsConfig
{
    [ConfigKey("Requests per minute and tenant; no limit when left out.", Minimum = 1)]
    public int? RequestsPerMinute { get; init; }

    [ConfigKey("Input tokens per minute and tenant, cache reads excluded; no limit when left out.", Minimum = 1)]
    public long? InputTokensPerMinute { get; init; }

    [ConfigKey("Output tokens per minute and tenant; no limit when left out.", Minimum = 1)]
    public long? OutputTokensPerMinute { get; init; }

    [ConfigKey("What may be used in five hours; the window opens with the first request after the last one ended.")]
    public WindowConfig? FiveHourWindow { get; init; }

    [ConfigKey("What may be used in a week, which begins at the tier's week_starts_on and week_starts_at_hour.")]
    public WindowConfig? WeeklyWindow { get; init; }

    [ConfigKey("How sharply token use may rise.")]
    public AccelerationConfig? Acceleration { get; init; }

    [ConfigKey("Most US dollars, at the customer's price, in a calendar month (UTC).", Minimum = 0.01,
        Maximum = 1_000_000_000)]
    public decimal? MonthlySpendUsd { get; init; }
}

/// <summary>Limits that a tier sets for the models of one class, beside those over all models.</summary>
public sealed record ClassLimitsConfig : LimitsConfig
{
    [ConfigKey("The class of models.", Required = true, RefersTo = "model_classes")]
    public required string Class { get; init; }
}

/// <summary>Models that share one set of limits.</summary>
public sealed record ModelClassConfig
{
    [ConfigKey("Short name used everywhere else.", Required = true, Pattern = Ids.Pattern)]
    public required string Id { get; init; }

    [ConfigKey("Its models; a model is in one class at most.", Required = true, RefersTo = "models")]
    public required string[] Models { get; init; }
}
