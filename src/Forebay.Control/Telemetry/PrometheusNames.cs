using System.Text;

namespace Forebay.Control.Telemetry;

/// <summary>
/// Names of the Prometheus text format from instrument names and units, by the OpenTelemetry compatibility rules:
/// anything but letters, digits and underscores becomes an underscore, the unit is spelt out as a suffix, counters end
/// in <c>_total</c>.
/// </summary>
internal static class PrometheusNames
{
    public static string Metric(string instrument, string? unit, MetricKind kind)
    {
        string name = Label(instrument);
        string suffix = UnitSuffix(unit, kind);
        if (suffix.Length > 0 && !name.EndsWith("_" + suffix, StringComparison.Ordinal))
        {
            name += "_" + suffix;
        }

        return kind == MetricKind.Counter && !name.EndsWith("_total", StringComparison.Ordinal)
            ? name + "_total"
            : name;
    }

    /// <summary>A legal label name; also the first step of a metric's name.</summary>
    public static string Label(string name)
    {
        var text = new StringBuilder(name.Length + 1);
        foreach (char c in name)
        {
            bool legal = char.IsAsciiLetterOrDigit(c);
            if (legal || text.Length == 0 || text[^1] != '_')
            {
                text.Append(legal ? c : '_');
            }
        }

        if (text.Length == 0 || char.IsAsciiDigit(text[0]))
        {
            text.Insert(0, '_');
        }

        return text.ToString();
    }

    private static string UnitSuffix(string? unit, MetricKind kind)
    {
        if (string.IsNullOrEmpty(unit))
        {
            return "";
        }

        int slash = unit.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && slash < unit.Length - 1)
        {
            string of = UnitSuffix(unit[..slash], kind);
            string per = One(unit[(slash + 1)..]).TrimEnd('s');
            return per.Length == 0 ? of : of.Length == 0 ? "per_" + per : $"{of}_per_{per}";
        }

        return unit == "1" ? kind == MetricKind.Gauge ? "ratio" : "" : One(unit);
    }

    private static string One(string unit) => unit switch
    {
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "min" => "minutes",
        "h" => "hours",
        "d" => "days",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "%" => "percent",
        "USD" => "dollars",
        _ when unit[0] == '{' => "",
        _ => Label(unit),
    };
}
