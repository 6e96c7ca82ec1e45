using System.Text;
using System.Text.Json;
using Forebay.Simulation.Replay;
using Forebay.Simulation.Replay.Answers;
using Xunit;

namespace Forebay.UnitTests.Simulation.Replay.Answers;

public sealed class StreamedAnswerTests
{
    private static StreamedAnswer Play(ReplayDialect dialect, params (string Name, string Data)[] events)
    {
        var answer = StreamedAnswer.Of(dialect, keepText: true);
        long timestamp = 0;
        foreach ((string name, string data) in events)
        {
            answer.Accept(Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(data), ++timestamp);
        }

        return answer;
    }

    [Fact]
    public void An_anthropic_prompt_counts_its_cached_parts_and_output_is_cumulative()
    {
        StreamedAnswer answer = Play(
            ReplayDialect.Anthropic,
            ("message_start", """
                {"type":"message_start","message":{"usage":{"input_tokens":10,"cache_creation_input_tokens":5,
                "cache_read_input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":5},"output_tokens":1}}}
                """),
            ("content_block_start", """{"type":"content_block_start","index":0}"""),
            ("ping", """{"type":"ping"}"""),
            ("content_block_delta", """{"type":"content_block_delta","delta":{"text":"a"}}"""),
            ("content_block_delta", """{"type":"content_block_delta","delta":{"text":"b"}}"""),
            ("content_block_stop", "{}"),
            ("message_delta", """{"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":42}}"""),
            ("message_stop", """{"type":"message_stop"}"""));

        Assert.Equal(18, answer.InputTokens);
        Assert.Equal(42, answer.OutputTokens);
        Assert.Equal(4, answer.FirstPieceAt);
        Assert.Equal(5, answer.LastPieceAt);
        Assert.True(answer.Ended);
        Assert.Null(answer.Error);
    }

    [Fact]
    public void An_anthropic_error_event_fails_the_answer()
    {
        StreamedAnswer answer = Play(
            ReplayDialect.Anthropic,
            ("error", """{"type":"error","error":{"type":"overloaded_error","message":"Try later"}}"""));

        Assert.Equal(new ErrorEnvelope("overloaded_error", "Try later"), answer.Error);
        Assert.False(answer.Ended);
    }

    [Fact]
    public void An_openai_answer_starts_with_its_first_text_and_takes_usage_from_its_last_chunk()
    {
        StreamedAnswer answer = Play(
            ReplayDialect.OpenAi,
            ("", """{"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}"""),
            ("", """{"id":"1","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}"""),
            ("", """{"id":"1","choices":[{"index":0,"delta":{"content":"b"}}]}"""),
            ("", """{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"""),
            ("", """
                {"choices":[],"usage":{"prompt_tokens":18,"prompt_tokens_details":{"cached_tokens":3},
                "completion_tokens":42,"total_tokens":60}}
                """),
            ("", "[DONE]"));

        Assert.Equal(18, answer.InputTokens);
        Assert.Equal(42, answer.OutputTokens);
        Assert.Equal(2, answer.FirstPieceAt);
        Assert.Equal(3, answer.LastPieceAt);
        Assert.True(answer.Ended);
    }

    [Theory]
    [InlineData("""{"choices":[{"delta":{"reasoning_content":"hm"}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}""")]
    public void Reasoning_and_tool_calls_are_pieces_of_an_openai_answer_too(string chunk) =>
        Assert.Equal(1, Play(ReplayDialect.OpenAi, ("", chunk)).FirstPieceAt);

    [Fact]
    public void An_openai_error_chunk_fails_the_answer_and_its_code_goes_before_its_type()
    {
        StreamedAnswer answer = Play(
            ReplayDialect.OpenAi,
            ("", """{"error":{"message":"no room","type":"server_error","code":"overloaded","param":null}}"""));

        Assert.Equal(new ErrorEnvelope("overloaded", "no room"), answer.Error);
    }

    [Theory]
    [InlineData(ReplayDialect.Anthropic, "message_start")]
    [InlineData(ReplayDialect.OpenAi, "")]
    public void Data_that_is_not_json_is_told(ReplayDialect dialect, string name) =>
        Assert.ThrowsAny<JsonException>(() => Play(dialect, (name, "{\"choices\":")));

    [Fact]
    public void Both_dialects_tell_what_was_read_from_a_cache()
    {
        StreamedAnswer anthropic = Play(
            ReplayDialect.Anthropic,
            ("message_start", """{"message":{"usage":{"input_tokens":10,"cache_read_input_tokens":30}}}"""));
        StreamedAnswer openAi = Play(
            ReplayDialect.OpenAi,
            ("", """
                {"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":2,
                "prompt_tokens_details":{"cached_tokens":30},"completion_tokens_details":{"cached_tokens":7}}}
                """));

        Assert.Equal((40, 30), (anthropic.InputTokens, anthropic.CachedInputTokens));
        Assert.Equal((40, 30), (openAi.InputTokens, openAi.CachedInputTokens));
    }

    [Fact]
    public void The_text_is_kept_as_it_stands_in_json_for_the_next_turn()
    {
        StreamedAnswer anthropic = Play(
            ReplayDialect.Anthropic,
            ("content_block_delta", """{"index":0,"delta":{"type":"thinking_delta","thinking":"hidden"}}"""),
            ("content_block_delta", """{"index":1,"delta":{"type":"text_delta","text":"a \"b\"\n"}}"""),
            ("content_block_delta", """{"index":1,"delta":{"type":"text_delta","text":"c"}}"""));
        StreamedAnswer openAi = Play(
            ReplayDialect.OpenAi,
            ("", """{"choices":[{"delta":{"reasoning_content":"hidden"}}]}"""),
            ("", """{"choices":[{"delta":{"content":"a \"b\"\n"}}]}"""),
            ("", """{"choices":[{"delta":{"content":"c"}}]}"""));

        Assert.Equal("a \\\"b\\\"\\nc", Encoding.UTF8.GetString(anthropic.Text!.WrittenSpan));
        Assert.Equal("a \\\"b\\\"\\nc", Encoding.UTF8.GetString(openAi.Text!.WrittenSpan));
    }
}
