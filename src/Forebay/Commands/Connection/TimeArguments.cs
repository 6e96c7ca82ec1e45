using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Forebay.Control.Admin;

namespace Forebay.Commands.Connection;

/// <summary>Options that take a length of time or a moment.</summary>
internal static class TimeArguments
{
    private const string Forms = "30m, 24h, 90d";

    /// <summary>An option that takes a length of time, such as 24h.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (ParseDuration(text) is { } duration)
            {
                return duration;
            }

            result.AddError(
                $"{name} {text} is not a length of time. Give a number and s, m, h or d, such as {Forms}.");
            return null;
        },
    };

    /// <summary>
    /// An option that takes a moment: a day, RFC 3339, or a length of time counted from now (ahead or back).
    /// </summary>
    public static Option<DateTimeOffset?> Moment(string name, string description, bool back) => new(name)
    {
        Description = description,
        HelpName = "WHEN",
        CustomParser = result => ParseMoment(name, result, back),
    };

    private static DateTimeOffset? ParseMoment(string name, ArgumentResult result, bool back)
    {
        string text = result.Tokens[0].Value;
        if (TimeText.TryParse(text, out DateTimeOffset time))
        {
            return time;
        }

        if (ParseDuration(text) is { } duration)
        {
            DateTimeOffset now = TimeProvider.System.GetUtcNow();
            return back ? now - duration : now + duration;
        }

        result.AddError($"{name} {text} is not a time. Give a day (2027-01-31), RFC 3339 (2027-01-31T12:00:00Z), or " +
            $"a length of time {(back ? "back" : "ahead")} (such as {Forms}).");
        return null;
    }

    private static TimeSpan? ParseDuration(string text)
    {
        // 100 years in seconds: far beyond any use, and no sum overflows.
        const double maxSeconds = 100 * 365.25 * 86400;
        double seconds = text is [.., var unit]
            && double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double n)
                ? n * unit switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => double.NaN }
                : double.NaN;
        return seconds is >= 0 and <= maxSeconds ? TimeSpan.FromSeconds(seconds) : null;
    }
}
