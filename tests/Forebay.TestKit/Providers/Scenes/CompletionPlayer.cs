using System.Text.Json;

namespace Forebay.TestKit.Providers.Scenes;

/// <summary>Takes a whole chat completion apart into the chunks that stream it.</summary>
internal static class CompletionPlayer
{
    private static readonly string[] Streamed = ["reasoning_content", "content", "refusal"];

    public static IReadOnlyList<string> Chunks(Scene scene, string model, bool withUsage)
    {
        string usage = withUsage ? ""","usage":null""" : "";
        using JsonDocument parsed = JsonDocument.Parse(scene.OpenAiMessage);
        JsonElement message = parsed.RootElement;
        var deltas = new List<string> { """{"role":"assistant","content":""}""" };
        foreach (string member in Streamed)
        {
            if (message.TryGetProperty(member, out JsonElement text) && text.ValueKind == JsonValueKind.String)
            {
                deltas.AddRange(MessagePlayer.Pieces(text.GetString()!).Select(p => $$"""{"{{member}}":{{p}}}"""));
            }
        }

        if (message.TryGetProperty("tool_calls", out JsonElement calls))
        {
            deltas.AddRange(calls.EnumerateArray().SelectMany(CallDeltas));
        }

        foreach (JsonProperty other in message.EnumerateObject().Where(
            p => !Streamed.Contains(p.Name) && p.Name is not ("role" or "tool_calls")))
        {
            deltas.Add($$"""{"{{other.Name}}":{{other.Value.GetRawText()}}}""");
        }

        var chunks = new List<string>();
        for (int i = 0; i < deltas.Count; i++)
        {
            string logProbs = i == 1 ? scene.LogProbs : "null";
            chunks.Add(Chunk(
                model,
                $$"""{"index":0,"delta":{{deltas[i]}},"logprobs":{{logProbs}},"finish_reason":null}""",
                (i == 0 ? scene.UnknownMembers : "") + usage));
        }

        chunks.Add(Chunk(
            model, $$"""{"index":0,"delta":{},"logprobs":null,"finish_reason":"{{scene.FinishReason}}"}""", usage));
        if (withUsage)
        {
            chunks.Add(Chunk(model, "", $$""","usage":{{scene.OpenAiUsage}}"""));
        }

        return chunks;
    }

    private static IEnumerable<string> CallDeltas(JsonElement call, int index)
    {
        JsonElement function = call.GetProperty("function");
        yield return $$$"""{"tool_calls":[{"index":{{{index}}},"id":{{{call.GetProperty("id").GetRawText()}}},"type":"function","function":{"name":{{{function.GetProperty("name").GetRawText()}}},"arguments":""}}]}""";
        foreach (string piece in MessagePlayer.Pieces(function.GetProperty("arguments").GetString()!))
        {
            yield return $$$"""{"tool_calls":[{"index":{{{index}}},"function":{"arguments":{{{piece}}}}}]}""";
        }
    }

    private static string Chunk(string model, string choice, string tail) =>
        $$"""{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,"model":"{{model}}","choices":[{{choice}}]{{tail}}}""";
}
