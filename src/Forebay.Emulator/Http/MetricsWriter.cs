using System.Globalization;
using System.Text;
using System.Text.Json;
using Forebay.Core.Serving.Engine;
using Forebay.Emulator.Engine;

namespace Forebay.Emulator.Http;

/// <summary>The engines' metrics under vLLM's names, in Prometheus's text form. One engine label per replica.</summary>
internal static class MetricsWriter
{
    private static readonly (string Name, string Type, Func<EngineCounters, EngineMetrics, double> Read)[] Simple =
    [
        ("vllm:num_requests_running", "gauge", (c, _) => c.Running),
        ("vllm:num_requests_waiting", "gauge", (c, _) => c.Waiting),
        ("vllm:kv_cache_usage_perc", "gauge", (c, _) => (double)c.UsedBlocks / c.TotalBlocks),
        ("vllm:prompt_tokens_total", "counter", (c, _) => c.PromptTokens),
        ("vllm:generation_tokens_total", "counter", (c, _) => c.GeneratedTokens),
        ("vllm:num_preemptions_total", "counter", (c, _) => c.Preemptions),
        ("vllm:prefix_cache_queries_total", "counter", (c, _) => c.PrefixQueriedTokens),
        ("vllm:prefix_cache_hits_total", "counter", (c, _) => c.PrefixHitTokens),
    ];

    private static readonly (string Name, Func<EngineMetrics, Histogram> Read)[] Histograms =
    [
        ("vllm:time_to_first_token_seconds", m => m.TimeToFirstToken),
        ("vllm:inter_token_latency_seconds", m => m.InterTokenLatency),
        ("vllm:e2e_request_latency_seconds", m => m.EndToEnd),
        ("vllm:request_queue_time_seconds", m => m.Queue),
        ("vllm:request_prefill_time_seconds", m => m.Prefill),
        ("vllm:request_decode_time_seconds", m => m.Decode),
        ("vllm:request_prompt_tokens", m => m.PromptTokens),
        ("vllm:request_generation_tokens", m => m.GenerationTokens),
    ];

    public static string Write(EmulatedDeployment deployment)
    {
        (int Index, EnginePump Pump)[] engines = [.. deployment.Started];
        var text = new StringBuilder();
        string model = JsonEncodedText.Encode(deployment.Spec.Model).ToString();
        foreach ((string name, string type, Func<EngineCounters, EngineMetrics, double> read) in Simple)
        {
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {type}\n");
            foreach ((int index, EnginePump pump) in engines)
            {
                pump.Read((c, m) => Line(text, name, Labels(model, index), read(c, m)));
            }
        }

        text.Append("# TYPE vllm:request_success_total counter\n");
        foreach ((int index, EnginePump pump) in engines)
        {
            string labels = Labels(model, index);
            pump.Read((c, m) =>
            {
                Line(text, "vllm:request_success_total", labels + ",finished_reason=\"stop\"", c.Finished);
                Line(text, "vllm:request_success_total", labels + ",finished_reason=\"abort\"", m.Aborted);
            });
        }

        foreach ((string name, Func<EngineMetrics, Histogram> read) in Histograms)
        {
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} histogram\n");
            foreach ((int index, EnginePump pump) in engines)
            {
                pump.Read((_, m) => Lines(text, name, Labels(model, index), read(m)));
            }
        }

        return text.ToString();
    }

    private static string Labels(string model, int engine) =>
        string.Create(CultureInfo.InvariantCulture, $"model_name=\"{model}\",engine=\"{engine}\"");

    private static void Line(StringBuilder text, string name, string labels, double value) =>
        text.Append(CultureInfo.InvariantCulture, $"{name}{{{labels}}} {value}\n");

    private static void Lines(StringBuilder text, string name, string labels, Histogram histogram)
    {
        long below = 0;
        for (int i = 0; i < histogram.Bounds.Length; i++)
        {
            below += histogram.CountIn(i);
            Line(text, name + "_bucket",
                string.Create(CultureInfo.InvariantCulture, $"{labels},le=\"{histogram.Bounds[i]}\""), below);
        }

        Line(text, name + "_bucket", labels + ",le=\"+Inf\"", histogram.Count);
        Line(text, name + "_sum", labels, histogram.Sum);
        Line(text, name + "_count", labels, histogram.Count);
    }
}
