using System.Text.Json;

namespace Forebay.TestKit.Providers.Shapes;

/// <summary>What every provider of OpenAI chat completions checks of a body.</summary>
public static class ChatRules
{
    private static readonly string[] OfAnthropic =
        ["system", "stop_sequences", "anthropic_version", "thinking", "output_config", "inference_geo"];

    /// <summary>What is wrong with a body; null for nothing.</summary>
    public static ProviderRefusal? Check(JsonElement body)
    {
        if (!body.TryGetProperty("messages", out JsonElement messages) || messages.ValueKind != JsonValueKind.Array
            || messages.GetArrayLength() == 0)
        {
            return ProviderRefusal.Invalid("Missing required parameter: 'messages'.");
        }

        if (Array.Find(OfAnthropic, f => body.TryGetProperty(f, out _)) is { } foreign)
        {
            return ProviderRefusal.Invalid($"Unrecognized request argument supplied: {foreign}");
        }

        HashSet<string> open = [];
        foreach (JsonElement message in messages.EnumerateArray())
        {
            string? role = message.GetProperty("role").GetString();
            if (role == "tool")
            {
                if (!open.Remove(message.GetProperty("tool_call_id").GetString()!))
                {
                    return ProviderRefusal.Invalid(
                        "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.");
                }

                continue;
            }

            if (open.Count > 0)
            {
                return ProviderRefusal.Invalid(
                    "An assistant message with 'tool_calls' must be followed by tool messages: " + string.Join(", ", open));
            }

            if (message.TryGetProperty("tool_calls", out JsonElement calls) && calls.ValueKind == JsonValueKind.Array)
            {
                open = [.. calls.EnumerateArray().Select(c => c.GetProperty("id").GetString()!)];
            }
        }

        return null;
    }
}
