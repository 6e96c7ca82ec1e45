using System.Text;
using System.Text.Json;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Traces;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay;

public sealed class ReplayPromptTests
{
    private const int BlockBytes = 2048;

    private static async Task<(string Role, string Text)[]> MessagesAsync(ReplayPrompt prompt, TraceRequest request)
    {
        using var content = new ReplayContent(ReplayDialect.OpenAi, "m", request, prompt);
        byte[] body = await content.ReadAsByteArrayAsync();
        Assert.Equal(content.Headers.ContentLength, body.Length);
        using var json = JsonDocument.Parse(body);
        return
        [
            .. json.RootElement.GetProperty("messages").EnumerateArray().Select(
                m => (m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!)),
        ];
    }

    private static async Task<string> WholeAsync(ulong runId, ulong number, TraceRequest request)
    {
        var prompt = new ReplayPrompt(runId, number);
        prompt.Begin(request);
        return Assert.Single(await MessagesAsync(prompt, request)).Text;
    }

    [Fact]
    public async Task Equal_blocks_are_equal_text_wherever_they_stand_and_others_differ_at_once()
    {
        string one = await WholeAsync(1, 1, new TraceRequest(0, 1300, 1) { Blocks = [7, 8, 9] });
        string two = await WholeAsync(1, 2, new TraceRequest(0, 2048, 1) { Blocks = [7, 8, 5, 9] });
        string elsewhere = await WholeAsync(2, 1, new TraceRequest(0, 1300, 1) { Blocks = [7, 8, 9] });

        Assert.Equal(1300 * 4, one.Length);
        Assert.Equal(one[..(2 * BlockBytes)], two[..(2 * BlockBytes)]);
        Assert.NotEqual(one.Substring(2 * BlockBytes, 64), two.Substring(2 * BlockBytes, 64));

        // The last block is cut to the prompt's length; what is left of it is the block's own text.
        Assert.Equal(one[(2 * BlockBytes)..], two.Substring(3 * BlockBytes, 276 * 4));
        Assert.NotEqual(one[..64], elsewhere[..64]);
    }

    [Fact]
    public async Task What_no_block_covers_is_text_of_the_request_alone()
    {
        string one = await WholeAsync(1, 1, new TraceRequest(0, 600, 1) { Blocks = [7] });
        string two = await WholeAsync(1, 2, new TraceRequest(0, 600, 1) { Blocks = [7] });

        Assert.Equal(2400, one.Length);
        Assert.Equal(one[..BlockBytes], two[..BlockBytes]);
        Assert.NotEqual(one.Substring(BlockBytes, 16), two.Substring(BlockBytes, 16));
    }

    [Fact]
    public async Task A_later_turn_repeats_the_conversation_with_the_answer_received_and_adds_new_text()
    {
        var prompt = new ReplayPrompt(1, 1);
        var first = new TraceRequest(0, 100, 5);
        prompt.Begin(first);
        string opening = Assert.Single(await MessagesAsync(prompt, first)).Text;
        prompt.Answered(Encoding.UTF8.GetBytes("said \\\"so\\\"\\n"));
        var second = new TraceRequest(0, 130, 9);
        prompt.Begin(second);
        (string Role, string Text)[] messages = await MessagesAsync(prompt, second);

        Assert.Equal(["user", "assistant", "user"], messages.Select(m => m.Role));
        Assert.Equal(opening, messages[0].Text);
        Assert.Equal("said \"so\"\n", messages[1].Text);
        Assert.Equal((130 - 100 - 5) * 4, messages[2].Text.Length);

        // An answer without text keeps its length, so the prompt is as long as the trace says.
        var third = new TraceRequest(0, 200, 1);
        prompt.Begin(third);
        messages = await MessagesAsync(prompt, third);
        Assert.Equal(5, messages.Length);
        Assert.Equal(9 * 4, messages[3].Text.Length);
    }

    [Fact]
    public async Task A_later_turn_with_blocks_has_their_text_as_its_prompt()
    {
        var prompt = new ReplayPrompt(1, 1);
        prompt.Begin(new TraceRequest(0, 512, 5) { Blocks = [1] });
        prompt.Answered("ignored"u8.ToArray());
        var second = new TraceRequest(3, 1024, 5) { Blocks = [1, 2] };
        prompt.Begin(second);

        Assert.Equal(
            await WholeAsync(1, 99, second), Assert.Single(await MessagesAsync(prompt, second)).Text);
    }
}
