using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Xunit;

namespace Forebay.UnitTests.Protocols.Writing;

public sealed class WritingTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 10, 0, 0, TimeSpan.Zero);

    private static string Written(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    [Fact]
    public void Errors_take_the_envelope_of_the_dialect()
    {
        Assert.Equal(
            """{"type":"error","error":{"type":"api_error","message":"a \"b\" <é>"},"request_id":"req_1"}""",
            Written(output => ErrorEnvelope.Write(
                output, WireDialect.Anthropic, "api_error", null, "a \"b\" <é>", "model", "req_1")));
        Assert.Equal(
            """{"error":{"message":"no such model","type":"a_type","param":"model","code":"a_code"}}""",
            Written(output => ErrorEnvelope.Write(
                output, WireDialect.OpenAi, "a_type", "a_code", "no such model", "model", "r")));
    }

    [Theory]
    [InlineData(WireDialect.Anthropic)]
    [InlineData(WireDialect.OpenAi)]
    public void An_error_event_is_one_event_that_the_observer_understands(WireDialect dialect)
    {
        string text = Written(output => ErrorEnvelope.WriteStreamEvent(
            output, dialect, "overloaded_error", "x", "try\nagain\ud800", null, "req_1"));
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var observer = new StreamObserver(dialect, default);

        Assert.True(SseFraming.TryReadEvent(bytes, out int length));
        Assert.Equal(bytes.Length, length);
        Assert.Equal(StreamEventKind.Error, observer.Observe(bytes, new ArrayBufferWriter<byte>(), out _));
        Assert.Equal("overloaded_error", observer.ErrorType);
        Assert.Equal("try\nagain\uFFFD", observer.ErrorMessage);
    }

    [Fact]
    public void Only_Anthropic_clients_are_pinged_and_only_after_the_start()
    {
        Assert.Equal(KeepAlive.Comment, KeepAlive.For(WireDialect.Anthropic, started: false));
        Assert.Equal(KeepAlive.Ping, KeepAlive.For(WireDialect.Anthropic, started: true));
        Assert.Equal(KeepAlive.Comment, KeepAlive.For(WireDialect.OpenAi, started: true));
        var observer = new StreamObserver(WireDialect.Anthropic, default);
        var unused = new ArrayBufferWriter<byte>();
        Assert.Equal(StreamEventKind.Comment, observer.Observe(KeepAlive.Comment.Span, unused, out _));
        Assert.Equal(StreamEventKind.Ping, observer.Observe(KeepAlive.Ping.Span, unused, out _));
    }

    [Fact]
    public void A_model_list_serves_both_dialects()
    {
        JsonNode list = JsonNode.Parse(Written(output => ModelList.Write(output, Cards("a", "b"), ModelPage.Whole)))!;
        JsonNode item = list["data"]![0]!;

        Assert.Equal("list", list["object"]!.GetValue<string>());
        Assert.False(list["has_more"]!.GetValue<bool>());
        Assert.Equal("a", list["first_id"]!.GetValue<string>());
        Assert.Equal("b", list["last_id"]!.GetValue<string>());
        Assert.Equal("model", item["object"]!.GetValue<string>());
        Assert.Equal("model", item["type"]!.GetValue<string>());
        Assert.Equal(Now.ToUnixTimeSeconds(), item["created"]!.GetValue<long>());
        Assert.Equal("2026-11-22T10:00:00Z", item["created_at"]!.GetValue<string>());
        Assert.Equal(200_000, item["max_input_tokens"]!.GetValue<long>());
        Assert.True(item.AsObject().ContainsKey("max_tokens"));
        Assert.Null(item["max_tokens"]);
        Assert.True(item["capabilities"]!["image_input"]!["supported"]!.GetValue<bool>());
        Assert.False(item["capabilities"]!["thinking"]!["supported"]!.GetValue<bool>());
    }

    [Theory]
    [InlineData("2", null, null, "ab", true)]
    [InlineData("2", "b", null, "cd", true)]
    [InlineData("2", "d", null, "e", false)]
    [InlineData("2", null, "e", "cd", true)]
    [InlineData("2", null, "b", "a", false)]
    [InlineData("2", "zz", null, "", false)]
    [InlineData("2", null, "zz", "", false)]
    [InlineData(null, null, null, "abcde", false)]
    public void Pages_go_both_ways(string? limit, string? after, string? before, string ids, bool hasMore)
    {
        Assert.True(ModelPage.TryParse(limit, after, before, out ModelPage page, out _));

        string found = string.Concat(
            page.Of(Cards("a", "b", "c", "d", "e"), out bool more).ToArray().Select(card => card.Id));

        Assert.Equal(ids, found);
        Assert.Equal(hasMore, more);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1001")]
    [InlineData("x")]
    public void A_bad_limit_is_named(string limit)
    {
        Assert.False(ModelPage.TryParse(limit, null, null, out _, out RequestProblem problem));
        Assert.Equal($"limit: must be a whole number from 1 to 1000 (found \"{limit}\")", problem.Message);
    }

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(-5, "0s")]
    [InlineData(0.2, "1ms")]
    [InlineData(6, "6ms")]
    [InlineData(1_000, "1s")]
    [InlineData(1_500, "1.5s")]
    [InlineData(90_000, "1m30s")]
    [InlineData(3_600_000, "1h0m0s")]
    [InlineData(3_661_020, "1h1m1.02s")]
    public void Durations_are_written_as_Go_does(double ms, string text) =>
        Assert.Equal(text, RateLimitHeaders.Duration(TimeSpan.FromMilliseconds(ms)));

    [Fact]
    public void Limits_are_told_in_the_headers_of_the_dialect()
    {
        var headers = new HeaderList([]);
        var limit = new RateLimit(40_000, 12_345, TimeSpan.FromMilliseconds(30_500));
        RateLimitHeaders.Set(ref headers, WireDialect.Anthropic, RateLimitUnit.InputTokens, limit, Now);
        RateLimitHeaders.Set(ref headers, WireDialect.OpenAi, RateLimitUnit.InputTokens, limit, Now);
        RateLimitHeaders.Set(ref headers, WireDialect.OpenAi, RateLimitUnit.Tokens, limit with { Remaining = -3 }, Now);

        Assert.Equal(
            [
                new("anthropic-ratelimit-input-tokens-limit", "40000"),
                new("anthropic-ratelimit-input-tokens-remaining", "12345"),
                new("anthropic-ratelimit-input-tokens-reset", "2026-11-22T10:00:31Z"),
                new("x-ratelimit-limit-tokens", "40000"),
                new("x-ratelimit-remaining-tokens", "0"),
                new("x-ratelimit-reset-tokens", "30.5s"),
            ],
            headers.Set);
    }

    [Fact]
    public void Counted_tokens_are_written() =>
        Assert.Equal("""{"input_tokens":12}""", Written(output => CountTokens.Write(output, 12)));

    private static ModelCard[] Cards(params string[] ids) =>
        [.. ids.Select(id => new ModelCard(id, id, Now, "us", 200_000, null, RequestFeatures.Images))];

    private readonly record struct HeaderList(List<KeyValuePair<string, string>> Set) : IHeaderSink
    {
        void IHeaderSink.Set(string name, string value) => Set.Add(new(name, value));
    }
}
