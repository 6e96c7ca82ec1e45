using System.Globalization;
using System.Text.Json;
using Forebay.Simulation.Cells;

namespace Forebay.Bench.Routing;

/// <summary>A cell's figures beside those of the same requests sent to the same fleet live, on emulated engines.</summary>
internal static class LiveComparison
{
    private const double Tolerance = 0.1;

    /// <summary>Prints the table; 0 when every figure is within a tenth.</summary>
    public static int Print(string twinFile, string liveFile)
    {
        CellReport twin = JsonSerializer.Deserialize(
            File.ReadAllText(twinFile), FiguresJson.Default.CellFigures)!.Report;
        using var document = JsonDocument.Parse(File.ReadAllText(liveFile));
        JsonElement live = document.RootElement;
        double Of(params string[] path) => path.Aggregate(live, (at, name) => at.GetProperty(name)).GetDouble();
        (string Name, double Twin, double Live)[] rows =
        [
            ("requests served", twin.Served, Of("requests", "succeeded")),
            ("TTFT p50, ms", twin.TimeToFirstToken.P50Ms, Of("time_to_first_token_ms", "p50")),
            ("TTFT p90, ms", twin.TimeToFirstToken.P90Ms, Of("time_to_first_token_ms", "p90")),
            ("TPOT p50, ms", twin.TimePerOutputToken.P50Ms, Of("time_per_output_token_ms", "p50")),
            ("TPOT p90, ms", twin.TimePerOutputToken.P90Ms, Of("time_per_output_token_ms", "p90")),
            ("tokens/s out", twin.OutputTokensPerSecond, Of("throughput", "output_tokens_per_second")),
            ("prefix hits, %", 100 * twin.PrefixHitShare, 100 * Of("tokens", "cached_input") / Of("tokens", "input")),
        ];
        Console.WriteLine("| figure | twin | live | live / twin |");
        Console.WriteLine("|---|---:|---:|---:|");
        bool within = true;
        foreach ((string name, double t, double l) in rows)
        {
            double ratio = t == 0 ? 1 : l / t;
            within &= Math.Abs(ratio - 1) <= Tolerance;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {t:0.#} | {l:0.#} | {ratio:0.000} |"));
        }

        Console.WriteLine(within ? "Every figure is within 10%." : "Not every figure is within 10%.");
        return within ? 0 : 1;
    }
}
