using System.Net;
using System.Text;
using System.Text.Json;
using Forebay.Emulator;
using Xunit;
using static Forebay.FunctionalTests.Emulator.EmulatorFixture;

namespace Forebay.FunctionalTests.Emulator;

[Collection(nameof(EmulatorFixture))]
public sealed class FaultTests(EmulatorFixture emulator)
{
    [Theory]
    [InlineData("429", 429, "rate_limit_error", null)]
    [InlineData("429-retry-after=2", 429, "rate_limit_error", 2)]
    [InlineData("500", 500, "api_error", null)]
    [InlineData("503", 503, "api_error", null)]
    [InlineData("529", 529, "overloaded_error", null)]
    public async Task Status_faults_come_in_the_dialects_envelope(
        string fault, int status, string type, int? retryAfter)
    {
        using HttpResponseMessage response =
            await emulator.PostAsync(emulator.Fast, "/v1/messages", Messages("x"), fault);
        using HttpResponseMessage other =
            await emulator.PostAsync(emulator.Fast, "/v1/chat/completions", Messages("x"), fault);

        Assert.Equal((HttpStatusCode)status, response.StatusCode);
        Assert.Equal((HttpStatusCode)status, other.StatusCode);
        Assert.Equal(type, (await JsonOf(response)).GetProperty("error").GetProperty("type").GetString());
        Assert.False((await JsonOf(other)).TryGetProperty("type", out _));
        Assert.Equal(retryAfter, (int?)response.Headers.RetryAfter?.Delta?.TotalSeconds);
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    public async Task Cut_closes_the_connection_after_so_many_events(string path)
    {
        using HttpResponseMessage response =
            await emulator.PostAsync(emulator.Fast, path, Messages("x", stream: true), "cut=5", tokens: 50);

        (string text, bool failed) = await ReadToEndAsync(response);
        Assert.True(failed);
        Assert.Equal(5, text.Split("\n\n").Length - 1);
    }

    [Fact]
    public async Task Half_event_ends_cleanly_in_the_middle_of_an_event()
    {
        using HttpResponseMessage response = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages("x", stream: true), "half-event=4", tokens: 50);

        (string text, bool failed) = await ReadToEndAsync(response);
        Assert.False(failed);
        string[] blocks = text.Split("\n\n");
        Assert.Equal(5, blocks.Length);
        Assert.ThrowsAny<JsonException>(() => JsonDocument.Parse(blocks[^1].Split("data: ")[1]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Garbage_is_neither_events_nor_JSON(bool stream)
    {
        using HttpResponseMessage response =
            await emulator.PostAsync(emulator.Fast, "/v1/messages", Messages("x", stream), "garbage", tokens: 5);

        byte[] body = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(body.AsSpan().IndexOf((byte)0xFF) >= 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Wrong_length_promises_more_than_it_sends(bool stream)
    {
        using HttpResponseMessage response =
            await emulator.PostAsync(emulator.Fast, "/v1/messages", Messages("x", stream), "wrong-length", tokens: 5);

        (string text, bool failed) = await ReadToEndAsync(response);
        Assert.True(failed);
        Assert.True(response.Content.Headers.ContentLength > text.Length);
    }

    [Fact]
    public async Task Empty_is_a_200_without_a_body()
    {
        using HttpResponseMessage response =
            await emulator.PostAsync(emulator.Fast, "/v1/messages", Messages("x"), "empty");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Stall_sends_so_many_events_and_then_nothing_until_the_client_leaves()
    {
        using HttpResponseMessage response =
            await emulator.PostAsync(emulator.Fast, "/v1/messages", Messages("x", stream: true), "stall=2", tokens: 50);
        using Stream body = await response.Content.ReadAsStreamAsync();
        using var reader = new StreamReader(body);
        int events = 0;
        while (events < 2)
        {
            events += string.IsNullOrEmpty(await reader.ReadLineAsync()) ? 1 : 0;
        }

        ValueTask<string?> next = reader.ReadLineAsync(CancellationToken.None);
        using HttpResponseMessage another =
            await emulator.PostAsync(emulator.Fast, "/v1/messages", Messages("y"), tokens: 500);
        await another.Content.ReadAsByteArrayAsync();
        Assert.False(next.IsCompleted);
    }

    [Fact]
    public async Task Slow_gives_the_same_answer()
    {
        using HttpResponseMessage quick = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages("slow"), tokens: 20);
        using HttpResponseMessage slow = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages("slow", stream: true), "slow=3", tokens: 20);

        string text = (await JsonOf(quick)).GetProperty("content")[0].GetProperty("text").GetString()!;
        string pieces = string.Concat((await EventsOf(slow)).Where(e => e.Name == "content_block_delta")
            .Select(e => JsonDocument.Parse(e.Data).RootElement.GetProperty("delta").GetProperty("text").GetString()));
        Assert.Equal(text, pieces);
    }

    [Fact]
    public async Task A_fault_of_the_spec_strikes_its_share_of_requests()
    {
        int failed = 0;
        for (int i = 0; i < 40; i++)
        {
            using HttpResponseMessage response =
                await emulator.PostAsync(emulator.Faulty, "/v1/messages", Messages("x"), tokens: 1);
            failed += response.StatusCode == HttpStatusCode.ServiceUnavailable ? 1 : 0;
        }

        Assert.InRange(failed, 8, 32);
    }

    [Fact]
    public async Task An_unknown_fault_is_refused_by_name()
    {
        using HttpResponseMessage response =
            await emulator.PostAsync(emulator.Fast, "/v1/messages", Messages("x"), "explode");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("explode", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_client_that_leaves_frees_the_engine_at_once()
    {
        using var leave = new CancellationTokenSource();
        using HttpResponseMessage response = await emulator.PostAsync(
            emulator.Slow, "/v1/messages", Messages("x", stream: true), tokens: 4000, cancellation: leave.Token);
        using Stream body = await response.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[100]);
        Assert.Equal(1, await emulator.MetricAsync(emulator.Slow, "vllm:num_requests_running"));

        await leave.CancelAsync();
        body.Close();

        // 4,000 tokens would take most of a minute; each look is a round trip, not a wait.
        double running = 1;
        for (int i = 0; i < 2_000 && running > 0; i++)
        {
            running = await emulator.MetricAsync(emulator.Slow, "vllm:num_requests_running");
        }

        Assert.Equal(0, running);
        Assert.Equal(0, await emulator.MetricAsync(emulator.Slow, "vllm:kv_cache_usage_perc"));
        string page = await emulator.Http.GetStringAsync(new Uri(emulator.Slow, "/metrics"));
        Assert.Contains("finished_reason=\"abort\"} 1", page);
    }

    [Fact]
    public async Task Metrics_are_well_formed_and_count_exactly()
    {
        double before = await emulator.MetricAsync(emulator.AnthropicOnly, "vllm:generation_tokens_total");
        Task<HttpResponseMessage>[] many = [.. Enumerable.Range(0, 12).Select(i =>
            emulator.PostAsync(emulator.AnthropicOnly, "/v1/messages", Messages($"m{i}"), tokens: 100))];
        foreach (HttpResponseMessage response in await Task.WhenAll(many))
        {
            Assert.Equal(100, (await JsonOf(response)).GetProperty("usage").GetProperty("output_tokens").GetInt32());
            response.Dispose();
        }

        double after = await emulator.MetricAsync(emulator.AnthropicOnly, "vllm:generation_tokens_total");
        Assert.Equal(1200, after - before);
        string page = await emulator.Http.GetStringAsync(new Uri(emulator.AnthropicOnly, "/metrics"));
        foreach (string line in page.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.Matches(
                "^(# TYPE vllm:[a-z0-9_]+ (gauge|counter|histogram)"
                + @"|vllm:[a-z0-9_]+\{([a-z_]+=""[^""]*"",?)+\} [0-9.eE+-]+)$",
                line);
        }

        Assert.Contains("vllm:time_to_first_token_seconds_bucket{model_name=\"m-70b\",engine=\"0\",le=\"+Inf\"}", page);
    }

    [Fact]
    public async Task A_spec_that_cannot_start_says_everything_at_once()
    {
        var spec = new EmulatorSpec
        {
            TimeScale = 0,
            Deployments =
            [
                new EmulatedDeploymentSpec { Id = "a", Model = "m", Accelerator = "H1000", Faults = ["bang"] },
                new EmulatedDeploymentSpec { Id = "a", Model = "m", Replicas = 0, Engine = Parameters },
            ],
        };

        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(
            () => EmulatorHost.StartAsync(spec, TimeProvider.System, CancellationToken.None));

        Assert.All((string[])["time_scale", "bang", "replicas", "is there 2 times", "give engine, or accelerator"],
            words => Assert.Contains(words, refused.Message, StringComparison.Ordinal));
    }

    private static async Task<(string Text, bool Failed)> ReadToEndAsync(HttpResponseMessage response)
    {
        var text = new StringBuilder();
        try
        {
            using Stream body = await response.Content.ReadAsStreamAsync();
            var buffer = new byte[4096];
            int read;
            while ((read = await body.ReadAsync(buffer)) > 0)
            {
                text.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }

            return (text.ToString(), false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (text.ToString(), true);
        }
    }
}
