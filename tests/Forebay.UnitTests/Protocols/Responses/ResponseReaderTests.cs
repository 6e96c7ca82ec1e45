using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Responses;

public sealed class ResponseReaderTests
{
    private static ResponseFacts Read(WireDialect dialect, string body)
    {
        Assert.True(ResponseReader.TryRead(dialect, Encoding.UTF8.GetBytes(body), out ResponseFacts facts));
        return facts;
    }

    [Fact]
    public void An_Anthropic_message_is_read()
    {
        const string body = """
            {"type":"message","model":"up","content":[{"type":"text","text":"{\"usage\":1}"}],"stop_reason":"tool_use",
            "usage":{"input_tokens":10,"cache_read_input_tokens":3,"cache_creation_input_tokens":2,"output_tokens":7,
            "cache_creation":{"input_tokens":99}}}
            """;
        ResponseFacts facts = Read(WireDialect.Anthropic, body);

        Assert.Equal(new WireUsage(true, 10, 3, 2, 7), facts.Usage);
        Assert.Equal("tool_use", facts.StopReason);
        Assert.Equal("\"up\"", Encoding.UTF8.GetString(facts.ModelValue.Of(Encoding.UTF8.GetBytes(body))));
        Assert.False(facts.IsError || facts.IsUsageSuspect);
    }

    [Fact]
    public void An_OpenAI_completion_is_read()
    {
        ResponseFacts facts = Read(WireDialect.OpenAi, """
            {"object":"chat.completion","model":"up","choices":[{"message":{"content":"x"},"finish_reason":"stop"}],
            "error":null,"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,
            "prompt_tokens_details":{"cached_tokens":6}}}
            """);

        Assert.Equal(new WireUsage(true, 4, 6, 0, 4), facts.Usage);
        Assert.Equal("stop", facts.StopReason);
        Assert.False(facts.IsError);
    }

    [Theory]
    [InlineData(WireDialect.Anthropic, """{"type":"error","error":{"type":"api_error","message":"no"}}""")]
    [InlineData(WireDialect.Anthropic, """{"error":{"message":"no","type":"api_error","code":500}}""")]
    [InlineData(WireDialect.OpenAi, """{"error":{"message":"no","type":"api_error","param":null}}""")]
    public void An_error_envelope_is_told_whatever_its_status(WireDialect dialect, string body)
    {
        ResponseFacts facts = Read(dialect, body);

        Assert.True(facts.IsError);
        Assert.Equal("api_error", facts.ErrorType);
        Assert.Equal("no", facts.ErrorMessage);
        Assert.False(facts.Usage.Known);
    }

    [Fact]
    public void Counted_tokens_are_read() =>
        Assert.Equal(12, Read(WireDialect.Anthropic, """{"input_tokens":12}""").CountedInputTokens);

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("<html>")]
    [InlineData("""{"choices":[]""")]
    [InlineData("""{"choices":[]}}""")]
    [InlineData("""{"status":"ok"}""")]
    public void What_is_no_answer_of_the_dialect_is_refused(string body) =>
        Assert.False(ResponseReader.TryRead(WireDialect.OpenAi, Encoding.UTF8.GetBytes(body), out _));

    [Theory]
    [InlineData(WireDialect.Anthropic,
        """{"content":[],"model":"m","stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":-2}}""")]
    [InlineData(WireDialect.OpenAi,
        """{"choices":[{"finish_reason":"st\u006fp"}],"model":"m","error":null,"usage":{"prompt_tokens":1}}""")]
    public void Mutated_bodies_never_throw_and_what_is_read_is_JSON(WireDialect dialect, string sample)
    {
        byte[] original = Encoding.UTF8.GetBytes(sample);
        var random = new Random(7);
        int read = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] body = Mutation.Of(original, random);
            if (ResponseReader.TryRead(dialect, body, out ResponseFacts facts) && Utf8.IsValid(body))
            {
                read++;
                using JsonDocument document = JsonDocument.Parse(
                    body.AsSpan().StartsWith("\uFEFF"u8) ? body.AsMemory(3) : body);
                Assert.True(facts.ModelValue.IsEmpty || facts.ModelValue.Of(body)[0] == '"');
                Assert.True(facts.Usage is { Input: >= 0, Output: >= 0 });
            }
        }

        Assert.True(read > 1_000, $"{read} read");
    }
}
