using System.Text;
using System.Text.Json;
using Forebay.Core.Serving;
using Forebay.Core.Usage;
using Forebay.TestKit.Upstreams;

namespace Forebay.FunctionalTests.Storm;

/// <summary>
/// A model whose answer is a function of the question's number: so every answer can be compared with what it must be,
/// whoever gave it and however many went on with it. A token is a word with the white space before it, so counts add up
/// over the parts of an answer.
/// </summary>
internal static class StormModel
{
    /// <summary>No longer than three bytes, so that four bytes of text are never more than one token.</summary>
    private static readonly string[] Words =
    [
        "a", "to", "war", "é", "水", "\"", "\\", "{}", "<b>", "/", "]}", "0", ":", "ß!", "'", "id", "\u007f", "[",
    ];

    /// <summary>The tokens of the whole answer.</summary>
    public static IReadOnlyList<string> TokensOf(int number)
    {
        var random = new Random(number);
        int count = random.Next(2, 36);
        return
        [
            .. Enumerable.Range(0, count).Select(
                i => (i == 0 ? "" : random.Next(5) == 0 ? "\n" : " ") + Words[random.Next(Words.Length)]),
        ];
    }

    public static string TextOf(int number) => string.Concat(TokensOf(number));

    /// <summary>What any upstream reports for the whole answer.</summary>
    public static TokenUsage UsageOf(int number) =>
        new(20 + number % 31, number % 7, 0, TokensOf(number).Count);

    /// <summary>Which token comes after a beginning of the answer; null where it is none.</summary>
    public static int? After(int number, string begun)
    {
        int at = 0;
        int token = 0;
        foreach (string one in TokensOf(number))
        {
            if (at == begun.Length)
            {
                break;
            }

            at += one.Length;
            token++;
        }

        return at == begun.Length && TextOf(number).StartsWith(begun, StringComparison.Ordinal) ? token : null;
    }

    /// <summary>The answer in one piece.</summary>
    public static string Whole(Dialect dialect, int number, string model)
    {
        TokenUsage usage = UsageOf(number);
        string text = JsonSerializer.Serialize(TextOf(number));
        return dialect == Dialect.Anthropic
            ? $$$"""{"id":"msg_{{{number}}}","type":"message","role":"assistant","model":"{{{model}}}","content":[{"type":"text","text":{{{text}}}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":{{{usage.Input}}},"cache_read_input_tokens":{{{usage.CacheRead}}},"cache_creation_input_tokens":0,"output_tokens":{{{usage.Output}}} } }"""
            : $$$"""{"id":"chatcmpl-{{{number}}}","object":"chat.completion","created":{{{number}}},"model":"{{{model}}}","choices":[{"index":0,"message":{"role":"assistant","content":{{{text}}}},"finish_reason":"stop"}],"usage":{"prompt_tokens":{{{usage.Prompt}}},"completion_tokens":{{{usage.Output}}},"total_tokens":{{{usage.Prompt + usage.Output}}},"prompt_tokens_details":{"cached_tokens":{{{usage.CacheRead}}} } } }""";
    }

    /// <summary>The events of the answer from a token on; the ones before are counted as part of the prompt.</summary>
    public static IReadOnlyList<string> Stream(Dialect dialect, int number, string model, int from, bool withUsage) =>
        dialect == Dialect.Anthropic ? Messages(number, model, from) : Chunks(number, model, from, withUsage);

    private static List<string> Messages(int number, string model, int from)
    {
        TokenUsage usage = UsageOf(number);
        var events = new List<string>
        {
            Answers.Named("message_start", $$$"""{"type":"message_start","message":{"id":"msg_{{{number}}}","type":"message","role":"assistant","model":"{{{model}}}","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":{{{usage.Input + from}}},"cache_read_input_tokens":{{{usage.CacheRead}}},"cache_creation_input_tokens":0,"output_tokens":1} } }"""),
            Answers.Named("content_block_start", """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"""),
        };
        events.AddRange(TokensOf(number).Skip(from).Select(t => Answers.Named(
            "content_block_delta",
            $$$"""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":{{{JsonSerializer.Serialize(t)}}} } }""")));
        events.Add(Answers.Named("content_block_stop", """{"type":"content_block_stop","index":0}"""));
        events.Add(Answers.Named("message_delta", $$$"""{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":{{{usage.Output - from}}} } }"""));
        events.Add(Answers.Named("message_stop", """{"type":"message_stop"}"""));
        return events;
    }

    private static List<string> Chunks(int number, string model, int from, bool withUsage)
    {
        TokenUsage usage = UsageOf(number);
        string head = $$"""data: {"id":"chatcmpl-{{number}}","object":"chat.completion.chunk","created":{{number}},"model":"{{model}}","choices":[""";
        var events = new List<string>
        {
            head + """{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}""" + "\n\n",
        };
        events.AddRange(TokensOf(number).Skip(from).Select(t =>
            head + $$$"""{"index":0,"delta":{"content":{{{JsonSerializer.Serialize(t)}}} },"finish_reason":null}]}""" + "\n\n"));
        events.Add(head + """{"index":0,"delta":{},"finish_reason":"stop"}]}""" + "\n\n");
        if (withUsage)
        {
            long prompt = usage.Prompt + from;
            long output = usage.Output - from;
            events.Add(head + $$$"""],"usage":{"prompt_tokens":{{{prompt}}},"completion_tokens":{{{output}}},"total_tokens":{{{prompt + output}}},"prompt_tokens_details":{"cached_tokens":{{{usage.CacheRead}}} } } }""" + "\n\n");
        }

        events.Add("data: [DONE]\n\n");
        return events;
    }

    /// <summary>The events as bytes; the tests compare these.</summary>
    public static byte[] Bytes(IEnumerable<string> events) => Encoding.UTF8.GetBytes(string.Concat(events));
}
