using System.Globalization;
using System.Text;

namespace Forebay.Simulation.Replay.Reports;

/// <summary>One curve: points in order of x; a null y breaks the line.</summary>
internal sealed record ChartSeries(string Name, IReadOnlyList<(double X, double? Y)> Points);

/// <summary>A line chart as inline SVG: axes from 0, round ticks, a legend. Colours come from the page's
/// style.</summary>
internal sealed record SvgChart(string Title, string XUnit, string YUnit, IReadOnlyList<ChartSeries> Series)
{
    private const double Width = 560;
    private const double Height = 250;
    private const double Left = 56;
    private const double Right = 14;
    private const double Top = 12;
    private const double Bottom = 40;
    private const int WantedTicks = 5;

    /// <summary>A point without neighbours is a short dash.</summary>
    private const double DashHalf = 2;
    private const int MostLogTicks = 9;

    /// <summary>Upper end of the y axis; what is above is cut. Null: the largest value.</summary>
    public double? YMost { get; init; }

    /// <summary>A logarithmic x axis, for times that span them.</summary>
    public bool LogX { get; init; }

    public void Write(StringBuilder to)
    {
        to.Append("<figure class=\"chart\"><figcaption>").Append(Html.Escape(Title)).Append("<span>")
            .Append(Html.Escape(YUnit)).Append("</span></figcaption>");
        double[] xs = [.. Series.SelectMany(s => s.Points).Select(p => p.X)];
        double most = YMost ?? Series.SelectMany(s => s.Points).Max(p => p.Y) ?? 0;
        if (xs.Length == 0 || (LogX && xs.Max() <= 0))
        {
            to.Append("<p class=\"none\">nothing to show</p></figure>");
            return;
        }

        var x = LogX
            ? Axis.Logarithmic(xs.Where(v => v > 0).Min(), xs.Max())
            : Axis.Linear(xs.Max()) with { To = Math.Max(xs.Max(), 1e-9) };
        var y = Axis.Linear(most);
        to.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"")
            .Append(Html.Escape($"{Title}: {string.Join(", ", Series.Select(s => s.Name))}")).Append("\">");
        WriteAxes(to, x, y);
        for (int i = 0; i < Series.Count; i++)
        {
            to.Append(CultureInfo.InvariantCulture, $"<path class=\"s{i}\" d=\"");
            WritePath(to, Series[i], x, y);
            to.Append("\"/>");
        }

        to.Append("</svg><ul class=\"legend\">");
        for (int i = 0; i < Series.Count; i++)
        {
            to.Append(CultureInfo.InvariantCulture, $"<li><i class=\"k{i}\"></i>")
                .Append(Html.Escape(Series[i].Name)).Append("</li>");
        }

        to.Append("</ul></figure>");
    }

    private static double Across(double share) => Left + share * (Width - Left - Right);

    private static double Down(double share) => Height - Bottom - share * (Height - Top - Bottom);

    private static string P(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private static void WritePath(StringBuilder to, ChartSeries series, Axis x, Axis y)
    {
        bool pen = false;
        for (int i = 0; i < series.Points.Count; i++)
        {
            (double px, double? py) = series.Points[i];
            if (py is not { } value)
            {
                pen = false;
                continue;
            }

            double across = Across(x.ShareOf(px));
            string down = P(Down(y.ShareOf(value)));
            bool alone = !pen && (i + 1 == series.Points.Count || series.Points[i + 1].Y is null);
            to.Append(alone
                ? $"M{P(across - DashHalf)} {down}h{P(2 * DashHalf)}"
                : $"{(pen ? 'L' : 'M')}{P(across)} {down}");
            pen = true;
        }
    }

    private void WriteAxes(StringBuilder to, Axis x, Axis y)
    {
        foreach (double tick in y.Ticks)
        {
            string at = P(Down(y.ShareOf(tick)));
            to.Append($"<path class=\"grid\" d=\"M{P(Left)} {at}H{P(Width - Right)}\"/>")
                .Append($"<text class=\"y\" x=\"{P(Left - 6)}\" y=\"{at}\">{Label(tick)}</text>");
        }

        foreach (double tick in x.Ticks.Where(t => x.IsLog || t <= x.To))
        {
            to.Append($"<text class=\"x\" x=\"{P(Across(x.ShareOf(tick)))}\" y=\"{P(Height - Bottom + 16)}\">")
                .Append(Label(tick)).Append("</text>");
        }

        to.Append($"<text class=\"unit\" x=\"{P(Width - Right)}\" y=\"{P(Height - 6)}\">")
            .Append(Html.Escape(XUnit)).Append("</text>");
    }

    private static string Label(double value) => value switch
    {
        >= 1e6 => (value / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M",
        >= 1e3 => (value / 1e3).ToString("0.##", CultureInfo.InvariantCulture) + "k",
        _ => value.ToString("0.####", CultureInfo.InvariantCulture),
    };

    /// <summary>Maps values to a share of the axis, and knows its ticks.</summary>
    private sealed record Axis(double From, double To, bool IsLog, double[] Ticks)
    {
        public static Axis Linear(double most)
        {
            double raw = Math.Max(most, 1e-9) / WantedTicks;
            double power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
            double step = power * ((raw / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
            int count = (int)Math.Ceiling(Math.Max(most, 1e-9) / step - 1e-9);
            return new Axis(0, count * step, false, [.. Enumerable.Range(0, count + 1).Select(i => i * step)]);
        }

        /// <summary>Ends at 1, 2 or 5 times a power of ten; ticks at all of these, or at the powers where they are
        /// many.
        /// </summary>
        public static Axis Logarithmic(double least, double most)
        {
            double[] marks = [.. Enumerable.Range(-4, 14).SelectMany(
                e => new[] { 1.0, 2, 5 }.Select(m => m * Math.Pow(10, e)))];
            double from = marks.LastOrDefault(m => m <= least, marks[0]);
            double to = marks.FirstOrDefault(m => m >= most && m > from, marks[^1]);
            double[] ticks = [.. marks.Where(m => m >= from && m <= to)];
            if (ticks.Length > MostLogTicks)
            {
                ticks = [.. ticks.Where(m => Math.Abs(Math.Log10(m) - Math.Round(Math.Log10(m))) < 1e-9)];
            }

            return new Axis(Math.Log10(from), Math.Log10(to), true, ticks);
        }

        public double ShareOf(double value) =>
            Math.Clamp(((IsLog ? Math.Log10(Math.Max(value, 1e-9)) : value) - From) / (To - From), 0, 1);
    }
}
