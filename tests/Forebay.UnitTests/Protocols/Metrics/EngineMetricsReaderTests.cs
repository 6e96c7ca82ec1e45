using System.Text;
using Forebay.Protocols.Metrics;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Protocols.Metrics;

public sealed class EngineMetricsReaderTests
{
    private const string Vllm = """
        # HELP vllm:num_requests_running Number of requests in model execution batches.
        # TYPE vllm:num_requests_running gauge
        vllm:num_requests_running{engine="0",model_name="a b, \"c} 7"} 3.0
        vllm:num_requests_running{engine="1",model_name="m"} 2.0
        vllm:num_requests_waiting{engine="0",model_name="m"} 4.0 1760000000000
        vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.9
        vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
        vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
        vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="1000",sliding_window="None"} 1.0
        vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="1",num_gpu_blocks="500"} 1.0
        vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="2",num_gpu_blocks="None"} 1.0
        vllm:gpu_prefix_cache_queries_total{engine="0",model_name="m"} 100.0
        vllm:prefix_cache_queries_total{engine="0",model_name="m"} 100.0
        vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.76e+09
        vllm:prefix_cache_hits_total{engine="0",model_name="m"} 25.0
        vllm:prompt_tokens_total{engine="0",model_name="m"} 8.128902e+06
        vllm:generation_tokens_total{engine="0",model_name="m"} 1000.0
        vllm:request_prompt_tokens_bucket{engine="0",le="1.0",model_name="m"} 12.0
        python_gc_objects_collected_total{generation="0"} 1500.0
        """;

    private const string Sglang = """
        # TYPE sglang:num_running_reqs gauge
        sglang:num_running_reqs{dp_rank="0",model_name="m",tp_rank="0",priority=""} 5
        sglang:num_running_reqs{dp_rank="0",model_name="m",tp_rank="0",priority="1"} 4
        sglang:num_running_reqs{dp_rank="0",model_name="m",tp_rank="1",priority=""} 5
        sglang:num_running_reqs{dp_rank="1",model_name="m",tp_rank="0",priority=""} 6
        sglang:num_queue_reqs{model_name="m"} 0
        sglang:token_usage{model_name="m"} 0.28
        sglang:max_total_num_tokens{model_name="m"} 445456
        sglang:cache_hit_rate{model_name="m"} 0.007507552643049313
        sglang:gen_throughput{model_name="m"} 86.5
        sglang:prompt_tokens_total{model_name="m"} 10
        """;

    private static EngineSample Read(string page)
    {
        var reader = new EngineMetricsReader();
        foreach (string line in page.Split('\n'))
        {
            reader.Read(Encoding.UTF8.GetBytes(line));
        }

        return reader.Sample();
    }

    [Fact]
    public void A_page_of_vllm_is_read_with_its_replicas_and_new_names_before_old()
    {
        EngineSample sample = Read(Vllm);

        Assert.True(sample.IsKnown);
        Assert.Equal((5, 4, 0.5), (sample.Running, sample.Waiting, sample.KvUsageShare));
        Assert.Equal(24_000, sample.KvCapacityTokens);
        Assert.Equal((100, 25), (sample.PrefixQueries, sample.PrefixHits));
        Assert.Equal((8_128_902, 1000), (sample.PromptTokens, sample.GenerationTokens));
        Assert.True(double.IsNaN(sample.PrefixHitShare) && double.IsNaN(sample.GenerationTokensPerSecond));
    }

    [Fact]
    public void The_names_of_an_older_vllm_are_known() =>
        Assert.Equal(0.9, Read("vllm:gpu_cache_usage_perc 0.9\nvllm:num_requests_running 1").KvUsageShare);

    [Fact]
    public void A_page_of_sglang_counts_each_request_once()
    {
        EngineSample sample = Read(Sglang);

        Assert.Equal((11, 0, 0.28), (sample.Running, sample.Waiting, sample.KvUsageShare));
        Assert.Equal(445_456, sample.KvCapacityTokens);
        Assert.Equal(0.0075, sample.PrefixHitShare, 4);
        Assert.Equal((86.5, 10), (sample.GenerationTokensPerSecond, sample.PromptTokens));
        Assert.True(double.IsNaN(sample.GenerationTokens));
    }

    [Fact]
    public void A_page_of_tgi_tells_its_batch_its_queue_and_tokens_as_sums_of_histograms()
    {
        EngineSample sample = Read(
            """
            # TYPE tgi_request_generated_tokens histogram
            tgi_request_generated_tokens_bucket{le="1"} 0
            tgi_request_generated_tokens_sum 8123
            tgi_request_generated_tokens_count 44
            tgi_request_input_length_sum 51000
            tgi_batch_current_max_tokens 2048
            # TYPE tgi_batch_current_size gauge
            tgi_batch_current_size 4
            tgi_queue_size 7
            """);

        Assert.Equal((4, 7), (sample.Running, sample.Waiting));
        Assert.Equal((51_000, 8123), (sample.PromptTokens, sample.GenerationTokens));
        Assert.True(double.IsNaN(sample.KvUsageShare));
    }

    [Fact]
    public void A_page_of_llama_cpp_is_known()
    {
        EngineSample sample = Read(
            """
            llamacpp:prompt_tokens_total 900
            llamacpp:tokens_predicted_total 39080
            llamacpp:tokens_predicted_seconds_total 1235.5
            llamacpp:predicted_tokens_seconds 128.5
            llamacpp:kv_cache_usage_ratio 0.25
            llamacpp:requests_processing 3
            llamacpp:requests_deferred 46
            """);

        Assert.Equal((3, 46, 0.25), (sample.Running, sample.Waiting, sample.KvUsageShare));
        Assert.Equal((900, 39_080, 128.5),
            (sample.PromptTokens, sample.GenerationTokens, sample.GenerationTokensPerSecond));
    }

    [Theory]
    [InlineData("")]
    [InlineData("vllm:num_requests_running")]
    [InlineData("vllm:num_requests_running ")]
    [InlineData("vllm:num_requests_running{")]
    [InlineData("vllm:num_requests_running{a=\"} 3")]
    [InlineData("vllm:num_requests_running{a=\"\\")]
    [InlineData("vllm:num_requests_running NaN")]
    [InlineData("vllm:num_requests_running +Inf")]
    [InlineData("vllm:num_requests_running -1")]
    [InlineData("vllm:num_requests_running 1e300")]
    [InlineData("vllm:num_requests_running 3,5")]
    [InlineData("vllm:num_requests_runningx 3")]
    [InlineData("vllm:num_requests_running 99999999999999999999999999999999999999999999999999")]
    [InlineData("<html>vllm:num_requests_running 3</html>")]
    public void What_is_no_figure_says_nothing(string line) => Assert.False(Read(line).IsKnown);

    [Fact]
    public void Damaged_pages_never_throw_and_figures_stay_in_bounds() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        byte[] page = Encoding.UTF8.GetBytes(random.Next(2) == 0 ? Vllm : Sglang);
        for (int i = 0; i < 1 + random.Next(40); i++)
        {
            page[random.Next(page.Length)] = (byte)random.Next(256);
        }

        var reader = new EngineMetricsReader();
        int from = 0;
        while (from < page.Length)
        {
            int length = random.Next(1, 120);
            reader.Read(page.AsSpan(from, Math.Min(length, page.Length - from)));
            from += length;
        }

        EngineSample sample = reader.Sample();
        return !(sample.Running < 0) && !(sample.KvUsageShare is < 0 or > 1) && !double.IsInfinity(sample.PromptTokens);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
}
