using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>What holds for every request, answer and stream.</summary>
public sealed class TranslationPropertyTests
{
    private const string Mixed = """
        data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

        data: {"choices":[{"index":0,"delta":{"reasoning_content":"h\u00e9\"m"},"finish_reason":null}]}

        data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"t","arguments":"{\"a\":"}}]}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","function":{"name":"u","arguments":"{\"b\":"}}]}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"}\\\"\"}"}}]}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"[1]}"}}]}}]}

        data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":9,"completion_tokens":4}}

        data: [DONE]


        """;

    private static readonly string[] Texts = ["a", "b\n\"c\"", "é😀", "\\u0041 \\", "data: x\n\n", "{\"k\":[1]}"];

    private static Random Of(int seed) => new(seed);

    private static string Text(Random random) => Texts[random.Next(Texts.Length)];

    /// <summary>A schema as Anthropic asks for it: that of an object.</summary>
    private static JsonObject Schema(Random random)
    {
        JsonObject schema = Arguments(random);
        schema["type"] = "object";
        return schema;
    }

    private static JsonObject Arguments(Random random, int depth = 0)
    {
        var value = new JsonObject();
        for (int i = random.Next(3); i > 0; i--)
        {
            value[$"k{i}{Text(random)}"] = random.Next(4) switch
            {
                0 => random.Next(100),
                1 => new JsonArray(true, null, 0.5),
                2 when depth < 3 => Arguments(random, depth + 1),
                _ => Text(random),
            };
        }

        return value;
    }

    /// <summary>A conversation that both dialects can hold, in the shape that translating there and back leaves: text
    /// alone as a string, results first in their turn.</summary>
    internal static JsonObject Conversation(Random random)
    {
        var messages = new JsonArray();
        for (int turn = random.Next(1, 4); turn > 0; turn--)
        {
            messages.Add(new JsonObject { ["role"] = "user", ["content"] = Content(random) });
            var blocks = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = Text(random) });
            var results = new JsonArray();
            int calls = random.Next(3);
            for (int i = 0; i < calls; i++)
            {
                string id = $"call_{turn}_{i}";
                blocks.Add(new JsonObject
                {
                    ["type"] = "tool_use", ["id"] = id, ["name"] = "t" + i, ["input"] = Arguments(random),
                });
                results.Add(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = id, ["content"] = Text(random) });
            }

            messages.Add(new JsonObject
            {
                ["role"] = "assistant", ["content"] = calls == 0 ? Text(random) : blocks,
            });
            if (calls > 0)
            {
                results.Add(new JsonObject { ["type"] = "text", ["text"] = Text(random) });
                messages.Add(new JsonObject { ["role"] = "user", ["content"] = results });
                messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = Text(random) });
            }
        }

        messages.Add(new JsonObject { ["role"] = "user", ["content"] = Text(random) });
        var body = new JsonObject
        {
            ["model"] = "m",
            ["max_tokens"] = random.Next(1, 1000),
            ["messages"] = messages,
        };
        if (random.Next(2) == 0)
        {
            body["system"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = Text(random) });
            body["temperature"] = 0.5;
            body["stop_sequences"] = new JsonArray(Text(random));
        }

        if (random.Next(2) == 0)
        {
            body["tools"] = new JsonArray(new JsonObject
            {
                ["name"] = "t0", ["description"] = Text(random), ["input_schema"] = Schema(random),
            });
            body["tool_choice"] = new JsonObject { ["type"] = "any", ["disable_parallel_tool_use"] = true };
        }

        return body;
    }

    private static JsonNode Content(Random random) => random.Next(3) switch
    {
        0 => new JsonArray(
            new JsonObject { ["type"] = "text", ["text"] = Text(random) },
            new JsonObject
            {
                ["type"] = "image",
                ["source"] = new JsonObject { ["type"] = "base64", ["media_type"] = "image/png", ["data"] = "AA==" },
            }),
        _ => Text(random),
    };

    [Fact]
    public void A_request_there_and_back_means_the_same() => Prop.ForAll<int>(seed =>
    {
        JsonObject body = Conversation(Of(seed));
        (string there, RequestTranslation first) = Translate.Request(WireDialect.Anthropic, body.ToJsonString());
        (string back, RequestTranslation second) = Translate.Request(WireDialect.OpenAi, there);
        Assert.Empty(first.Problems.Concat(second.Problems).Concat(first.Dropped).Concat(second.Dropped));
        Translate.Same(body.ToJsonString(), back);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_answer_there_and_back_means_the_same() => Prop.ForAll<int>(seed =>
    {
        Random random = Of(seed);
        var content = new JsonArray(
            new JsonObject { ["type"] = "thinking", ["thinking"] = Text(random), ["signature"] = "" },
            new JsonObject { ["type"] = "text", ["text"] = Text(random), ["citations"] = null });
        int calls = random.Next(3);
        for (int i = 0; i < calls; i++)
        {
            content.Add(new JsonObject
            {
                ["type"] = "tool_use",
                ["id"] = "toolu_" + i,
                ["name"] = "t",
                ["input"] = Arguments(random),
                ["caller"] = new JsonObject { ["type"] = "direct" },
            });
        }

        var message = new JsonObject
        {
            ["content"] = content,
            ["stop_reason"] = calls > 0 ? "tool_use" : "max_tokens",
            ["usage"] = new JsonObject { ["input_tokens"] = 7, ["cache_read_input_tokens"] = 2, ["output_tokens"] = 3 },
        };
        string there = Translate.Answer(WireDialect.Anthropic, message.ToJsonString())!;
        JsonNode back = JsonNode.Parse(Translate.Answer(WireDialect.OpenAi, there)!)!;
        Translate.Same(content.ToJsonString(), back["content"]!.ToJsonString());
        Assert.Equal(message["stop_reason"]!.GetValue<string>(), back["stop_reason"]!.GetValue<string>());
        Assert.Equal((7, 2, 3), (
            back["usage"]!["input_tokens"]!.GetValue<int>(),
            back["usage"]!["cache_read_input_tokens"]!.GetValue<int>(),
            back["usage"]!["output_tokens"]!.GetValue<int>()));
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(WireDialect.OpenAi)]
    [InlineData(WireDialect.Anthropic)]
    public void However_a_stream_is_cut_the_client_gets_the_same(WireDialect from)
    {
        byte[] stream = Encoding.UTF8.GetBytes(from == WireDialect.OpenAi ? Mixed : string.Concat(Answers.AnthropicStream));
        string whole = Translate.Stream(from, stream);

        Prop.ForAll<int>(seed => Translate.Stream(from, stream, Of(seed)) == whole).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_stream_there_and_back_says_the_same()
    {
        byte[] there = Encoding.UTF8.GetBytes(Translate.Stream(WireDialect.OpenAi, Encoding.UTF8.GetBytes(Mixed)));
        string back = Translate.Stream(WireDialect.Anthropic, there);

        var pieces = new Dictionary<string, string>();
        foreach (JsonNode chunk in Translate.DataOf(back).Where(c => c is JsonObject && c["choices"]!.AsArray().Count > 0))
        {
            JsonNode delta = chunk["choices"]![0]!["delta"]!;
            Add("text", delta["content"]);
            Add("reasoning", delta["reasoning_content"]);
            if (delta["tool_calls"]?[0] is { } call)
            {
                Add("call" + call["index"], call["function"]!["arguments"]);
            }

            Add("finish", chunk["choices"]![0]!["finish_reason"]);
        }

        Assert.Equal(
            new Dictionary<string, string>
            {
                ["text"] = "Hello",
                ["reasoning"] = "hé\"m",
                ["call0"] = "{\"a\":\"}\\\"\"}",
                ["call1"] = "{\"b\":[1]}",
                ["finish"] = "tool_calls",
            },
            pieces);

        void Add(string key, JsonNode? piece) =>
            pieces[key] = pieces.GetValueOrDefault(key, "") + (piece?.GetValue<string>() ?? "");
    }

    [Theory]
    [InlineData(WireDialect.OpenAi)]
    [InlineData(WireDialect.Anthropic)]
    public void A_mutated_stream_never_throws_and_only_whole_events_of_JSON_go_out(WireDialect from)
    {
        byte[] stream = Encoding.UTF8.GetBytes(from == WireDialect.OpenAi ? Mixed : string.Concat(Answers.AnthropicStream));
        var random = new Random(20261122);
        int whole = 0;
        for (int i = 0; i < 5_000; i++)
        {
            byte[] mutated = Mutation.Of(stream, random);
            string sent = Translate.Stream(from, mutated);
            // Bytes that are no UTF-8 pass as they would in the same dialect; all else must be JSON.
            _ = Translate.DataOf(sent);
            whole += sent.Contains("message_stop", StringComparison.Ordinal)
                || sent.Contains("[DONE]", StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.InRange(whole, 100, 4_999);
    }

    [Theory]
    [InlineData(WireDialect.OpenAi)]
    [InlineData(WireDialect.Anthropic)]
    public void A_mutated_request_never_throws_and_what_comes_out_is_a_request(WireDialect from)
    {
        string body = Conversation(new Random(5)).ToJsonString();
        byte[] original = Encoding.UTF8.GetBytes(
            from == WireDialect.Anthropic ? body : Translate.Request(WireDialect.Anthropic, body).Body);
        var random = new Random(20261122);
        int translated = 0;
        int refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            byte[] mutated = Mutation.Of(original, random);
            if (!RequestReader.TryRead(from, mutated, false, out _, out _))
            {
                continue;
            }

            (_, RequestTranslation result) = Translate.Request(from, mutated);
            translated += result.Problems.Count == 0 ? 1 : 0;
            refused += result.Problems.Count == 0 ? 0 : 1;
        }

        Assert.True(translated > 300 && refused > 50, $"{translated} translated, {refused} refused");
    }

    [Theory]
    [InlineData(WireDialect.OpenAi)]
    [InlineData(WireDialect.Anthropic)]
    public void A_mutated_answer_never_throws_and_what_comes_out_is_an_answer(WireDialect from)
    {
        byte[] original = Encoding.UTF8.GetBytes(
            from == WireDialect.Anthropic ? Answers.AnthropicMessage : Answers.OpenAiCompletion);
        var random = new Random(20261122);
        int translated = 0;
        for (int i = 0; i < 10_000; i++)
        {
            byte[] mutated = Mutation.Of(original, random);
            if (ResponseReader.TryRead(from, mutated, out ResponseFacts facts) && !facts.IsError
                && Translate.Answer(from, mutated) is { } answer)
            {
                translated++;
                Assert.True(
                    ResponseReader.TryRead(Translate.Other(from), Encoding.UTF8.GetBytes(answer), out _), answer);
            }
        }

        Assert.True(translated > 1_000, $"{translated} translated");
    }
}
