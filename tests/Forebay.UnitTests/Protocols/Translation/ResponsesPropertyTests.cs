using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit.Upstreams;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>What holds for every request, answer and stream that is said in the Responses dialect, or was.</summary>
public sealed class ResponsesPropertyTests
{
    private static readonly WireDialect[] Others = [WireDialect.Anthropic, WireDialect.OpenAi];

    /// <summary>A conversation that both dialects can hold: stop sequences are Anthropic's alone.</summary>
    private static JsonObject Conversation(int seed)
    {
        JsonObject body = TranslationPropertyTests.Conversation(new Random(seed));
        body.Remove("stop_sequences");
        return body;
    }

    [Fact]
    public void A_request_there_and_back_means_the_same() => Prop.ForAll<int>(seed =>
    {
        JsonObject body = Conversation(seed);
        (string there, RequestTranslation first) = Translate.Request(
            WireDialect.Anthropic, body.ToJsonString(), WireDialect.Responses);
        (string back, RequestTranslation second) = Translate.Request(
            WireDialect.Responses, there, WireDialect.Anthropic);
        Assert.Empty(first.Problems.Concat(second.Problems).Concat(first.Dropped).Concat(second.Dropped));
        Translate.Same(body.ToJsonString(), back);
    }).QuickCheckThrowOnFailure();

    /// <summary>Round about: what chat completions and Responses say of a conversation is the same conversation.
    /// </summary>
    [Fact]
    public void A_request_by_way_of_chat_completions_means_the_same() => Prop.ForAll<int>(seed =>
    {
        JsonObject body = Conversation(seed);
        string chat = Translate.Request(WireDialect.Anthropic, body.ToJsonString(), WireDialect.OpenAi).Body;
        string direct = Translate.Request(WireDialect.Anthropic, body.ToJsonString(), WireDialect.Responses).Body;
        string roundabout = Translate.Request(WireDialect.OpenAi, chat, WireDialect.Responses).Body;
        Translate.Same(
            Translate.Request(WireDialect.Responses, direct, WireDialect.OpenAi).Body,
            Translate.Request(WireDialect.Responses, roundabout, WireDialect.OpenAi).Body);
    }).QuickCheckThrowOnFailure();

    /// <summary>The same conversation, a turn longer, begins with the same blocks.</summary>
    [Fact]
    public void A_longer_conversation_shares_its_prefix() => Prop.ForAll<int>(seed =>
    {
        JsonNode body = JsonNode.Parse(Translate.Request(
            WireDialect.Anthropic, Conversation(seed).ToJsonString(), WireDialect.Responses).Body)!;
        ulong[] shorter = HashesOf(body);
        body["input"]!.AsArray().Add(JsonNode.Parse(
            """{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"A long answer, of more than one block of text in any case.","annotations":[]}]}"""));
        body["input"]!.AsArray().Add(JsonNode.Parse("""{"role":"user","content":"and more"}"""));
        Assert.Equal(shorter, HashesOf(body)[..shorter.Length]);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_text_alone_and_a_message_of_it_have_the_same_blocks()
    {
        string text = string.Concat(Enumerable.Repeat("some words of a prompt ", 30));
        ulong[] plain = HashesOf(JsonNode.Parse($$"""{"model":"m","input":"{{text}}"}""")!);
        ulong[] item = HashesOf(JsonNode.Parse(
            $$"""{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"{{text}}"}]}]}""")!);

        Assert.True(plain.Length > 5);
        Assert.Equal(plain, item);
    }

    private static ulong[] HashesOf(JsonNode body)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body.ToJsonString());
        Assert.True(RequestReader.TryRead(WireDialect.Responses, bytes, false, out RequestFacts facts, out _));
        ulong[] hashes = new ulong[4096];
        return hashes[..PromptBlocks.Hash(facts, bytes, 7, hashes)];
    }

    [Fact]
    public void A_mutated_request_never_throws_and_what_comes_out_is_a_request()
    {
        byte[] original = Encoding.UTF8.GetBytes(Translate.Request(
            WireDialect.Anthropic, Conversation(5).ToJsonString(), WireDialect.Responses).Body);
        var random = new Random(20261122);
        int translated = 0;
        int refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            byte[] mutated = Mutation.Of(original, random);
            if (!RequestReader.TryRead(WireDialect.Responses, mutated, false, out _, out _))
            {
                continue;
            }

            (_, RequestTranslation result) = Translate.Request(WireDialect.Responses, mutated, Others[i % 2]);
            translated += result.Problems.Count == 0 ? 1 : 0;
            refused += result.Problems.Count == 0 ? 0 : 1;
        }

        Assert.True(translated > 300 && refused > 50, $"{translated} translated, {refused} refused");
    }

    [Theory]
    [InlineData(WireDialect.Responses, WireDialect.Anthropic)]
    [InlineData(WireDialect.Responses, WireDialect.OpenAi)]
    [InlineData(WireDialect.Anthropic, WireDialect.Responses)]
    [InlineData(WireDialect.OpenAi, WireDialect.Responses)]
    public void A_mutated_stream_never_throws_and_only_whole_events_of_JSON_go_out(WireDialect from, WireDialect to)
    {
        byte[] stream = Encoding.UTF8.GetBytes(string.Concat(from switch
        {
            WireDialect.Responses => Answers.ResponseStream,
            WireDialect.Anthropic => Answers.AnthropicStream,
            _ => Answers.OpenAiStream(withUsage: true),
        }));
        var random = new Random(20261122);
        int whole = 0;
        for (int i = 0; i < 5_000; i++)
        {
            string sent = Translate.Stream(from, Mutation.Of(stream, random), to: to);
            List<JsonNode> events = Translate.DataOf(sent);
            bool isWhole = sent.Contains("event: response.completed", StringComparison.Ordinal)
                || sent.Contains("message_stop", StringComparison.Ordinal)
                || sent.Contains("[DONE]", StringComparison.Ordinal);
            whole += isWhole ? 1 : 0;
            if (isWhole && to == WireDialect.Responses)
            {
                ResponsesOrder.Check(events);
            }
        }

        Assert.InRange(whole, 100, 4_999);
    }

    [Theory]
    [InlineData(WireDialect.Responses, WireDialect.Anthropic)]
    [InlineData(WireDialect.Responses, WireDialect.OpenAi)]
    [InlineData(WireDialect.Anthropic, WireDialect.Responses)]
    [InlineData(WireDialect.OpenAi, WireDialect.Responses)]
    public void A_mutated_answer_never_throws_and_what_comes_out_is_an_answer(WireDialect from, WireDialect to)
    {
        byte[] original = Encoding.UTF8.GetBytes(from switch
        {
            WireDialect.Responses => Answers.Response,
            WireDialect.Anthropic => Answers.AnthropicMessage,
            _ => Answers.OpenAiCompletion,
        });
        var random = new Random(20261122);
        int translated = 0;
        for (int i = 0; i < 10_000; i++)
        {
            byte[] mutated = Mutation.Of(original, random);
            if (ResponseReader.TryRead(from, mutated, out ResponseFacts facts) && !facts.IsError
                && Translate.Answer(from, mutated, to) is { } answer)
            {
                translated++;
                Assert.True(ResponseReader.TryRead(to, Encoding.UTF8.GetBytes(answer), out _), answer);
            }
        }

        Assert.True(translated > 1_000, $"{translated} translated");
    }

    /// <summary>A stream cut anywhere is never taken for a whole one, and what the client got of it is whole events.
    /// </summary>
    [Theory]
    [InlineData(WireDialect.Responses, WireDialect.Anthropic)]
    [InlineData(WireDialect.Anthropic, WireDialect.Responses)]
    [InlineData(WireDialect.OpenAi, WireDialect.Responses)]
    public void A_stream_cut_at_any_byte_is_never_taken_for_whole(WireDialect from, WireDialect to)
    {
        string stream = string.Concat(from switch
        {
            WireDialect.Responses => Answers.ResponseStream,
            WireDialect.Anthropic => Answers.AnthropicStream,
            _ => Answers.OpenAiStream(withUsage: true),
        });
        byte[] bytes = Encoding.UTF8.GetBytes(stream);
        string end = Translate.Stream(from, bytes, to: to);
        for (int length = 0; length < bytes.Length - 2; length++)
        {
            // A line cut short can look like one that clients pass over, which is said as a comment.
            string sent = Translate.Stream(from, bytes[..length], to: to).Replace(": \n\n", "", StringComparison.Ordinal);
            Assert.True(end.StartsWith(sent, StringComparison.Ordinal) && sent.Length < end.Length, $"cut at {length}");
        }
    }
}
