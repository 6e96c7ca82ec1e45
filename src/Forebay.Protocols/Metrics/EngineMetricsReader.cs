using System.Buffers.Text;
using System.Text;

namespace Forebay.Protocols.Metrics;

/// <summary>
/// Reads the few metrics that matter off an engine's Prometheus page (text format 0.0.4, OpenMetrics alike), line by
/// line as it arrives: the names of vLLM, of its older versions, SGLang, TGI and llama.cpp. Whatever else is there is
/// passed over; hostile input can at worst make a value wrong, never anything grow. A line costs a look at its name.
/// </summary>
/// <remarks>
/// Replicas tell themselves apart by labels (<c>engine</c>, <c>dp_rank</c>) and are summed, shares averaged. SGLang's
/// ranks of tensor and pipeline parallelism (<c>tp_rank</c>, <c>pp_rank</c>) describe the same requests: rank 0 speaks
/// for all. Where it breaks a gauge down by <c>priority</c>, the series without one is the total. TGI tells tokens only
/// as the sums of histograms, and no KV memory. Where a page has a metric under its old and its new name, the new one
/// counts.
/// </remarks>
public sealed class EngineMetricsReader
{
    private static readonly (string Name, Figure Figure, byte Age)[] Known =
    [
        ("vllm:num_requests_running", Figure.Running, 0),
        ("vllm:num_requests_waiting", Figure.Waiting, 0),
        ("vllm:kv_cache_usage_perc", Figure.KvUsage, 0),
        ("vllm:gpu_cache_usage_perc", Figure.KvUsage, 1),
        ("vllm:cache_config_info", Figure.KvCapacity, 0),
        ("vllm:prefix_cache_queries", Figure.PrefixQueries, 0),
        ("vllm:prefix_cache_hits", Figure.PrefixHits, 0),
        ("vllm:gpu_prefix_cache_queries", Figure.PrefixQueries, 1),
        ("vllm:gpu_prefix_cache_hits", Figure.PrefixHits, 1),
        ("vllm:gpu_prefix_cache_hit_rate", Figure.HitShare, 1),
        ("vllm:prompt_tokens", Figure.PromptTokens, 0),
        ("vllm:generation_tokens", Figure.GenerationTokens, 0),
        ("sglang:num_running_reqs", Figure.Running, 0),
        ("sglang:num_queue_reqs", Figure.Waiting, 0),
        ("sglang:token_usage", Figure.KvUsage, 0),
        ("sglang:max_total_num_tokens", Figure.KvCapacity, 0),
        ("sglang:cache_hit_rate", Figure.HitShare, 0),
        ("sglang:gen_throughput", Figure.GenerationRate, 0),
        ("sglang:prompt_tokens", Figure.PromptTokens, 0),
        ("sglang:generation_tokens", Figure.GenerationTokens, 0),
        ("tgi_batch_current_size", Figure.Running, 0),
        ("tgi_queue_size", Figure.Waiting, 0),
        ("tgi_request_input_length_sum", Figure.PromptTokens, 0),
        ("tgi_request_generated_tokens_sum", Figure.GenerationTokens, 0),
        ("llamacpp:requests_processing", Figure.Running, 0),
        ("llamacpp:requests_deferred", Figure.Waiting, 0),
        ("llamacpp:kv_cache_usage_ratio", Figure.KvUsage, 0),
        ("llamacpp:prompt_tokens", Figure.PromptTokens, 0),
        ("llamacpp:tokens_predicted", Figure.GenerationTokens, 0),
        ("llamacpp:predicted_tokens_seconds", Figure.GenerationRate, 0),
    ];

    private static readonly byte[][] Names = [.. Known.Select(k => Encoding.ASCII.GetBytes(k.Name))];

    private readonly Sum[] _sums = new Sum[(int)Figure.GenerationRate + 1];

    private enum Figure : byte
    {
        Running,
        Waiting,
        KvUsage,
        KvCapacity,
        PrefixQueries,
        PrefixHits,
        HitShare,
        PromptTokens,
        GenerationTokens,
        GenerationRate,
    }

    /// <summary>Takes in one line, its end left out.</summary>
    public void Read(ReadOnlySpan<byte> line)
    {
        if (line.Length == 0 || line[0] is not ((byte)'v' or (byte)'s' or (byte)'t' or (byte)'l'))
        {
            return;
        }

        int nameEnd = line.IndexOfAny((byte)'{', (byte)' ', (byte)'\t');
        int at = nameEnd <= 0 ? -1 : Find(line[..nameEnd]);
        if (at < 0
            || !TrySplit(line[nameEnd..], out ReadOnlySpan<byte> labels, out double value))
        {
            return;
        }

        if (line.StartsWith("vllm:cache_config_info"u8))
        {
            // An information series: its labels say it, its value is always 1.
            value = NumberOf(labels, "num_gpu_blocks=\""u8) * NumberOf(labels, "block_size=\""u8);
        }

        if (CountsInto(labels) && double.IsFinite(value))
        {
            _sums[(int)Known[at].Figure].Add(value, Known[at].Age);
        }
    }

    /// <summary>What the lines so far said.</summary>
    public EngineSample Sample() => new()
    {
        Running = Total(Figure.Running),
        Waiting = Total(Figure.Waiting),
        KvUsageShare = Mean(Figure.KvUsage),
        KvCapacityTokens = Total(Figure.KvCapacity),
        PrefixQueries = Total(Figure.PrefixQueries),
        PrefixHits = Total(Figure.PrefixHits),
        PrefixHitShare = Mean(Figure.HitShare),
        PromptTokens = Total(Figure.PromptTokens),
        GenerationTokens = Total(Figure.GenerationTokens),
        GenerationTokensPerSecond = Total(Figure.GenerationRate),
    };

    /// <summary>Client libraries add <c>_total</c> to a counter's name.</summary>
    private static int Find(ReadOnlySpan<byte> name)
    {
        if (name.EndsWith("_total"u8))
        {
            name = name[..^"_total"u8.Length];
        }

        for (int i = 0; i < Names.Length; i++)
        {
            if (name.SequenceEqual(Names[i]))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Splits what follows the name: labels in braces, where there are any, the value, perhaps a time.
    /// </summary>
    private static bool TrySplit(ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> labels, out double value)
    {
        labels = default;
        value = 0;
        if (rest[0] == '{')
        {
            int end = EndOfLabels(rest);
            if (end < 0)
            {
                return false;
            }

            labels = rest[1..end];
            rest = rest[(end + 1)..];
        }

        rest = rest.TrimStart(" \t"u8);
        int space = rest.IndexOfAny((byte)' ', (byte)'\t', (byte)'\r');
        ReadOnlySpan<byte> number = space < 0 ? rest : rest[..space];

        // Counts are not negative; what is not finite says nothing.
        return number.Length is > 0 and <= 40
            && Utf8Parser.TryParse(number, out value, out int used)
            && used == number.Length
            && double.IsFinite(value)
            && value is >= 0 and <= 1e18;
    }

    /// <summary>The closing brace, outside quotes.</summary>
    private static int EndOfLabels(ReadOnlySpan<byte> text)
    {
        bool quoted = false;
        for (int i = 1; i < text.Length; i++)
        {
            if (quoted && text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == '"')
            {
                quoted = !quoted;
            }
            else if (text[i] == '}' && !quoted)
            {
                return i;
            }
        }

        return -1;
    }

    private static bool CountsInto(ReadOnlySpan<byte> labels) =>
        IsOneOf(labels, "tp_rank=\""u8, "0"u8)
        && IsOneOf(labels, "pp_rank=\""u8, "0"u8)
        && IsOneOf(labels, "priority=\""u8, default);

    /// <summary>Whether a label is absent, empty or has a value.</summary>
    private static bool IsOneOf(ReadOnlySpan<byte> labels, ReadOnlySpan<byte> label, ReadOnlySpan<byte> value)
    {
        ReadOnlySpan<byte> said = ValueOf(labels, label);
        return said.IsEmpty || said.SequenceEqual(value);
    }

    /// <summary>A label's value as a number of things; NaN where it is none.</summary>
    private static double NumberOf(ReadOnlySpan<byte> labels, ReadOnlySpan<byte> label)
    {
        ReadOnlySpan<byte> said = ValueOf(labels, label);
        return said.Length is > 0 and <= 10 && Utf8Parser.TryParse(said, out uint number, out int used)
            && used == said.Length && number > 0
                ? number
                : double.NaN;
    }

    /// <summary>A label's value; empty where it is absent.</summary>
    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> labels, ReadOnlySpan<byte> label)
    {
        int from = 0;
        while (labels[from..].IndexOf(label) is >= 0 and var at)
        {
            from += at + label.Length;
            int start = from - label.Length;
            if (start == 0 || labels[start - 1] is (byte)',' or (byte)' ')
            {
                ReadOnlySpan<byte> rest = labels[from..];
                int end = rest.IndexOf((byte)'"');
                return end <= 0 ? default : rest[..end];
            }
        }

        return default;
    }

    private double Total(Figure figure) => _sums[(int)figure].Total;

    private double Mean(Figure figure) => Math.Clamp(_sums[(int)figure].Mean, 0, 1);

    private struct Sum
    {
        private double _sum;
        private int _count;
        private byte _age;

        public readonly double Total => _count == 0 ? double.NaN : _sum;

        public readonly double Mean => _sum / _count;

        /// <summary>A newer name's value takes the place of an older one's.</summary>
        public void Add(double value, byte age)
        {
            if (_count == 0 || age < _age)
            {
                (_sum, _count, _age) = (value, 1, age);
            }
            else if (age == _age)
            {
                _sum += value;
                _count++;
            }
        }
    }
}
