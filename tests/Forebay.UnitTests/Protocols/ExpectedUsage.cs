using System.Text.Json;
using Forebay.Protocols;

namespace Forebay.UnitTests.Protocols;

/// <summary>The usage of recorded responses, computed a second way: over whole documents, by the rule in
/// docs/reference/wire.md.</summary>
internal static class ExpectedUsage
{
    public static WireUsage OfAnthropicStream(IEnumerable<string> events)
    {
        var last = new Dictionary<string, long>();
        foreach (string data in events)
        {
            using JsonDocument document = JsonDocument.Parse(data);
            JsonElement root = document.RootElement;
            JsonElement holder = root.TryGetProperty("message", out JsonElement message) ? message : root;
            if (root.GetProperty("type").GetString() is "message_start" or "message_delta"
                && holder.TryGetProperty("usage", out JsonElement usage))
            {
                Collect(usage, last);
            }
        }

        return Anthropic(last);
    }

    public static WireUsage OfAnthropicMessage(JsonElement message)
    {
        var counts = new Dictionary<string, long>();
        if (message.TryGetProperty("usage", out JsonElement usage))
        {
            Collect(usage, counts);
        }

        return Anthropic(counts);
    }

    public static WireUsage OfOpenAi(IEnumerable<JsonElement> bodies)
    {
        var result = default(WireUsage);
        foreach (JsonElement body in bodies)
        {
            if (!body.TryGetProperty("usage", out JsonElement usage) || usage.ValueKind != JsonValueKind.Object)
            {
                continue;
            }

            long prompt = usage.GetProperty("prompt_tokens").GetInt64();
            long output = usage.GetProperty("completion_tokens").GetInt64();
            long total = usage.GetProperty("total_tokens").GetInt64();
            long cached = Detail(usage, "prompt_tokens_details", "cached_tokens");
            long written = Detail(usage, "prompt_tokens_details", "cache_write_tokens");
            long reasoning = Detail(usage, "completion_tokens_details", "reasoning_tokens");
            output = total == prompt + output + reasoning ? output + reasoning : output;
            result = new WireUsage(true, prompt - cached - written, cached, written, output);
        }

        return result;
    }

    private static void Collect(JsonElement usage, Dictionary<string, long> counts)
    {
        foreach (JsonProperty member in usage.EnumerateObject().Where(m => m.Value.ValueKind == JsonValueKind.Number))
        {
            counts[member.Name] = member.Value.GetInt64();
        }
    }

    private static WireUsage Anthropic(Dictionary<string, long> counts) => new(
        counts.ContainsKey("input_tokens") || counts.ContainsKey("output_tokens"),
        counts.GetValueOrDefault("input_tokens"),
        counts.GetValueOrDefault("cache_read_input_tokens"),
        counts.GetValueOrDefault("cache_creation_input_tokens"),
        counts.GetValueOrDefault("output_tokens"));

    private static long Detail(JsonElement usage, string group, string name) =>
        usage.TryGetProperty(group, out JsonElement details) && details.ValueKind == JsonValueKind.Object
        && details.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            ? value.GetInt64()
            : 0;
}
