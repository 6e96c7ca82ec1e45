using System.Globalization;
using System.Text;
using Forebay.Core.Fleet;
using Forebay.Simulation.Fairness;

namespace Forebay.Bench.Routing;

/// <summary>Backlogged tenants on the fleet, in the fair queue and in order of arrival, as Markdown.</summary>
internal static class Fairness
{
    private const int Scale = 200;

    /// <summary>Places of a deployment: few enough that the queue decides who is served.</summary>
    private const int Places = 32;

    public static string ToMarkdown(FleetConfig fleet, int seeds)
    {
        FleetConfig crowded = fleet with
        {
            Deployments = [.. fleet.Deployments.Select(d => d with { MaxConcurrency = Places })],
        };
        IReadOnlyList<TenantLoad> tenants = TenantLoad.Contrast(Scale);
        var text = new StringBuilder();
        text.AppendLine("### Backlogged tenants").AppendLine();
        text.AppendLine("| tenant | weight | requests | mean prompt | mean answer |");
        text.AppendLine("|---|---:|---:|---:|---:|");
        foreach (TenantLoad t in tenants)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {t.Id} | {t.Weight} | {t.Requests:N0} | {t.InputTokens:N0} | {t.OutputTokens:N0} |");
        }

        text.AppendLine().AppendLine("| seed | queue | all wait, s | gap | bound | Jain index | tokens/s | of unfair |");
        text.AppendLine("|---:|---|---:|---:|---:|---:|---:|---:|");
        for (ulong seed = 1; seed <= (ulong)seeds; seed++)
        {
            FairnessReport unfair = FairnessRun.Run(crowded, tenants, seed, fair: false);
            foreach ((string name, FairnessReport r) in
                new[] { ("fair", FairnessRun.Run(crowded, tenants, seed, fair: true)), ("as they came", unfair) })
            {
                text.AppendLine(
                    CultureInfo.InvariantCulture,
                    $"| {seed} | {name} | {r.Seconds:0} | {r.Gap:N0} | {r.GapBound:N0} | {r.JainIndex:0.0000} | "
                        + $"{r.TokensPerSecond:N0} | {r.TokensPerSecond / unfair.TokensPerSecond:0.000} |");
            }
        }

        return text.ToString();
    }
}
