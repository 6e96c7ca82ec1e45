using System.Globalization;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>Figures as people read them, the same in every form of the report.</summary>
internal static class ReportFormat
{
    private const decimal MicrosPerDollar = 1_000_000m;

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    public static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Three significant digits: the percentiles hold no more.</summary>
    public static string Ms(double ms) => ms switch
    {
        >= 100 => ms.ToString("N0", CultureInfo.InvariantCulture),
        >= 10 => ms.ToString("0.0", CultureInfo.InvariantCulture),
        _ => ms.ToString("0.00", CultureInfo.InvariantCulture),
    };

    public static string Span(double seconds) => seconds < 60
        ? $"{seconds:0.0} s"
        : $"{(long)seconds / 60} min {(long)seconds % 60} s";

    public static string Share(long part, long whole) => whole == 0 ? "-" : Share((double)part / whole);

    public static string Share(double? share) => share is { } value
        ? (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + "%"
        : "not known";

    public static string Dollars(long micros) =>
        (micros / MicrosPerDollar).ToString("#,0.0000", CultureInfo.InvariantCulture);
}
