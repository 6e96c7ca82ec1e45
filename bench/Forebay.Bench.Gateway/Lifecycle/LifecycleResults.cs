using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Bench.Gateway.Lifecycle;

/// <summary>A value with its spread over the pairs of turns.</summary>
internal sealed record Spread(double Median, double LowQuartile, double HighQuartile, double Least, double Most)
{
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        double At(double share) => sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
        return new Spread(At(0.5), At(0.25), At(0.75), sorted[0], sorted[^1]);
    }
}

/// <summary>One turn without changes and the one with them beside it.</summary>
/// <param name="Quiet">Without.</param>
/// <param name="Changing">With.</param>
/// <param name="Changes">Changes that were asked for.</param>
/// <param name="Snapshots">Snapshots of the fleet that were put in force by them.</param>
internal sealed record TurnPair(WrkRun Quiet, WrkRun Changing, int Changes, int Snapshots)
{
    public double RateRatio => Changing.PerSecond / Quiet.PerSecond;

    public double CpuRatio => Changing.CpuUs / Quiet.CpuUs;
}

/// <summary>Time from asking for a kind of change to its answer, under load.</summary>
internal sealed record ChangeTime(string Kind, int Count, double MedianMs, double MostMs);

/// <summary>What lifecycle changes cost under full load.</summary>
internal sealed record LifecycleResults(
    Machine Machine, double AskedPerSecond, int Deployments, int Connections, IReadOnlyList<TurnPair> Pairs,
    IReadOnlyList<ChangeTime> Changes)
{
    /// <summary>The gateway's processor time for one change while nothing else is asked of it, in milliseconds.</summary>
    public double AloneCpuMs { get; init; }

    /// <summary>Share of this machine's processor time that changes take at the rate at which they were made.</summary>
    public double AloneShare => AloneCpuMs / 1000 * ChangesPerSecond / Machine.Cores;

    public double ChangesPerSecond => Pairs.Sum(p => p.Changes) / Pairs.Sum(p => p.Changing.Seconds);

    public double SnapshotsPerSecond => Pairs.Sum(p => p.Snapshots) / Pairs.Sum(p => p.Changing.Seconds);

    /// <summary>Rate with changes over the rate without.</summary>
    public Spread RateRatio => Spread.Of(Pairs.Select(p => p.RateRatio));

    /// <summary>The gateway's processor time a request with changes over without.</summary>
    public Spread CpuRatio => Spread.Of(Pairs.Select(p => p.CpuRatio));

    /// <summary>Requests that were not answered with 200, or not at all.</summary>
    public long Failed => Pairs.Sum(p => p.Quiet.NotOk + p.Quiet.Broken + p.Changing.NotOk + p.Changing.Broken);

    public string ToJson() => JsonSerializer.Serialize(this, LifecycleJson.Default.LifecycleResults);

    public string ToMarkdown()
    {
        var page = new StringBuilder();
        page.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Machine.Date}; {Machine.Processor}, {Machine.Cores} cores; {Connections} connections, {Deployments} "
            + $"deployments in the fleet; {ChangesPerSecond:0.0} changes and {SnapshotsPerSecond:0.0} snapshots of the fleet "
            + $"a second; "
            + $"{Pairs.Count} pairs of turns of {Pairs[0].Quiet.Seconds:0} s."));
        page.AppendLine();
        page.AppendLine("| | without | with changes | ratio: median | quartiles | range |");
        page.AppendLine("|---|---|---|---|---|---|");
        Row("requests/s", p => p.PerSecond, "#,0", RateRatio);
        Row("gateway CPU µs each", p => p.CpuUs, "0.0", CpuRatio);
        Row("p50 µs", p => p.P50Us, "#,0", Spread.Of(Pairs.Select(p => p.Changing.P50Us / p.Quiet.P50Us)));
        Row("p99 µs", p => p.P99Us, "#,0", Spread.Of(Pairs.Select(p => p.Changing.P99Us / p.Quiet.P99Us)));
        page.AppendLine();
        page.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Failed} requests failed of {Pairs.Sum(p => p.Quiet.Requests + p.Changing.Requests):#,0}."));
        page.AppendLine();
        page.AppendLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Without load a change costs the gateway {AloneCpuMs:0.0} ms of processor time, with all that follows from it: at "
            + $"this rate {AloneShare:P1} of the machine's."));
        page.AppendLine();
        page.AppendLine("| change | made | median ms to its answer | longest |");
        page.AppendLine("|---|---|---|---|");
        foreach (ChangeTime change in Changes)
        {
            page.AppendLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {change.Kind} | {change.Count} | {change.MedianMs:0.0} | {change.MostMs:0.0} |"));
        }

        return page.ToString();

        void Row(string name, Func<WrkRun, double> value, string format, Spread ratio)
        {
            string Middle(IEnumerable<WrkRun> runs) =>
                Spread.Of(runs.Select(value)).Median.ToString(format, CultureInfo.InvariantCulture);
            page.AppendLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {name} | {Middle(Pairs.Select(p => p.Quiet))} | {Middle(Pairs.Select(p => p.Changing))} | "
                + $"**{ratio.Median:0.000}x** | {ratio.LowQuartile:0.000} to {ratio.HighQuartile:0.000} | "
                + $"{ratio.Least:0.000} to {ratio.Most:0.000} |"));
        }
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LifecycleResults))]
internal sealed partial class LifecycleJson : JsonSerializerContext;
