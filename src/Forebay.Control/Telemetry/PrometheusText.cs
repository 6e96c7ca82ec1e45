using System.Globalization;
using System.Text;

namespace Forebay.Control.Telemetry;

/// <summary>
/// The Prometheus text exposition format 0.0.4 (prometheus.io, Exposition formats): HELP, TYPE, one line a sample.
/// </summary>
internal static class PrometheusText
{
    /// <summary>The media type of the format.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static void Write(StringBuilder text, MetricFamily family, ReadOnlySpan<MetricSeries> series)
    {
        if (series.IsEmpty)
        {
            return;
        }

        text.Append("# HELP ").Append(family.Name).Append(' ').Append(Escape(family.Help, quotes: false)).Append('\n');
        text.Append("# TYPE ").Append(family.Name).Append(' ').Append(family.Kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        }).Append('\n');
        foreach (MetricSeries one in series)
        {
            string labels = LabelText(one.Labels);
            if (family.Kind == MetricKind.Histogram)
            {
                WriteHistogram(text, family.Name, labels, one);
            }
            else
            {
                WriteSample(text, family.Name, "", labels, Number(one.Value));
            }
        }
    }

    /// <summary>Labels as they stand between the braces; empty when there are none.</summary>
    public static string LabelText(ReadOnlySpan<KeyValuePair<string, string>> labels)
    {
        var text = new StringBuilder();
        foreach ((string name, string value) in labels)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(name).Append("=\"").Append(Escape(value, quotes: true))
                .Append('"');
        }

        return text.ToString();
    }

    private static void WriteHistogram(StringBuilder text, string name, string labels, MetricSeries series)
    {
        string before = labels.Length == 0 ? "le=\"" : labels + ",le=\"";
        double sum = series.Value;
        long cumulative = 0;
        for (int i = 0; i < series.Bounds.Length; i++)
        {
            cumulative += series.BucketCount(i);
            WriteSample(text, name, "_bucket", before + Number(series.Bounds[i]) + "\"", Number(cumulative));
        }

        // Count is the last bucket by construction, so the two agree even while others record.
        cumulative += series.BucketCount(series.Bounds.Length);
        WriteSample(text, name, "_bucket", before + "+Inf\"", Number(cumulative));
        WriteSample(text, name, "_sum", labels, Number(sum));
        WriteSample(text, name, "_count", labels, Number(cumulative));
    }

    private static void WriteSample(StringBuilder text, string name, string suffix, string labels, string value)
    {
        text.Append(name).Append(suffix);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(value).Append('\n');
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static string Escape(string value, bool quotes)
    {
        if (value.AsSpan().IndexOfAny('\\', '\n', '"') < 0)
        {
            return value;
        }

        string escaped = value.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }
}
