using System.Globalization;

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
    // Limit, remaining, reset, by unit: names are made once, not per answer.
    private static readonly string[][] Anthropic = Names(
        static (word, what) => $"anthropic-ratelimit-{word}-{what}",
        "requests", "tokens", "input-tokens", "output-tokens");

    private static readonly string[][] OpenAi = Names(
        static (word, what) => $"x-ratelimit-{what}-{word}", "requests", "tokens");

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
            string[] names = Anthropic[(int)unit];
            headers.Set(names[0], count);
            headers.Set(names[1], remaining);
            headers.Set(names[2], Rfc3339(now + limit.ResetIn));
        }
        else if (unit is RateLimitUnit.Requests or RateLimitUnit.Tokens)
        {
            string[] names = OpenAi[(int)unit];
            headers.Set(names[0], count);
            headers.Set(names[1], remaining);
            headers.Set(names[2], Duration(limit.ResetIn));
        }
    }

    /// <summary>A time as RFC 3339 in UTC, in whole seconds rounded up, so that nobody comes back too early.</summary>
    public static string Rfc3339(DateTimeOffset time)
    {
        DateTimeOffset utc = time.ToUniversalTime();
        long rest = utc.Ticks % TimeSpan.TicksPerSecond;
        DateTimeOffset whole = rest == 0 ? utc : utc.AddTicks(TimeSpan.TicksPerSecond - rest);
        return string.Create(20, whole, static (text, at) =>
        {
            _ = at.TryFormat(text, out int written, "s", CultureInfo.InvariantCulture);
            text[written] = 'Z';
        });
    }

    /// <summary>A duration as Go writes it (<c>6ms</c>, <c>1.5s</c>, <c>1m30s</c>, <c>1h0m0s</c>), in whole
    /// milliseconds rounded up; nothing below zero.</summary>
    public static string Duration(TimeSpan duration)
    {
        long ms = Math.Max(0, (long)Math.Ceiling(duration.TotalMilliseconds));
        if (ms < 1_000)
        {
            return ms == 0 ? "0s" : string.Create(CultureInfo.InvariantCulture, $"{ms}ms");
        }

        long hours = ms / 3_600_000;
        long minutes = ms / 60_000 % 60;
        long seconds = ms / 1_000 % 60;
        long rest = ms % 1_000;
        // Thousandths without the zeros at their end.
        string fraction = rest == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $".{rest:000}").TrimEnd('0');
        return hours > 0 ? string.Create(CultureInfo.InvariantCulture, $"{hours}h{minutes}m{seconds}{fraction}s")
            : minutes > 0 ? string.Create(CultureInfo.InvariantCulture, $"{minutes}m{seconds}{fraction}s")
            : string.Create(CultureInfo.InvariantCulture, $"{seconds}{fraction}s");
    }

    private static string[][] Names(Func<string, string, string> name, params string[] words) =>
        [.. words.Select(word => (string[])[name(word, "limit"), name(word, "remaining"), name(word, "reset")])];

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
