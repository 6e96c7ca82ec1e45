using System.Text;
using System.Text.Json;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Traces;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay;

public sealed class PromptTextTests
{
    private static async Task<string> TextAsync(ulong runId, ulong number, int tokens)
    {
        var stream = new MemoryStream();
        await PromptText.WriteAsync(stream, PromptText.OfTurn(runId, number, 0), tokens, CancellationToken.None);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static ReplayContent Content(ReplayDialect dialect, string model, TraceRequest request)
    {
        var prompt = new ReplayPrompt(1, 2);
        prompt.Begin(request);
        return new ReplayContent(dialect, model, request, prompt);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1155)]
    [InlineData(100_000)]
    public async Task A_prompt_is_four_ascii_bytes_a_token(int tokens)
    {
        string text = await TextAsync(1, 2, tokens);

        Assert.Equal(4 * tokens, text.Length);
        Assert.All(text, c => Assert.True(c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or ' '));
    }

    [Fact]
    public async Task Prompts_differ_from_their_first_block_on_within_a_run_and_between_runs()
    {
        var openings = new HashSet<string>();
        for (ulong number = 0; number < 5000; number++)
        {
            Assert.True(openings.Add(await TextAsync(1, number, 16)));
            Assert.True(openings.Add(await TextAsync(2, number, 16)));
        }
    }

    [Theory]
    [InlineData(ReplayDialect.Anthropic)]
    [InlineData(ReplayDialect.OpenAi)]
    public async Task The_body_is_as_long_as_it_says_and_asks_for_what_the_trace_says(ReplayDialect dialect)
    {
        using var content = Content(dialect, "a \"model\"", new TraceRequest(0, 70_000, 7));
        byte[] body = await content.ReadAsByteArrayAsync();
        using var json = JsonDocument.Parse(body);
        JsonElement root = json.RootElement;

        Assert.Equal(content.Headers.ContentLength, body.Length);
        Assert.Equal("a \"model\"", root.GetProperty("model").GetString());
        Assert.Equal(7, root.GetProperty("max_tokens").GetInt32());
        Assert.True(root.GetProperty("stream").GetBoolean());
        Assert.Equal(280_000, root.GetProperty("messages")[0].GetProperty("content").GetString()!.Length);
        Assert.Equal(dialect == ReplayDialect.OpenAi, root.TryGetProperty("stream_options", out _));
    }

    [Fact]
    public async Task An_empty_request_of_a_trace_is_sent_as_one_token()
    {
        using var content = Content(ReplayDialect.OpenAi, "m", new TraceRequest(0, 0, 0));
        using var json = JsonDocument.Parse(await content.ReadAsByteArrayAsync());

        Assert.Equal(1, json.RootElement.GetProperty("max_tokens").GetInt32());
        Assert.Equal(4, json.RootElement.GetProperty("messages")[0].GetProperty("content").GetString()!.Length);
    }
}
