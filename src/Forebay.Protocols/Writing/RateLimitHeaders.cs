using System.Globalization;
using System.Text;

namespace Forebay.Protocols;

/// <summary>Where a limit stands.</summary>
/// <param name="Limit">Units per minute.</param>
/// <param name="Remaining">Units left now; a limit that is overdrawn shows as 0.</param>
/// <param name="ResetIn">Time until the limit is whole again.</param>
public readonly record struct RateLimit(long Limit, long Remaining, TimeSpan ResetIn);

/// <summary>What a limit counts.</summary>
public enum RateLimitUnit : byte
{
    Requests,

    /// <summary>Input and output together; the only token limit that OpenAI's headers know.</summary>
    Tokens,

    /// <summary>Anthropic only.</summary>
    InputTokens,

    /// <summary>Anthropic only.</summary>
    OutputTokens,
}

/// <summary>Where headers go; lets a caller set them without an intermediate list.</summary>
public interface IHeaderSink
{
    void Set(string name, string value);
}

/// <summary>Names and values of the headers that tell a client its limits, per dialect.</summary>
public static class RateLimitHeaders
{
    /// <summary>Sets the three headers of one limit; none where the dialect has none for the unit.</summary>
    /// <param name="headers">Takes name and value.</param>
    /// <param name="dialect">The client's dialect.</param>
    /// <param name="unit">What the limit counts.</param>
    /// <param name="limit">Where it stands.</param>
    /// <param name="now">The present: Anthropic gives the time of the reset, OpenAI the time until it.</param>
    public static void Set<TSink>(
        ref TSink headers,
        WireDialect dialect,
        RateLimitUnit unit,
        RateLimit limit,
        DateTimeOffset now)
        where TSink : IHeaderSink
    {
        string count = Number(limit.Limit);
        string remaining = Number(Math.Max(0, limit.Remaining));
        if (dialect == WireDialect.Anthropic)
        {
            string word = unit switch
            {
                RateLimitUnit.Requests => "requests",
                RateLimitUnit.Tokens => "tokens",
                RateLimitUnit.InputTokens => "input-tokens",
                _ => "output-tokens",
            };
            headers.Set($"anthropic-ratelimit-{word}-limit", count);
            headers.Set($"anthropic-ratelimit-{word}-remaining", remaining);
            headers.Set($"anthropic-ratelimit-{word}-reset", Rfc3339(now + limit.ResetIn));
        }
        else if (unit is RateLimitUnit.Requests or RateLimitUnit.Tokens)
        {
            string word = unit == RateLimitUnit.Requests ? "requests" : "tokens";
            headers.Set($"x-ratelimit-limit-{word}", count);
            headers.Set($"x-ratelimit-remaining-{word}", remaining);
            headers.Set($"x-ratelimit-reset-{word}", Duration(limit.ResetIn));
        }
    }

    /// <summary>A time as RFC 3339 in UTC, in whole seconds rounded up, so that nobody comes back too early.</summary>
    public static string Rfc3339(DateTimeOffset time)
    {
        DateTimeOffset utc = time.ToUniversalTime();
        long rest = utc.Ticks % TimeSpan.TicksPerSecond;
        DateTimeOffset whole = rest == 0 ? utc : utc.AddTicks(TimeSpan.TicksPerSecond - rest);
        return whole.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }

    /// <summary>A duration as Go writes it (<c>6ms</c>, <c>1.5s</c>, <c>1m30s</c>, <c>1h0m0s</c>), in whole
    /// milliseconds rounded up; nothing below zero.</summary>
    public static string Duration(TimeSpan duration)
    {
        long ms = Math.Max(0, (long)Math.Ceiling(duration.TotalMilliseconds));
        if (ms is > 0 and < 1_000)
        {
            return Number(ms) + "ms";
        }

        var text = new StringBuilder();
        long hours = ms / 3_600_000;
        long minutes = ms / 60_000 % 60;
        _ = hours > 0 ? text.Append(hours).Append('h') : text;
        _ = hours > 0 || minutes > 0 ? text.Append(minutes).Append('m') : text;
        decimal seconds = ms % 60_000 / 1_000m;
        return text.Append(seconds.ToString("0.###", CultureInfo.InvariantCulture)).Append('s').ToString();
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
