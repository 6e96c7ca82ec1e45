using System.Text;
using System.Text.Json.Nodes;
using Forebay.Protocols;
using Forebay.TestKit;
using Xunit;

namespace Forebay.UnitTests.Protocols.Translation;

/// <summary>What real servers sent, through the translators.</summary>
public sealed class RecordedTranslationTests
{
    private const string AiSdkFixtures = "api/data/ai-sdk-fixtures";
    private const string Captured = "api/data/captured";

    private static readonly string[] OwnTools = ["server_tool_use", "_tool_result", "mcp_tool", "compaction", "fallback"];

    private static List<string> Files(string relative, string pattern)
    {
        string? path = SharedFiles.Find(relative);
        if (path is null)
        {
            Assert.Skip(SharedFiles.SkipReason(relative));
        }

        return [.. Directory.EnumerateFiles(path, pattern).Order(StringComparer.Ordinal)];
    }

    private static string TextOf(IEnumerable<JsonNode?> pieces) =>
        string.Concat(pieces.Select(p => p?.GetValue<string>() ?? ""));

    /// <summary>What the tools of a stream are called with, one after the other; a tool that takes nothing with an empty
    /// object, which the stream leaves out.</summary>
    private static string InputsOf(JsonNode[] events) => string.Concat(events
        .Where(e => e["content_block"]?["type"]?.GetValue<string>() == "tool_use")
        .DistinctBy(e => e["index"]!.GetValue<int>())
        .Select(start => TextOf(events
            .Where(e => e["delta"] is not null && e["index"]?.GetValue<int>() == start["index"]!.GetValue<int>())
            .Select(e => e["delta"]!["partial_json"])))
        .Select(input => input.Length == 0 ? "{}" : input));

    [Fact]
    public void Anthropic_streams_keep_their_text_and_tool_input()
    {
        int streams = 0;
        foreach (string file in Files(AiSdkFixtures, "anthropic*.chunks.txt"))
        {
            string all = File.ReadAllText(file);
            string[] lines = [.. all.Split('\n').Where(l => l.Length > 0)];
            bool isOne = lines.Count(l => l.StartsWith("{\"type\":\"message_stop\"", StringComparison.Ordinal)) == 1;
            if (!isOne || OwnTools.Any(t => all.Contains(t, StringComparison.Ordinal)))
            {
                continue;
            }

            string stream = string.Concat(lines.Select(l => $"event: {JsonNode.Parse(l)!["type"]}\ndata: {l}\n\n"));
            JsonNode[] deltas = [.. lines.Select(l => JsonNode.Parse(l)!["delta"]!).Where(d => d is not null)];
            JsonNode[] chunks = [.. Translate.DataOf(Translate.Stream(WireDialect.Anthropic, stream)).SkipLast(2)];
            JsonNode[] said = [.. chunks.Select(c => c["choices"]![0]!["delta"]!)];

            Assert.Equal(TextOf(deltas.Select(d => d["text"])), TextOf(said.Select(d => d["content"])));
            Assert.Equal(TextOf(deltas.Select(d => d["thinking"])), TextOf(said.Select(d => d["reasoning_content"])));
            Assert.Equal(
                InputsOf([.. lines.Select(l => JsonNode.Parse(l)!)]),
                TextOf(said.Select(d => d["tool_calls"]?[0]?["function"]?["arguments"])));
            streams++;
        }

        Assert.True(streams >= 8, $"{streams} streams");
    }

    [Fact]
    public void OpenAI_streams_keep_their_text_and_arguments_in_blocks_that_never_interleave()
    {
        int streams = 0;
        foreach (string file in Files(AiSdkFixtures, "openai*.chunks.txt").Concat(Files(AiSdkFixtures, "*.sse")))
        {
            string all = File.ReadAllText(file);
            string[] lines = [.. all.Split('\n').Select(l => l.StartsWith("data: ", StringComparison.Ordinal) ? l[6..] : l)
                .Where(l => l.Length > 0 && l != "[DONE]")];
            string stream = string.Concat(lines.Append("[DONE]").Select(l => $"data: {l}\n\n"));
            JsonNode[] deltas = [.. lines.SelectMany(l => JsonNode.Parse(l)!["choices"]!.AsArray()).Select(c => c!["delta"]!)];
            List<JsonNode> events = Translate.DataOf(Translate.Stream(WireDialect.OpenAi, stream));
            JsonNode[] said =
            [
                .. events.Where(e => e["type"]!.GetValue<string>() == "content_block_delta").Select(e => e["delta"]!),
            ];

            Assert.Equal(TextOf(deltas.Select(d => d["content"])), TextOf(said.Select(d => d["text"])));
            Assert.Equal(TextOf(deltas.Select(d => d["reasoning_content"])), TextOf(said.Select(d => d["thinking"])));
            Assert.Equal(
                TextOf(deltas.Select(d => d["tool_calls"]?[0]?["function"]?["arguments"])),
                TextOf(said.Select(d => d["partial_json"])));
            int open = -1;
            int next = 0;
            foreach (JsonNode ev in events)
            {
                switch (ev["type"]!.GetValue<string>())
                {
                    case "content_block_start":
                        Assert.Equal((-1, next), (open, ev["index"]!.GetValue<int>()));
                        open = next++;
                        break;
                    case "content_block_delta":
                        Assert.Equal(open, ev["index"]!.GetValue<int>());
                        break;
                    case "content_block_stop":
                        Assert.Equal(open, ev["index"]!.GetValue<int>());
                        open = -1;
                        break;
                }
            }

            Assert.Equal("message_stop", events[^1]["type"]!.GetValue<string>());
            streams++;
        }

        Assert.Equal(5, streams);
    }

    [Fact]
    public void Whole_answers_keep_their_text()
    {
        int answers = 0;
        foreach (string file in Files(AiSdkFixtures, "*.json"))
        {
            byte[] bytes = File.ReadAllBytes(file);
            JsonNode body = JsonNode.Parse(bytes)!;
            if (body["stop_reason"] is not null)
            {
                JsonNode said = JsonNode.Parse(Translate.Answer(WireDialect.Anthropic, bytes)!)!["choices"]![0]!["message"]!;
                Assert.Equal(
                    TextOf(body["content"]!.AsArray().Select(b => b!["type"]!.GetValue<string>() == "text" ? b["text"] : null)),
                    TextOf([said["content"]]));
                answers++;
            }
            else if (body["choices"] is not null)
            {
                JsonNode said = JsonNode.Parse(Translate.Answer(WireDialect.OpenAi, bytes)!)!;
                Assert.Equal(
                    TextOf([body["choices"]![0]!["message"]!["content"]]),
                    TextOf(said["content"]!.AsArray().Select(b => b!["text"])));
                answers++;
            }
        }

        Assert.True(answers >= 30, $"{answers} answers");
    }

    [Fact]
    public void Requests_that_clients_sent_are_translated_or_refused_by_name()
    {
        int translated = 0;
        int refused = 0;
        foreach (string file in Files(Captured, "*.jsonl"))
        {
            foreach (string line in File.ReadLines(file).Where(l => l.Length > 0))
            {
                JsonNode entry = JsonNode.Parse(line)!;
                string? path = (entry["path"] ?? entry["url"])?.GetValue<string>().Split('?')[0];
                string? body = entry["body"] is JsonValue text ? text.GetValue<string>() : entry["body"]?.ToJsonString();
                WireDialect? dialect = path switch
                {
                    "/v1/messages" => WireDialect.Anthropic,
                    "/v1/chat/completions" => WireDialect.OpenAi,
                    _ => null,
                };
                if (dialect is not { } from || body is null
                    || !RequestReader.TryRead(from, Encoding.UTF8.GetBytes(body), false, out _, out _))
                {
                    continue;
                }

                (_, RequestTranslation result) = Translate.Request(from, body);
                translated += result.Problems.Count == 0 ? 1 : 0;
                refused += result.Problems.Count == 0 ? 0 : 1;
                // One capture sends a field that nobody knows, on purpose.
                Assert.DoesNotContain(
                    result.Problems,
                    p => p.Contains("is not known here", StringComparison.Ordinal)
                        && !p.StartsWith("x_", StringComparison.Ordinal));
            }
        }

        Assert.True(translated > 20, $"{translated} translated, {refused} refused");
    }
}
