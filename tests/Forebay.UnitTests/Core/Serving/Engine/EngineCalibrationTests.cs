using System.Globalization;
using System.Text.Json;
using Forebay.Core.Capacity;
using Forebay.Core.Config;
using Forebay.Core.Serving;
using Forebay.Core.Serving.Engine;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Core.Serving.Engine;

/// <summary>Holds the model and its reference page against the published points.</summary>
public sealed class EngineCalibrationTests
{
    private const string Points = "data/inference-points.json";

    private static readonly Dictionary<string, Workload> Models = new()
    {
        ["llama2-70b"] = new(70, 163_840, 294.45, 0),
        ["llama3.1-405b"] = new(405, 258_048, 9428, 0),
        ["llama3.1-8b"] = new(8, 65_536, 778, 129),
    };

    private static readonly Accelerator A100 = new()
    {
        Name = "a100-80gb",
        Vendor = "NVIDIA",
        Bf16Tflops = new SourcedValue(312, "NVIDIA A100 datasheet"),
        HbmGb = new SourcedValue(80, "NVIDIA A100 datasheet"),
        HbmTbPerS = new SourcedValue(2.039, "NVIDIA A100 datasheet"),
        InterconnectDomain = new SourcedValue(8, "NVIDIA A100 datasheet"),
        ScaleUpGbPerS = new SourcedValue(300, "NVIDIA A100 datasheet"),
    };

    [Fact]
    public void Published_MLPerf_points_are_met_as_the_reference_page_says()
    {
        string page = Page();
        var errors = new List<double>();
        foreach (JsonElement point in Read("MLPerf").Where(p => p.TryGetProperty("tpot_ms_p50", out JsonElement t)
            && t.ValueKind == JsonValueKind.Number))
        {
            string name = Text(point, "model").Replace("-99", "", StringComparison.Ordinal);
            Accelerator? chip = ChipOf(Text(point, "accelerator"));
            if (chip is null || !Models.TryGetValue(name, out Workload? model))
            {
                continue;
            }

            int span = name != "llama3.1-405b" ? 1 : chip.Name == "H200-SXM" ? 8 : 4;
            double measured = Number(point, "tpot_ms_p50");
            double batch = Number(point, "tokens_per_s_per_gpu") * measured / 1000 * span;
            double output = model.Output > 0 ? model.Output : Number(point, "mean_output_tokens");
            double prompts = model.Input / output;
            EngineParameters p = Parameters(chip, name, Text(point, "precision"), span);
            double ms = p.StepPs(
                (int)Math.Round(batch),
                (int)Math.Round(batch * (1 + prompts)),
                (long)(batch * (model.Input + output / 2)),
                (long)(batch * prompts * model.Input / 2)) / 1e9;
            errors.Add(Math.Abs(ms / measured - 1));
            string row = string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {Text(point, "scenario")} | {span} x {chip.Name} | {Text(point, "precision")} | "
                + $"{batch:F0} | {measured:F1} | {ms:F1} | {100 * (ms / measured - 1):+0;-0;+0}% |");
            Assert.True(page.Contains(row, StringComparison.Ordinal), $"The page lacks: {row}");
        }

        Assert.Equal(16, errors.Count);
        Assert.InRange(errors.Average(), 0, 0.075);
        Assert.InRange(errors.Max(), 0, 0.25);
    }

    [Fact]
    public void Splitwise_points_are_met_as_the_reference_page_says()
    {
        string page = Page();
        var groups = Read("Splitwise")
            .Where(p => Text(p, "model") == "llama2-70b"
                && !Text(p, "accelerator").EndsWith("pcap", StringComparison.Ordinal))
            .GroupBy(p => (Span: (int)Number(p, "accelerators"), Chip: Text(p, "accelerator")));
        foreach (var group in groups)
        {
            Accelerator chip = group.Key.Chip.StartsWith("a100", StringComparison.Ordinal)
                ? A100
                : AcceleratorCatalogue.BuiltIn.Find("H100-SXM")!;
            EngineParameters p = Parameters(chip, "llama2-70b", "fp16", group.Key.Span);
            var decode = new List<double>();
            var prompt = new List<double>();
            foreach (JsonElement point in group)
            {
                int batch = (int)Number(point, "batch");
                long input = (long)Number(point, "input_tokens");
                double context = input + Number(point, "output_tokens") / 2;
                decode.Add(p.StepPs(batch, batch, (long)(batch * context), 0) / 1e9 / Number(point, "tpot_ms_p50") - 1);
                if (batch == 1)
                {
                    prompt.Add(p.StepPs(1, (int)input, 0, input * input / 2) / 1e9 / Number(point, "ttft_ms_p50") - 1);
                }
            }

            string row = string.Create(CultureInfo.InvariantCulture,
                $"| {group.Key.Span} x {group.Key.Chip} | {decode.Count} | {Median(decode)} | "
                + $"{prompt.Count} | {Median(prompt)} |");
            Assert.True(page.Contains(row, StringComparison.Ordinal), $"The page lacks: {row}");
        }
    }

    private static string Median(List<double> errors)
    {
        errors.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{100 * errors[errors.Count / 2]:+0;-0;+0}%");
    }

    private static EngineParameters Parameters(Accelerator chip, string name, string precision, int span)
    {
        double bytes = precision switch { "fp4" => 0.5, "fp8" => 1, _ => 2 };
        var model = new ModelConfig
        {
            Id = name,
            ContextTokens = 64,
            MaxOutputTokens = 64,
            ParametersBillion = Figure.Of(Models[name].Billion),
            BytesPerWeight = bytes,
            KvBytesPerToken = Figure.Of((decimal)Models[name].KvValues * (bytes == 2 ? 2 : 1)),
        };

        // Splitwise packed 70 GB of weights into 80 GB with a tenth left free; here only times matter.
        return EngineParameters.For(chip, model, span, EngineCalibration.Default with { MemoryShare = 0.98 });
    }

    private static Accelerator? ChipOf(string name) => AcceleratorCatalogue.BuiltIn.Find(
        name.Contains("GB200", StringComparison.Ordinal) ? "GB200-NVL72"
        : name.Contains("B200", StringComparison.Ordinal) ? "B200-SXM"
        : name.Contains("H200", StringComparison.Ordinal) ? "H200-SXM"
        : name.Contains("H100", StringComparison.Ordinal) ? "H100-SXM"
        : "none");

    private static string Page() =>
        File.ReadAllText(Path.Combine(SharedFiles.RepositoryRoot, "docs/reference/engine-model.md"));

    private static JsonElement[] Read(string source)
    {
        string? path = SharedFiles.Find(Points);
        Assert.SkipWhen(path is null, SharedFiles.SkipReason(Points));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path!));
        return [.. document.RootElement.GetProperty("points").EnumerateArray()
            .Where(p => Text(p, "source").StartsWith(source, StringComparison.Ordinal)).Select(p => p.Clone())];
    }

    private static string Text(JsonElement point, string name) => point.GetProperty(name).GetString() ?? "";

    private static double Number(JsonElement point, string name) => point.GetProperty(name).GetDouble();

    private sealed record Workload(decimal Billion, double KvValues, double Input, double Output);
}
