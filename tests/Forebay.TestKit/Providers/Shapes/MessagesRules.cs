using System.Text.Json;
using Forebay.TestKit.Providers.Scenes;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>What every provider of Anthropic Messages checks of a body, whatever stands around it.</summary>
public static class MessagesRules
{
    private const int MostCacheMarkers = 4;

    private static readonly string[] Sampling = ["temperature", "top_p", "top_k"];

    /// <summary>What is wrong with a body; null for nothing.</summary>
    /// <param name="body">The body.</param>
    /// <param name="isNewest">Whether the API version is 2026-10-21, which took sampling away.</param>
    /// <param name="counts">Whether tokens are counted, which takes less.</param>
    public static ProviderRefusal? Check(JsonElement body, bool isNewest, bool counts)
    {
        if (!body.TryGetProperty("messages", out JsonElement messages) || messages.ValueKind != JsonValueKind.Array
            || messages.GetArrayLength() == 0)
        {
            return ProviderRefusal.Invalid("messages: Field required");
        }

        if (!counts && (!body.TryGetProperty("max_tokens", out JsonElement most) || !most.TryGetInt64(out _)))
        {
            return ProviderRefusal.Invalid("max_tokens: Field required");
        }

        if (isNewest && Array.Find(Sampling, f => body.TryGetProperty(f, out _)) is { } sampling)
        {
            return ProviderRefusal.Invalid($"{sampling}: Extra inputs are not permitted");
        }

        if (counts && body.TryGetProperty("max_tokens", out _))
        {
            return ProviderRefusal.Invalid("max_tokens: Extra inputs are not permitted");
        }

        int markers = CountMembers(body, "cache_control");
        return markers > MostCacheMarkers
            ? ProviderRefusal.Invalid(
                $"A maximum of 4 blocks with cache_control may be provided. Found {markers}.")
            : CheckTurns(messages);
    }

    private static ProviderRefusal? CheckTurns(JsonElement messages)
    {
        HashSet<string> open = [];
        foreach (JsonElement turn in messages.EnumerateArray())
        {
            string? role = turn.GetProperty("role").GetString();
            if (role is not ("user" or "assistant" or "system"))
            {
                return ProviderRefusal.Invalid($"messages.role: '{role}' is not one of user, assistant, system");
            }

            HashSet<string> answered = [];
            foreach (JsonElement block in BlocksOf(turn))
            {
                string? type = block.GetProperty("type").GetString();
                if (type == "tool_result")
                {
                    answered.Add(block.GetProperty("tool_use_id").GetString()!);
                }
                else if (type == "thinking" && !Scene.IsSigned(
                    block.GetProperty("thinking").GetString()!, block.GetProperty("signature").GetString()!))
                {
                    return ProviderRefusal.Invalid("messages: Invalid `signature` in `thinking` block");
                }
                else if (type == "redacted_thinking" && block.GetProperty("data").GetString() != Scene.RedactedData)
                {
                    return ProviderRefusal.Invalid("messages: Invalid `data` in `redacted_thinking` block");
                }
            }

            open.ExceptWith(answered);
            if (role == "user" && open.Count > 0)
            {
                return ProviderRefusal.Invalid(
                    $"messages: `tool_use` ids were found without `tool_result` blocks: {string.Join(", ", open)}");
            }

            open.UnionWith(BlocksOf(turn).Where(b => b.GetProperty("type").GetString() == "tool_use")
                .Select(b => b.GetProperty("id").GetString()!));
        }

        return null;
    }

    private static JsonElement.ArrayEnumerator BlocksOf(JsonElement turn) =>
        turn.TryGetProperty("content", out JsonElement content) && content.ValueKind == JsonValueKind.Array
            ? content.EnumerateArray()
            : default;

    private static int CountMembers(JsonElement element, string name) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().Sum(
            p => (p.NameEquals(name) && p.Value.ValueKind == JsonValueKind.Object ? 1 : 0) + CountMembers(p.Value, name)),
        JsonValueKind.Array => element.EnumerateArray().Sum(e => CountMembers(e, name)),
        _ => 0,
    };
}
