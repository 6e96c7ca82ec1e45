using System.Net;
using System.Text.Json;
using Xunit;
using static Forebay.FunctionalTests.Emulator.EmulatorFixture;

namespace Forebay.FunctionalTests.Emulator;

[Collection(nameof(EmulatorFixture))]
public sealed class DialectTests(EmulatorFixture emulator)
{
    private const string Tool = """
        {"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":2}}}
        """;

    [Fact]
    public async Task A_messages_stream_has_every_event_in_order_and_exact_usage()
    {
        using HttpResponseMessage response = await emulator.PostAsync(
            emulator.Fast, "/v1/messages",
            Messages("This prompt is forty bytes, ten tokens..", stream: true), tokens: 7);

        Assert.Equal("forebay-engine", response.Headers.GetValues("x-emulator").Single());
        var events = await EventsOf(response);
        string[] expected = ["message_start", "content_block_start", "ping",
            .. Enumerable.Repeat("content_block_delta", 7), "content_block_stop", "message_delta", "message_stop"];
        Assert.Equal(expected, events.Select(e => e.Name));
        Assert.All(events, e => Assert.Equal(e.Name, Parse(e.Data).GetProperty("type").GetString()));
        JsonElement start = JsonDocument.Parse(events[0].Data).RootElement.GetProperty("message").GetProperty("usage");
        Assert.Equal(10, start.GetProperty("input_tokens").GetInt32());
        JsonElement delta = JsonDocument.Parse(events[^2].Data).RootElement;
        Assert.Equal("end_turn", delta.GetProperty("delta").GetProperty("stop_reason").GetString());
        Assert.Equal(7, delta.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        string text = string.Concat(events.Where(e => e.Name == "content_block_delta").Select(
            e => JsonDocument.Parse(e.Data).RootElement.GetProperty("delta").GetProperty("text").GetString()));
        Assert.Equal(28, text.Length);
    }

    [Fact]
    public async Task A_completions_stream_begins_with_the_role_and_ends_with_usage_and_done()
    {
        using HttpResponseMessage response = await emulator.PostAsync(
            emulator.Fast, "/v1/chat/completions",
            Messages("hello", stream: true, """,  "stream_options":{"include_usage":true}"""), tokens: 5);

        var events = await EventsOf(response);
        Assert.Equal("[DONE]", events[^1].Data);
        JsonElement[] chunks = [.. events.SkipLast(1).Select(e => JsonDocument.Parse(e.Data).RootElement)];
        Assert.Equal(1 + 5 + 1 + 1, chunks.Length);
        Assert.Single(chunks.Select(c => c.GetProperty("id").GetString()).Distinct());
        Assert.Equal("assistant", Delta(chunks[0]).GetProperty("role").GetString());
        Assert.All(chunks.SkipLast(1), c => Assert.Equal(JsonValueKind.Null, c.GetProperty("usage").ValueKind));
        Assert.Equal("stop", chunks[^2].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(0, chunks[^1].GetProperty("choices").GetArrayLength());
        Assert.Equal(2, chunks[^1].GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(5, chunks[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    public async Task The_same_prompt_gives_the_same_answer_streamed_or_whole(string path)
    {
        string prompt = "Same prompt for " + path;
        using HttpResponseMessage whole = await emulator.PostAsync(emulator.Fast, path, Messages(prompt));
        JsonElement answer = await JsonOf(whole);
        using HttpResponseMessage streamed =
            await emulator.PostAsync(emulator.Fast, path, Messages(prompt, stream: true));
        var events = await EventsOf(streamed);

        bool messages = path == "/v1/messages";
        string text = messages
            ? answer.GetProperty("content")[0].GetProperty("text").GetString()!
            : answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        int tokens = answer.GetProperty("usage")
            .GetProperty(messages ? "output_tokens" : "completion_tokens").GetInt32();
        string pieces = string.Concat(events.Where(e => e.Data != "[DONE]").Select(e => Parse(e.Data))
            .Select(e => messages
                ? e.TryGetProperty("delta", out JsonElement d) && d.TryGetProperty("text", out JsonElement t)
                    ? t.GetString()
                    : ""
                : Delta(e).TryGetProperty("content", out JsonElement c) ? c.GetString() : ""));
        Assert.Equal(text, pieces);
        Assert.Equal(tokens * 4, text.Length);
    }

    [Fact]
    public async Task A_repeated_prefix_is_reported_as_cached_and_left_out_of_messages_input()
    {
        // 1,600 bytes are 400 tokens are 25 blocks; the last block is always computed.
        string text = string.Concat(Enumerable.Range(0, 160).Select(i => $"prefix {i:000}"));
        using HttpResponseMessage first = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages(text), tokens: 1);
        using HttpResponseMessage second = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages(text + "and four"), tokens: 1);
        using HttpResponseMessage third = await emulator.PostAsync(
            emulator.Fast, "/v1/chat/completions", Messages(text), tokens: 1);

        JsonElement one = (await JsonOf(first)).GetProperty("usage");
        JsonElement two = (await JsonOf(second)).GetProperty("usage");
        JsonElement three = (await JsonOf(third)).GetProperty("usage");
        Assert.Equal((400, 0), Input(one));
        Assert.Equal((2, 400), Input(two));
        Assert.Equal(400, three.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(384, three.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32());

        static (int, int) Input(JsonElement usage) =>
            (usage.GetProperty("input_tokens").GetInt32(), usage.GetProperty("cache_read_input_tokens").GetInt32());
    }

    [Fact]
    public async Task Prompt_text_is_tools_then_system_then_messages_whatever_the_order_of_keys()
    {
        const string one = """
            {"model":"m-70b","system":"be brief, please","tools":[{"name":"t"}],
             "messages":[{"role":"user","content":"caf\u00e9 \ud83d\ude00"}],"max_tokens":9}
            """;
        const string two = """
            {"max_tokens":9,"messages":[{"content":[{"type":"text","text":"café 😀"}],"role":"user"}],
             "tools":[{"name":"t"}],"system":[{"type":"text","text":"be brief, please"}],"model":"m-70b"}
            """;
        using HttpResponseMessage first = await emulator.PostAsync(emulator.Fast, "/v1/messages", one);
        using HttpResponseMessage second = await emulator.PostAsync(emulator.Fast, "/v1/messages", two);
        using HttpResponseMessage count = await emulator.PostAsync(emulator.Fast, "/v1/messages/count_tokens", one);

        JsonElement a = await JsonOf(first);
        JsonElement b = await JsonOf(second);

        // 14 bytes of tools, 16 of system, 5 + 1 + 4 of text: 40 bytes.
        Assert.Equal(10, a.GetProperty("usage").GetProperty("input_tokens").GetInt32());
        Assert.Equal(10, (await JsonOf(count)).GetProperty("input_tokens").GetInt32());
        Assert.Equal(a.GetProperty("content")[0].GetRawText(), b.GetProperty("content")[0].GetRawText());
    }

    [Theory]
    [InlineData(""", "tool_choice":"required" """, 0)]
    [InlineData(""", "tool_choice":{"type":"function","function":{"name":"forecast"}}""", 1)]
    public async Task A_forced_tool_is_called_in_completions_with_arguments_of_its_schema(string choice, int at)
    {
        string tools = $$"""
            , "tools":[{"type":"function","function":{"name":"weather","parameters":{{Tool}} } },
                       {"type":"function","function":{"name":"forecast","parameters":{{Tool}} } }]{{choice}}
            """;
        using HttpResponseMessage whole = await emulator.PostAsync(
            emulator.Fast, "/v1/chat/completions", Messages("?", more: tools));
        using HttpResponseMessage streamed = await emulator.PostAsync(
            emulator.Fast, "/v1/chat/completions", Messages("?", stream: true, tools));

        JsonElement first = (await JsonOf(whole)).GetProperty("choices")[0];
        JsonElement call = first.GetProperty("message").GetProperty("tool_calls")[0].GetProperty("function");
        Assert.Equal("tool_calls", first.GetProperty("finish_reason").GetString());
        Assert.Equal(at == 0 ? "weather" : "forecast", call.GetProperty("name").GetString());
        JsonElement arguments = JsonDocument.Parse(call.GetProperty("arguments").GetString()!).RootElement;
        Assert.Equal(JsonValueKind.String, arguments.GetProperty("city").ValueKind);
        Assert.Equal(2, arguments.GetProperty("days").GetInt32());
        string pieces = string.Concat((await EventsOf(streamed)).Where(e => e.Data != "[DONE]")
            .Select(e => Delta(JsonDocument.Parse(e.Data).RootElement))
            .Where(d => d.TryGetProperty("tool_calls", out _))
            .Select(d => d.GetProperty("tool_calls")[0].GetProperty("function").GetProperty("arguments").GetString()));
        Assert.Equal(call.GetProperty("arguments").GetString(), pieces);
    }

    [Fact]
    public async Task A_forced_tool_is_streamed_in_messages_in_fragments_that_make_its_input()
    {
        string tools = $$""", "tools":[{"name":"weather","input_schema":{{Tool}} }],"tool_choice":{"type":"any"}""";
        using HttpResponseMessage streamed = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages("?", stream: true, tools));
        using HttpResponseMessage whole = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages("?", more: tools));

        JsonElement[] events = [.. (await EventsOf(streamed)).Select(e => JsonDocument.Parse(e.Data).RootElement)];
        JsonElement block = events[1].GetProperty("content_block");
        Assert.Equal("tool_use", block.GetProperty("type").GetString());
        Assert.Equal("{}", block.GetProperty("input").GetRawText());
        string[] parts = [.. events.Where(e => e.GetProperty("type").GetString() == "content_block_delta")
            .Select(e => e.GetProperty("delta").GetProperty("partial_json").GetString()!)];
        Assert.Equal("", parts[0]);
        Assert.True(parts.Length > 3);
        JsonElement input = (await JsonOf(whole)).GetProperty("content")[0].GetProperty("input");
        Assert.Equal(input.GetRawText(), string.Concat(parts));
        Assert.Equal("tool_use", events[^2].GetProperty("delta").GetProperty("stop_reason").GetString());
    }

    [Fact]
    public async Task Limits_and_stop_sequences_end_an_answer_and_say_so()
    {
        string body = Messages("stop test", more: """, "stop_sequences":["zzz", ": "]""");
        using HttpResponseMessage stopped = await emulator.PostAsync(emulator.Fast, "/v1/messages", body, tokens: 50);
        using HttpResponseMessage cut = await emulator.PostAsync(
            emulator.Fast, "/v1/chat/completions",
            """{"model":"m-70b","max_completion_tokens":3,"messages":[{"role":"user","content":"x"}]}""", tokens: 50);

        JsonElement one = await JsonOf(stopped);
        JsonElement two = await JsonOf(cut);
        Assert.Equal("stop_sequence", one.GetProperty("stop_reason").GetString());
        Assert.Equal(": ", one.GetProperty("stop_sequence").GetString());
        Assert.Equal(10, one.GetProperty("content")[0].GetProperty("text").GetString()!.Length);
        Assert.Equal(3, one.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        Assert.Equal("length", two.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(3, two.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Theory]
    [InlineData("/v1/messages", "{\"model\":", 400)]
    [InlineData("/v1/messages", "[]", 400)]
    [InlineData("/v1/messages", """{"model":"m-70b","messages":[{"role":"user","content":"x"}]}""", 400)]
    [InlineData("/v1/messages", """{"model":"other","max_tokens":5,"messages":[{"role":"user","content":"x"}]}""", 404)]
    [InlineData("/v1/messages", """{"model":"m-70b","max_tokens":5,"messages":[]}""", 400)]
    [InlineData("/v1/messages", """{"model":"m-70b","max_tokens":5,"messages":[{"content":"x"}]}""", 400)]
    [InlineData("/v1/messages", """{"model":"m-70b","max_tokens":5,"messages":[{"role":"user","content":7}]}""", 400)]
    [InlineData("/v1/chat/completions", """{"model":7,"messages":[{"role":"user","content":"x"}]}""", 400)]
    [InlineData("/v1/chat/completions", """{"model":"other","messages":[{"role":"user","content":"x"}]}""", 404)]
    [InlineData("/v1/chat/completions", """{"model":"m-70b","max_tokens":-1,"messages":[]}""", 400)]
    [InlineData("/v1/chat/completions", """{"model":"m-70b","tool_choice":"required","messages":[]}""", 400)]
    [InlineData("/v1/nowhere", "{}", 404)]
    public async Task Bad_requests_are_answered_in_the_dialects_envelope(string path, string body, int status)
    {
        using HttpResponseMessage response = await emulator.PostAsync(emulator.Fast, path, body);

        Assert.Equal((HttpStatusCode)status, response.StatusCode);
        JsonElement error = await JsonOf(response);
        Assert.Equal(path == "/v1/messages", error.TryGetProperty("type", out _));
        Assert.NotEmpty(error.GetProperty("error").GetProperty("message").GetString()!);
    }

    [Fact]
    public async Task A_prompt_beyond_the_context_window_and_a_dialect_not_spoken_are_refused()
    {
        using HttpResponseMessage large = await emulator.PostAsync(
            emulator.Fast, "/v1/messages", Messages(new string('x', 4 * 32_768)));
        using HttpResponseMessage dialect = await emulator.PostAsync(
            emulator.AnthropicOnly, "/v1/chat/completions", Messages("x"));

        Assert.Equal(HttpStatusCode.BadRequest, large.StatusCode);
        Assert.Contains("32768 tokens", (await JsonOf(large)).GetProperty("error").GetProperty("message").GetString());
        Assert.Equal(HttpStatusCode.NotFound, dialect.StatusCode);
    }

    [Fact]
    public async Task Models_health_and_version_answer()
    {
        JsonElement models = JsonDocument.Parse(
            await emulator.Http.GetStringAsync(new Uri(emulator.Fast, "/v1/models?limit=1000"))).RootElement;
        using HttpResponseMessage health = await emulator.Http.GetAsync(new Uri(emulator.Fast, "/health"));

        Assert.Equal("list", models.GetProperty("object").GetString());
        Assert.Equal(Model, models.GetProperty("data")[0].GetProperty("id").GetString());
        Assert.Equal(Model, models.GetProperty("last_id").GetString());
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        Assert.Contains("version", await emulator.Http.GetStringAsync(new Uri(emulator.Fast, "/version")));
    }

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private static JsonElement Delta(JsonElement chunk)
    {
        JsonElement choices = chunk.GetProperty("choices");
        return choices.GetArrayLength() == 0 ? JsonDocument.Parse("{}").RootElement
            : choices[0].GetProperty("delta");
    }
}
