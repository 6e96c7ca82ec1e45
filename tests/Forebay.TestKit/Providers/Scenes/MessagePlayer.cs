using System.Text.Encodings.Web;
using System.Text.Json;

namespace Forebay.TestKit.Providers.Scenes;

/// <summary>Takes a whole Anthropic message apart into the events that stream it.</summary>
internal static class MessagePlayer
{
    private const int PieceLength = 7;

    /// <summary>Writes characters as they are, as vendors do.</summary>
    internal static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IReadOnlyList<string> Events(Scene scene, string model)
    {
        var events = new List<string>
        {
            $$$"""{"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"{{{model}}}","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"container":null{{{scene.UnknownMembers}}},"usage":{{{scene.AnthropicUsage(1)}}}}}""",
        };
        events.AddRange(scene.UnknownEvents);
        using JsonDocument content = JsonDocument.Parse(scene.AnthropicContent);
        int index = 0;
        foreach (JsonElement block in content.RootElement.EnumerateArray())
        {
            (string start, IEnumerable<string> deltas) = Parts(block);
            events.Add($$"""{"type":"content_block_start","index":{{index}},"content_block":{{start}}}""");
            if (index == 0)
            {
                events.Add("""{"type":"ping"}""");
            }

            int at = index;
            events.AddRange(deltas.Select(
                delta => $$"""{"type":"content_block_delta","index":{{at}},"delta":{{delta}}}"""));
            events.Add($$"""{"type":"content_block_stop","index":{{index++}}}""");
        }

        events.Add($$"""{"type":"message_delta","delta":{"stop_reason":"{{scene.StopReason}}","stop_sequence":{{scene.StopSequence}},"stop_details":{{scene.StopDetails}},"container":null},"usage":{{scene.AnthropicUsage(7)}}}""");
        events.Add("""{"type":"message_stop"}""");
        return events;
    }

    /// <summary>How a block begins, and what is added to it.</summary>
    private static (string Start, IEnumerable<string> Deltas) Parts(JsonElement block)
    {
        switch (block.GetProperty("type").GetString())
        {
            case "text":
                IEnumerable<string> cited = block.GetProperty("citations") is { ValueKind: JsonValueKind.Array } citations
                    ? citations.EnumerateArray().Select(
                        c => $$"""{"type":"citations_delta","citation":{{c.GetRawText()}}}""").ToArray()
                    : [];
                return (
                    cited.Any() ? """{"type":"text","text":"","citations":[]}"""
                        : """{"type":"text","text":"","citations":null}""",
                    [.. Pieces(block.GetProperty("text").GetString()!)
                        .Select(p => $$"""{"type":"text_delta","text":{{p}}}"""), .. cited]);
            case "thinking":
                return (
                    """{"type":"thinking","thinking":"","signature":""}""",
                    [.. Pieces(block.GetProperty("thinking").GetString()!)
                        .Select(p => $$"""{"type":"thinking_delta","thinking":{{p}}}"""),
                    $$"""{"type":"signature_delta","signature":{{block.GetProperty("signature").GetRawText()}}}"""]);
            case "tool_use":
                return (
                    $$$"""{"type":"tool_use","id":{{{block.GetProperty("id").GetRawText()}}},"name":{{{block.GetProperty("name").GetRawText()}}},"input":{},"caller":{"type":"direct"}}""",
                    ["""{"type":"input_json_delta","partial_json":""}""",
                    .. Pieces(block.GetProperty("input").GetRawText())
                        .Select(p => $$"""{"type":"input_json_delta","partial_json":{{p}}}""")]);
            default:
                return (block.GetRawText(), []);
        }
    }

    /// <summary>The text in pieces of whole characters, each as a JSON string.</summary>
    internal static IEnumerable<string> Pieces(string text)
    {
        for (int at = 0; at < text.Length;)
        {
            int length = Math.Min(PieceLength, text.Length - at);
            length += at + length < text.Length && char.IsHighSurrogate(text[at + length - 1]) ? 1 : 0;
            yield return JsonSerializer.Serialize(text.Substring(at, length), Plain);
            at += length;
        }
    }
}
