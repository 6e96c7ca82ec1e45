using System.Buffers;
using System.Text;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using Xunit;

namespace Forebay.UnitTests.Protocols.Continuation;

public sealed class StreamSeamTests
{
    private static readonly string Start = Answers.AnthropicStream[0];
    private static readonly string TextBlock = Answers.AnthropicStream[1];
    private static readonly string Stop = Answers.AnthropicStream[5];
    private static readonly string End = Answers.AnthropicStream[6] + Answers.AnthropicStream[7];

    private static string Delta(string text, int index = 0) => Answers.Named(
        "content_block_delta", $$$"""{"type":"content_block_delta","index":{{{index}}},"delta":{"type":"text_delta","text":"{{{text}}}"}}""");

    private static string StopOf(int index) => Answers.Named(
        "content_block_stop", $$"""{"type":"content_block_stop","index":{{index}}}""");

    private static string Tool(int index) => Answers.Named(
        "content_block_start", $$$$"""{"type":"content_block_start","index":{{{{index}}}},"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}""");

    private static (string Joined, bool Torn) Join(string sent, string rest, string whiteSpace = "", long textTokens = 1)
    {
        var soFar = new AnswerSoFar(WireDialect.Anthropic, new ArrayBufferWriter<byte>());
        var first = new StreamObserver(WireDialect.Anthropic, default);
        var last = new StreamObserver(WireDialect.Anthropic, default);
        foreach (byte[] one in Events(sent))
        {
            _ = first.Observe(one, new ArrayBufferWriter<byte>(), out _);
            soFar.Follow(one);
        }

        var usage = new ContinuedUsage(first.Usage, textTokens);
        StreamSeam seam = StreamSeam.Of(
            WireDialect.Anthropic, soFar, last, usage, Encoding.UTF8.GetBytes(whiteSpace));
        var output = new ArrayBufferWriter<byte>();
        foreach (byte[] one in Events(rest))
        {
            _ = last.Observe(one, new ArrayBufferWriter<byte>(), out _);
            _ = seam.Take(one, output);
        }

        return (Encoding.UTF8.GetString(output.WrittenSpan), seam.IsTorn);
    }

    private static IEnumerable<byte[]> Events(string text) => text
        .Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => Encoding.UTF8.GetBytes(e + "\n\n"));

    [Fact]
    public void The_head_is_left_out_and_the_text_goes_into_the_open_block()
    {
        (string joined, _) = Join(
            Start + TextBlock.Replace("\"index\":0", "\"index\":3") + Delta("Hel", 3),
            Start + TextBlock + Delta("lo") + Stop + End);

        Assert.StartsWith(Delta("lo", 3) + StopOf(3), joined);
        Assert.DoesNotContain("message_start", joined);
    }

    [Fact]
    public void A_call_that_follows_the_text_gets_the_next_index()
    {
        (string joined, _) = Join(
            Start + TextBlock + Delta("Let me see."), Start + TextBlock + Delta(" So") + Stop + Tool(1) + StopOf(1) + End);

        Assert.StartsWith(Delta(" So") + StopOf(0) + Tool(1) + StopOf(1), joined);
    }

    [Fact]
    public void A_call_that_comes_at_once_ends_the_open_block_first()
    {
        (string joined, _) = Join(Start + TextBlock + Delta("Let me see."), Start + Tool(0) + StopOf(0) + End);

        Assert.StartsWith(StopOf(0) + Tool(1) + StopOf(1), joined);
    }

    [Fact]
    public void An_answer_that_had_nothing_more_to_say_ends_the_open_block()
    {
        (string joined, _) = Join(Start + TextBlock + Delta("Done."), Start + End);

        Assert.StartsWith(StopOf(0) + "event: message_delta", joined);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" more")]
    public void After_a_block_that_had_ended_an_empty_one_says_nothing(string more)
    {
        (string joined, _) = Join(
            Start + TextBlock + Delta("Done.") + Stop,
            Start + TextBlock + (more.Length > 0 ? Delta(more) : "") + Stop + Tool(1) + StopOf(1) + End);

        string block = TextBlock.Replace("\"index\":0", "\"index\":1");
        Assert.StartsWith(
            more.Length > 0 ? block + Delta(more, 1) + StopOf(1) + Tool(2) + StopOf(2) : Tool(1) + StopOf(1), joined);
    }

    [Theory]
    [InlineData(" ", new[] { " lo" }, "lo")]
    [InlineData(" \n", new[] { " ", "\\n", "lo" }, "lo")]
    [InlineData(" \n", new[] { "\\u0020\\nlo" }, "lo")]
    [InlineData("\u3000", new[] { "\u3000lo" }, "lo")]
    [InlineData("\n", new[] { "\\n\\nlo" }, "\\nlo")]
    public void White_space_that_the_client_has_is_not_said_again(string seen, string[] deltas, string unseen)
    {
        (string joined, bool torn) = Join(
            Start + TextBlock + Delta("Hel"), Start + TextBlock + string.Concat(deltas.Select(d => Delta(d))) + Stop + End, seen);

        Assert.False(torn);
        Assert.StartsWith(Delta(unseen) + Stop, joined);
    }

    [Theory]
    [InlineData(" ", "lo")]
    [InlineData("\n\n", "\\n lo")]
    [InlineData("\n", " lo")]
    public void Text_that_does_not_go_on_with_the_clients_is_not_sent(string seen, string delta)
    {
        (string joined, bool torn) = Join(Start + TextBlock + Delta("Hel"), Start + TextBlock + Delta(delta) + Stop + End, seen);

        Assert.True(torn);
        Assert.Empty(joined);
    }

    [Fact]
    public void Both_parts_are_reported_and_the_prompt_once()
    {
        string first = Start;
        string second = Start.Replace("\"input_tokens\":10", "\"input_tokens\":17");
        string end = End.Replace("\"input_tokens\":null", "\"input_tokens\":17");

        (string joined, _) = Join(first + TextBlock + Delta("Hello"), second + TextBlock + Delta(" there") + Stop + end, "", 5);

        // The prompt grew by seven: that is what the text was, whatever was counted here.
        Assert.Contains("\"output_tokens\":12", joined);
        Assert.Contains("\"input_tokens\":10", joined);
    }

    [Theory]
    [InlineData(10, 0, 0, 17, 5, 12)]
    [InlineData(10, 0, 0, 9, 5, 10)]
    [InlineData(10, 0, 0, 5000, 5, 10)]
    public void A_text_is_counted_here_where_the_prompts_cannot_tell(
        long input, long read, long write, long second, long textTokens, long output)
    {
        var usage = new ContinuedUsage(new WireUsage(true, input, read, write, 1), textTokens);

        Assert.Equal(output, usage.Of(new WireUsage(true, second, 0, 0, 5)).Output);
    }

    [Fact]
    public void A_prompt_that_was_never_reported_is_what_is_left_of_the_last_ones()
    {
        var usage = new ContinuedUsage(default, 10);

        Assert.Equal(new WireUsage(true, 0, 20, 5, 14), usage.Of(new WireUsage(true, 6, 20, 9, 4)));
        Assert.False(usage.IsCounted(new WireUsage(true, 6, 20, 9, 4)));
    }
}
