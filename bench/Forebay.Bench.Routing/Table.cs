using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Forebay.Simulation.Cells;

namespace Forebay.Bench.Routing;

/// <summary>All cells of the comparison, and what they say as Markdown.</summary>
internal sealed class Table(int seeds, int jobs)
{
    private static readonly double[] Loads = [0.6, 0.85, 1.0];
    private static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

    private readonly ConcurrentBag<CellFigures> _cells = [];

    public IReadOnlyList<CellFigures> Cells =>
    [
        .. _cells.OrderBy(c => c.Fleet, StringComparer.Ordinal).ThenBy(c => c.Trace, StringComparer.Ordinal)
            .ThenBy(c => c.Load).ThenBy(c => Rank(c.Policy)).ThenBy(c => c.Seed),
    ];

    public void Run(Setting setting)
    {
        var cells = from load in Loads
            from policy in CellPolicy.All
            from seed in Enumerable.Range(1, seeds)
            select (Load: load, Policy: policy, Seed: (ulong)seed);
        Parallel.ForEach(
            cells,
            new ParallelOptions { MaxDegreeOfParallelism = jobs },
            c => _cells.Add(setting.Run(c.Load, c.Policy, c.Seed)));
        Console.Error.WriteLine($"{setting.FleetName}, {setting.Trace.Name}: done");
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        foreach (IGrouping<(string Fleet, string Trace), CellFigures> setting in Cells.GroupBy(c => (c.Fleet, c.Trace)))
        {
            CellFigures one = setting.First();
            text.AppendLine(Plain, $"### {setting.Key.Fleet} fleet, {setting.Key.Trace}").AppendLine();
            text.AppendLine(
                Plain,
                $"Capacity {one.CapacityTokensPerSecond:N0} prompt and output tokens/s, "
                    + $"{one.SpeedUp / one.Load:0.0} times the trace's pace.").AppendLine();
            text.AppendLine("| load | policy | TTFT p50 | p90 | p99 | TPOT p50 | p90 | tokens/s out | good | hits | queued "
                + "| uneven |");
            text.AppendLine("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
            foreach (IGrouping<(double Load, string Policy), CellFigures> row in setting.GroupBy(c => (c.Load, c.Policy)))
            {
                Append(text, row.Key.Load, row.Key.Policy, [.. row.Select(c => c.Report)]);
            }

            text.AppendLine();
        }

        AppendVerdicts(text);
        return text.ToString();
    }

    private static void Append(StringBuilder text, double load, string policy, CellReport[] seeds)
    {
        string Ms(Func<CellReport, double> of) => Time(seeds.Average(of));
        text.AppendLine(
            Plain,
            $"| {load:0%} | {policy} | {Ms(r => r.TimeToFirstToken.P50Ms)} | {Ms(r => r.TimeToFirstToken.P90Ms)} | "
                + $"{Ms(r => r.TimeToFirstToken.P99Ms)} | {Ms(r => r.TimePerOutputToken.P50Ms)} | "
                + $"{Ms(r => r.TimePerOutputToken.P90Ms)} | {seeds.Average(r => r.OutputTokensPerSecond):N0} | "
                + $"{seeds.Average(r => r.GoodShare):0.0%} | {seeds.Average(r => r.PrefixHitShare):0.0%} | "
                + $"{Ms(r => r.Queued.MeanMs)} | {seeds.Average(r => r.Imbalance):0.00} |");
    }

    /// <summary>The product's policy over the best of the others, seed by seed; and over the one that reads the caches.
    /// </summary>
    private void AppendVerdicts(StringBuilder text)
    {
        text.AppendLine("### Predictive beside the best of the others").AppendLine();
        text.AppendLine("Ratios of the means over the seeds; below 1 is better for times, above 1 for tokens/s.")
            .AppendLine();
        text.AppendLine(
            "| fleet | trace | load | TTFT p50 | best other | TTFT p90 | best other | tokens/s | best other | hits | oracle |");
        text.AppendLine("|---|---|---|---:|---|---:|---|---:|---|---:|---:|");
        foreach (IGrouping<(string Fleet, string Trace, double Load), CellFigures> cell
            in Cells.GroupBy(c => (c.Fleet, c.Trace, c.Load)))
        {
            ILookup<string, CellReport> by = cell.ToLookup(c => c.Policy, c => c.Report);
            string[] others = [.. CellPolicy.All.Skip(2).Select(p => p.Name).Where(n => by[n].Any())];
            string Beside(Func<CellReport, double> of, bool less)
            {
                string best = less ? others.MinBy(o => by[o].Average(of))! : others.MaxBy(o => by[o].Average(of))!;
                return string.Create(Plain, $"{by[CellPolicy.All[0].Name].Average(of) / by[best].Average(of):0.00} | {best}");
            }

            text.AppendLine(
                Plain,
                $"| {cell.Key.Fleet} | {cell.Key.Trace} | {cell.Key.Load:0%} | {Beside(r => r.TimeToFirstToken.P50Ms, true)} | "
                    + $"{Beside(r => r.TimeToFirstToken.P90Ms, true)} | {Beside(r => r.OutputTokensPerSecond, false)} | "
                    + $"{by[CellPolicy.All[0].Name].Average(r => r.PrefixHitShare):0.0%} | "
                    + $"{by[CellPolicy.All[1].Name].Average(r => r.PrefixHitShare):0.0%} |");
        }
    }

    private static string Time(double ms) => ms switch
    {
        >= 10_000 => (ms / 1000).ToString("0.0 s", Plain),
        >= 1_000 => (ms / 1000).ToString("0.00 s", Plain),
        >= 100 => ms.ToString("0", Plain),
        _ => ms.ToString("0.0", Plain),
    };

    private static int Rank(string policy)
    {
        for (int i = 0; i < CellPolicy.All.Count; i++)
        {
            if (CellPolicy.All[i].Name == policy)
            {
                return i;
            }
        }

        return int.MaxValue;
    }
}
