using System.Text;
using System.Text.Json.Nodes;
using Forebay.TestKit.Upstreams;

namespace Forebay.TestKit.Fuzzing;

/// <summary>What fuzzing starts from: requests and streams as real clients and providers send them. Recorded ones are
/// added where they lie beside the repository.</summary>
public static class Corpus
{
    private const string Written = """
        {"model":"cl\u0061ude","max_tokens":16,"stream":true,"stream_options":{"include_usage":false,"x":[1,-0.5e+3]},
        "system":[{"type":"text","text":"a\n\"b\" é","cache_control":{"type":"ephemeral"}}],"metadata":{"user_id":"u"},
        "tools":[{"name":"t","description":"d","input_schema":{"type":"object","required":["a"]}}],"temperature":0.5,
        "messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"i",
        "name":"t","input":{"a":[true,null,1.5]}}]},{"content":[{"type":"image","source":{"type":"base64","data":"A"}}],
        "role":"user"}],"thinking":{"type":"enabled","budget_tokens":1024},"extra":{}}
        """;

    /// <summary>Request bodies of both dialects, none longer than 16 KiB.</summary>
    public static IReadOnlyList<byte[]> Requests { get; } = [.. RequestTexts().Select(Encoding.UTF8.GetBytes)];

    /// <summary>Whole answers of both dialects.</summary>
    public static IReadOnlyList<byte[]> AnswerBodies { get; } =
    [
        Encoding.UTF8.GetBytes(Answers.AnthropicMessage),
        Encoding.UTF8.GetBytes(Answers.OpenAiCompletion),
        Encoding.UTF8.GetBytes(Answers.Response),
        .. Wholes("anthropic__*.json"),
        .. Wholes("openai__*.json"),
    ];

    /// <summary>Whole Anthropic streams.</summary>
    public static IReadOnlyList<byte[]> AnthropicStreams { get; } =
        [Encoding.UTF8.GetBytes(string.Concat(Answers.AnthropicStream)), .. Recorded("anthropic__*.chunks.txt", named: true)];

    /// <summary>Whole OpenAI streams.</summary>
    public static IReadOnlyList<byte[]> OpenAiStreams { get; } =
    [
        Encoding.UTF8.GetBytes(string.Concat(Answers.OpenAiStream(true))),
        Encoding.UTF8.GetBytes(string.Concat(Answers.OpenAiStream(false))),
        .. Recorded("openai__*.chunks.txt", named: false),
    ];

    /// <summary>Whole streams of the Responses dialect.</summary>
    public static IReadOnlyList<byte[]> ResponseStreams { get; } =
        [Encoding.UTF8.GetBytes(string.Concat(Answers.ResponseStream))];

    /// <summary>A damaged member of a corpus.</summary>
    public static byte[] Damaged(IReadOnlyList<byte[]> corpus, Random random) => ByteMutation.Of(
        corpus[random.Next(corpus.Count)], corpus[random.Next(corpus.Count)], random);

    private static IEnumerable<string> RequestTexts()
    {
        yield return Written;
        yield return """{"model":"atlas","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}""";
        yield return """{"model":"atlas","input":"Hi","stream":true,"store":false,"include":["reasoning.encrypted_content"]}""";
        yield return """
            {"model":"atlas","instructions":"Be brief","previous_response_id":"resp_1","max_output_tokens":64,"input":[
            {"role":"user","content":[{"type":"input_text","text":"a\n\"b\" é"},
            {"type":"input_image","image_url":"data:image/png;base64,AA"}]},
            {"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAA"},{"type":"item_reference","id":"msg_1"},
            {"type":"function_call","call_id":"c","name":"t","arguments":"{\"a\":1}"},
            {"type":"function_call_output","call_id":"c","output":"ok"}],"tools":[{"type":"function","name":"t",
            "parameters":{"type":"object"},"strict":true}],"reasoning":{"effort":"low"},"text":{"format":{"type":"text"}}}
            """;
        yield return """{"stream_options":null,"stream":true,"model":"atlas","messages":[{"role":"user","content":"Hi"}]}""";
        if (SharedFiles.Find("api/data/captured") is not { } folder)
        {
            yield break;
        }

        foreach (string line in Directory.GetFiles(folder, "*.jsonl").Order().SelectMany(File.ReadLines))
        {
            if (JsonNode.Parse(line)!["body"] is JsonObject body && body.ToJsonString() is { Length: < 16_384 } text)
            {
                yield return text;
            }
        }
    }

    private static IEnumerable<byte[]> Wholes(string pattern) =>
        SharedFiles.Find("api/data/ai-sdk-fixtures") is { } folder
            ? Directory.GetFiles(folder, pattern).Order().Select(File.ReadAllBytes).Where(b => b.Length < 16_384)
            : [];

    /// <summary>The recordings hold one event's data a line.</summary>
    private static IEnumerable<byte[]> Recorded(string pattern, bool named)
    {
        if (SharedFiles.Find("api/data/ai-sdk-fixtures") is not { } folder)
        {
            yield break;
        }

        foreach (string file in Directory.GetFiles(folder, pattern).Order())
        {
            var stream = new StringBuilder();
            foreach (string line in File.ReadLines(file).Take(40))
            {
                string? type = named ? JsonNode.Parse(line)?["type"]?.GetValue<string>() : null;
                stream.Append(type is null ? "" : $"event: {type}\n").Append($"data: {line}\n\n");
            }

            if (stream.Length < 16_384)
            {
                yield return Encoding.UTF8.GetBytes(stream.ToString());
            }
        }
    }
}
