using System.Globalization;
using System.Text;

namespace Forebay.Core.Limits.Following;

/// <summary>Hours of the week: 0 is Monday 00:00 to 01:00 UTC, 167 Sunday 23:00 to 24:00.</summary>
public static class HourOfWeek
{
    public const int Count = 168;

    private const long HourMs = 3_600_000;

    /// <summary>1970-01-01 was a Thursday.</summary>
    private const int EpochHour = 3 * 24;

    private static readonly string[] Days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

    public static int Of(long unixMs) =>
        (int)((EpochHour + Math.DivRem(unixMs, HourMs).Quotient - (unixMs % HourMs < 0 ? 1 : 0)) % Count + Count)
            % Count;

    /// <summary>When the next hour begins.</summary>
    public static long NextUnixMs(long unixMs) =>
        (Math.DivRem(unixMs, HourMs).Quotient + (unixMs % HourMs < 0 ? 0 : 1)) * HourMs;

    /// <summary>Such as <c>Tue 14:00</c>.</summary>
    public static string Word(int hour) =>
        string.Create(CultureInfo.InvariantCulture, $"{Days[hour / 24]} {hour % 24:00}:00");

    /// <summary>Stretches of hours, such as <c>Mon 12:00-18:00, Tue 12:00-18:00</c> (UTC).</summary>
    public static string Words(HourSet hours)
    {
        var text = new StringBuilder();
        for (int hour = 0; hour < Count; hour++)
        {
            if (!hours.Has(hour))
            {
                continue;
            }

            int last = hour;
            while (last + 1 < Count && hours.Has(last + 1) && (last + 1) % 24 != 0)
            {
                last++;
            }

            text.Append(text.Length == 0 ? "" : ", ").Append(Word(hour))
                .Append(CultureInfo.InvariantCulture, $"-{last % 24 + 1:00}:00");
            hour = last;
        }

        return text.ToString();
    }
}

/// <summary>A set of hours of the week.</summary>
/// <param name="A">Hours 0 to 63, one bit each.</param>
/// <param name="B">Hours 64 to 127.</param>
/// <param name="C">Hours 128 to 167.</param>
public readonly record struct HourSet(ulong A, ulong B, ulong C)
{
    public int Count => System.Numerics.BitOperations.PopCount(A) + System.Numerics.BitOperations.PopCount(B)
        + System.Numerics.BitOperations.PopCount(C);

    public bool Has(int hour) => ((hour < 64 ? A : hour < 128 ? B : C) >> (hour & 63) & 1) != 0;

    public HourSet With(int hour)
    {
        ulong bit = 1UL << (hour & 63);
        return hour < 64 ? this with { A = A | bit }
            : hour < 128 ? this with { B = B | bit }
            : this with { C = C | bit };
    }

    /// <summary>48 hexadecimal digits.</summary>
    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"{A:x16}{B:x16}{C:x16}");

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public static HourSet Parse(ReadOnlySpan<char> text)
    {
        static ulong Part(ReadOnlySpan<char> part) =>
            ulong.Parse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

        return text.Length == 48 && Part(text[32..]) >> (HourOfWeek.Count - 128) == 0
            ? new HourSet(Part(text[..16]), Part(text[16..32]), Part(text[32..]))
            : throw new FormatException("This is no set of hours.");
    }
}
