using System.Text.Json;

namespace Forebay.Gateway.Providers.Vertex;

/// <summary>Google's error envelope: <c>{"error":{"code":400,"message":"...","status":"INVALID_ARGUMENT"}}</c>, in a
/// list of its own where a stream was asked for.</summary>
internal static class GoogleError
{
    /// <summary>What it says; null for anything else, Anthropic's envelope first of all.</summary>
    public static string? MessageOf(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            JsonElement root = document.RootElement;
            if (root is { ValueKind: JsonValueKind.Array } && root.GetArrayLength() > 0)
            {
                root = root[0];
            }

            return root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Object
                && error.TryGetProperty("code", out JsonElement code) && code.ValueKind == JsonValueKind.Number
                && error.TryGetProperty("message", out JsonElement message) && message.ValueKind == JsonValueKind.String
                    ? message.GetString()
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
